"""Authority that outlives its revocation."""

from __future__ import annotations

from grantline.model.policy import NS
from tests.truth.kind import abusive
from tests.truth.scene import MINUTES, Held, Scene

_ACCEPTED = "the resource server tells what it accepted, the revoker what it revoked"


@abusive("a revoked token is accepted minutes later", "TR-04", may="TR-04", twins=2, rest=_ACCEPTED)
def revoked(scene: Scene) -> None:
    made = scene.chain(scene.random.randint(1, 2), uses=1)
    if scene.twin == 1:
        scene.wait(1)
    else:
        scene.revoke(made[-1].holder, made[-1])
    scene.wait(MINUTES / 2)
    scene.use(made[-1].audience, made[-1], careless=scene.twin != 2, dispatch=True)


@abusive(
    "a revoked token is accepted seconds later, one clock tells both", "TR-04", twins=3,
    rest=_ACCEPTED,
)  # fmt: skip
def revoked_one_clock(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    own, server, start = made[-1], made[-1].audience, scene.now
    gap = scene.random.randint(3, 40)
    if scene.twin == 3:
        # The server's clock is ahead: what it accepted was not revoked yet, as others tell.
        scene.skew = {server: 2 * gap}
        scene.now = start + (1 - gap) * NS
        scene.accept(server, own)
        scene.now = start
    if scene.twin != 1:
        scene.revoke(server, own)
    if scene.twin != 3:
        scene.now = start + (1 + gap) * NS
        scene.accept(server, own, outcome="deny" if scene.twin == 2 else "allow")


@abusive("the child of a revoked token lives on for minutes", "TR-05", twins=2, rest=_ACCEPTED)
def child(scene: Scene) -> None:
    made = scene.chain(2, uses=1)
    above = made[scene.random.randint(0, 1)]
    _revoked_or_not(scene, above.holder, above)
    if scene.twin != 2:
        scene.use(made[-1].audience, made[-1])


@abusive(
    "the child of a revoked token is used seconds later, two clocks", "TR-05", twins=3,
    rest="revocation and use told by one clock: the issuer tells both, with evidence `issuer`",
)  # fmt: skip
def child_at_once(scene: Scene) -> None:
    made = scene.chain(2, uses=1)
    above, own = made[1], made[-1]
    start, gap = scene.now, scene.random.randint(5, 25)
    if scene.twin == 1:
        # The same told times of an honest run: who used it before has a clock that is ahead.
        scene.skew = dict.fromkeys((own.holder, own.audience), 2 * gap)
        scene.now = start - gap * NS
        scene.use(own.audience, own)
        scene.skew = {}
        scene.now = start
    if scene.twin != 2:
        scene.revoke(above.holder, above)
    if scene.twin in (0, 2):
        scene.now = start + gap * NS
        scene.use(own.audience, own)


@abusive(
    "revoked by issuer and jti, its child lives on", "TR-05", without="nameless", twins=2,
    rest="tokens with a jti; " + _ACCEPTED,
)  # fmt: skip
def by_jti(scene: Scene) -> None:
    made = scene.chain(2, uses=1)
    _revoked_or_not(scene, "soc", made[1], by_jti=True)
    if scene.twin != 2:
        scene.use(made[-1].audience, made[-1])


@abusive(
    "a child is exchanged after its ancestor's revocation", "TR-05", twins=3,
    rest="an audit log with jti and parent jti of every exchange, and of revocations",
)  # fmt: skip
def exchanged(scene: Scene) -> None:
    # A second login and child in one browser: a log without parents cannot tell which of them was
    # exchanged, though it names the session.
    scene.issuer.browser = f"sid-{scene.case}"
    first, second = scene.login(), scene.login()
    child = scene.exchange("planner", first, "worker")
    other = scene.exchange("planner", second, "worker")
    assert child
    assert other
    _revoked_or_not(scene, "app", first)
    if scene.twin != 2:
        by, to = scene.hop(1)
        assert scene.exchange(by, other if scene.twin == 3 else child, to)


@abusive(
    "a revoked token is exchanged, and refused", "TR-04", twins=3,
    rest="refused exchanges, with the token that was shown",
)  # fmt: skip
def tried(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    by, to = scene.hop(1)
    if scene.twin == 3:  # refused for another reason, which no span tells
        scene.issuer.revoke(made[-1].holder, made[-1].token)
        scene.wait(1 + MINUTES / 2)
    else:
        _revoked_or_not(scene, made[-1].holder, made[-1])
    if scene.twin != 2:
        scene.exchange(by, made[-1], to)


def _revoked_or_not(scene: Scene, by: str, held: Held, *, by_jti: bool = False) -> None:
    """The revocation, minutes before what follows; the first twin's never happened."""
    if scene.twin == 1:
        scene.wait(1)
    else:
        scene.revoke(by, held, by_jti=by_jti)
    scene.wait(MINUTES / 2)
