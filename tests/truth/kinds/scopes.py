"""Authority that grows."""

from __future__ import annotations

from tests.truth.kind import abusive
from tests.truth.scene import Scene

_SCOPES = "the scopes of every token given, in spans or in the issuer's log"


@abusive("an exchange gains a scope", "SE-01", needs="exchange widens", twins=2, rest=_SCOPES)
def widened(scene: Scene) -> None:
    # Another token of the same session that does hold the scope: a log without parents cannot tell
    # which of the two it was.
    scene.issuer.browser = f"sid-{scene.case}"
    made = scene.chain(1, uses=1)
    by, to = scene.hop(1)
    wide = scene.login(client="wide", scopes=["crm.read", "crm.export"])
    source = wide if scene.twin == 2 else made[-1]
    lower = scene.exchange(by, source, to, scene.scopes(to, more=scene.twin != 1))
    assert lower
    scene.use(to, lower)


@abusive(
    "an exchange for the same resource gains a scope", "SE-01", needs="exchange resources",
    twins=2, rest=_SCOPES,
)  # fmt: skip
def widened_here(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    wide = scene.exchange("planner", scene.login(), "worker", scene.scopes("worker", more=True))
    assert wide
    source = wide if scene.twin == 2 else made[-1]
    lower = scene.exchange("worker", source, "worker", scene.scopes("worker", more=scene.twin != 1))
    assert lower
    scene.use("worker", lower)


@abusive(
    "an exchange for another resource gives what nobody consented to", "SE-01 SE-02",
    needs="exchange resources", may="SE-01 SE-02",
    rest="the person's consent to each resource's scopes, or a policy that says what exceeds what",
)  # fmt: skip
def widened_there(scene: Scene) -> None:
    # Which scopes a person agreed to at the next resource is in no token and in no log.
    made = scene.chain(1, uses=1)
    lower = scene.exchange("worker", made[-1], "crm", ["crm.read", "crm.delete"])
    assert lower
    scene.use("crm", lower)


@abusive("a refresh gains a scope", "SE-01", needs="refresh widens_refresh", twins=2, rest=_SCOPES)
def refresh_gains(scene: Scene) -> None:
    # The second twin had the scope from the start.
    held = scene.login(scopes=["crm.read", "crm.export"] if scene.twin == 2 else None)
    wanted = {*held.scopes, *([] if scene.twin == 1 else ["crm.export"])}
    renewed = scene.refresh(held, sorted(wanted))
    assert renewed
    scene.use("planner", renewed)


@abusive(
    "an exchanged token gains a realm role", "SE-01", needs="exchange roles",
    rest="the roles of every token given; Keycloak's event log has none",
)  # fmt: skip
def role(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    if scene.abusive:
        scene.issuer.roles = {"worker": ("realm-admin",)}
    by, to = scene.hop(1)
    lower = scene.exchange(by, made[-1], to)
    assert lower
    scene.use(to, lower)


@abusive(
    "a scope comes in at a hop that nobody reports", "SE-02 SE-01", needs="exchange deep widens",
    may="CS-06", rest=_SCOPES,
)  # fmt: skip
def unreported_gain(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    hidden = scene.exchange("worker", made[-1], "crm", scene.scopes("crm", more=scene.abusive),
                            told=False)  # fmt: skip
    assert hidden
    leaf = scene.exchange("crm", hidden, "worker", sorted(hidden.scopes), under=made[0])
    assert leaf
    scene.use("worker", leaf)


@abusive(
    "an exchange asks for more, and is refused", "SE-01", needs="exchange refuses",
    rest="refused exchanges, with what was asked for",
)  # fmt: skip
def asked_for_more(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    by, to = scene.hop(1)
    if scene.abusive:
        assert scene.exchange(by, made[-1], to, scene.scopes(to, more=True)) is None
    else:
        scene.wait(1)
    assert scene.exchange(by, made[-1], to)


@abusive(
    "a server lets in what the token's scopes do not cover", "SE-07", twins=2,
    rest="the server tells what its action needs (`required_scopes`), or the policy does",
)  # fmt: skip
def used_beyond(scene: Scene) -> None:
    made = scene.chain(scene.random.randint(1, 2), uses=1)
    own = made[-1]
    needs = ["nobody.has.this"] if scene.twin != 1 else scene.scopes(own.audience)
    scene.accept(own.audience, own, outcome="deny" if scene.twin == 2 else "allow",
                 required_scopes=needs)  # fmt: skip


@abusive(
    "an agent widens its own token", "CS-11 SE-01", needs="exchange widens self",
    may="SE-01 CS-11", rest=_SCOPES,
)  # fmt: skip
def widened_own(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    lower = scene.exchange("planner", made[-1], "worker",
                           scene.scopes("worker", more=scene.abusive))  # fmt: skip
    assert lower
    scene.use("worker", lower)
