"""What honest parties do. Whatever is said of it is false."""

from __future__ import annotations

from tests.truth.kind import honest
from tests.truth.scene import MINUTES, Scene


@honest("a chain, used")
def chain(scene: Scene) -> None:
    scene.chain(scene.random.randint(1, scene.issuer.longest), uses=scene.random.randint(1, 3))


@honest("fan-out: one token exchanged several times")
def fan_out(scene: Scene) -> None:
    made = scene.chain(1)
    by, to = scene.hop(1)
    for _ in range(scene.random.randint(2, 4)):
        lower = scene.exchange(by, made[-1], to)
        assert lower
        scene.use(to, lower)


@honest("refresh tokens, rotated or not", needs="refresh")
def refreshed(scene: Scene) -> None:
    held = scene.login()
    for _ in range(scene.random.randint(1, 4)):
        renewed = scene.refresh(held)
        assert renewed
        held = renewed
        scene.use("planner", held)
    lower = scene.exchange("planner", held, "worker")
    assert lower
    scene.use("worker", lower)


@honest("a refused exchange", without="widens resources")
def refused(scene: Scene) -> None:
    made = scene.chain(1)
    by, to = scene.hop(1)
    assert scene.exchange(by, made[-1], to, scene.scopes(to, more=True)) is None
    lower = scene.exchange(by, made[-1], to)
    assert lower
    scene.use(to, lower)


@honest("refused after its revocation")
def refused_use(scene: Scene) -> None:
    made = scene.chain(scene.random.randint(1, 2), uses=1)
    scene.revoke(made[-1].holder, made[-1])
    scene.wait(MINUTES / 2)
    assert not scene.use(made[-1].audience, made[-1])


# Without the server's refusal, a client's word that it presented a dead token is all there is.
@honest("refused after its revocation, and the caller told at dispatch", may="TR-04")
def refused_dispatch(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    scene.revoke(made[-1].holder, made[-1])
    scene.wait(MINUTES / 2)
    assert not scene.use(made[-1].audience, made[-1], dispatch=True)


@honest("a sibling is revoked")
def sibling(scene: Scene) -> None:
    made = scene.chain(1)
    by, to = scene.hop(1)
    one, other = (scene.exchange(by, made[-1], to) for _ in range(2))
    assert one
    assert other
    scene.revoke(by, one)
    scene.wait(MINUTES / 2)
    scene.use(to, other)


@honest("two people, one planner")
def two_people(scene: Scene) -> None:
    for user in (f"dora-{scene.case}", f"emil-{scene.case}"):
        lower = scene.exchange("planner", scene.login(user), "worker")
        assert lower
        scene.use("worker", lower)


@honest("an exchange for another resource, with its own scopes", needs="exchange resources")
def another_audience(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    lower = scene.exchange("worker", made[-1], "crm", ["crm.read", "crm.write"])
    assert lower
    scene.use("crm", lower)


@honest("an access token replaced and revoked as rotated", needs="refresh")
def rotated(scene: Scene) -> None:
    old = scene.login()
    child = scene.exchange("planner", old, "worker")
    assert child
    new = scene.refresh(old)
    assert new
    scene.revoke("app", old, reason="rotation")
    scene.wait(MINUTES / 2)
    scene.use("worker", child)
    scene.use("planner", new)
