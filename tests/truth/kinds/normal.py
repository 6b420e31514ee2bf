"""What honest parties do. Whatever is said of it is false."""

from __future__ import annotations

from grantline.model.policy import NS
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


@honest("an agent exchanges its own token for another audience")
def own_token(scene: Scene) -> None:
    login = scene.login()
    first = scene.exchange("planner", login, "worker")
    second = scene.exchange("planner", login, "worker")
    assert first
    assert second
    scene.use("worker", second)


@honest("a task that ends, and a second one under its own grant")
def tasks(scene: Scene) -> None:
    for number in (1, 2):
        task = f"task-{scene.case}-{number}"
        held = scene.login(task=task)
        lower = scene.exchange("planner", held, "worker")
        assert lower
        scene.use("worker", lower)
        scene.end("app", held, task)
        scene.wait(MINUTES)


@honest("what is needed is held", needs="exchange")
def needed(scene: Scene) -> None:
    made = scene.chain(2)
    scene.use(made[-1].audience, made[-1], required_scopes=scene.scopes(made[-1].audience))


@honest("a transaction token: no jti, no actor, no parent in it", needs="txn", may="CS-06")
def transaction(scene: Scene) -> None:
    made = scene.chain(2, uses=1)
    txn = scene.transaction("crm", made[-1])
    scene.use("crm", txn)
    scene.use("crm", txn, by="ledger")


@honest("an assertion for another issuer (ID-JAG), and what it gives there", needs="id_jag")
def id_jag(scene: Scene) -> None:
    scene.cross(["chat.read", "chat.history"])


@honest("hand-offs within a process: ids, and no tokens")
def in_process(scene: Scene) -> None:
    made = scene.chain(1)
    for name in ("researcher", "writer"):
        scene.now += NS
        with scene.emitter("planner").acting_as(made[-1].token):
            scene.tells("planner").delegate(actor=name, method="in_process")
    scene.use("worker", made[-1])


@honest("roles assumed from roles", needs="assume_role")
def roles(scene: Scene) -> None:
    scene.chain(scene.random.randint(1, 4), uses=1)


@honest("one session, several roles", needs="assume_role")
def several_roles(scene: Scene) -> None:
    login = scene.login()
    for to in ("worker", "crm", "ledger"):
        lower = scene.exchange("planner", login, to)
        assert lower
        scene.use(to, lower)
