"""How far authority goes, and what is missing on the way."""

from __future__ import annotations

from tests.truth.kind import abusive
from tests.truth.scene import MINUTES, Scene


@abusive(
    "an exchange that nobody reports", "CS-06",
    rest="every exchange, with the parent's fingerprint or jti",
)  # fmt: skip
def missing_hop(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    by, to = scene.hop(1)
    hidden = scene.exchange(by, made[-1], to, told=not scene.abusive)
    assert hidden
    scene.use(to, hidden)


@abusive("a chain deeper than the policy allows", "CS-09", needs="exchange deep",
         rest="every exchange, with the parent's fingerprint or jti")  # fmt: skip
def deep(scene: Scene) -> None:
    made = scene.chain(5 + (scene.random.randint(1, 4) if scene.abusive else 0))
    scene.use(made[-1].audience, made[-1])


@abusive("an agent delegates to itself by way of another", "CS-08", needs="exchange deep", twins=2,
         rest="every exchange, with the parent's fingerprint or jti")  # fmt: skip
def circle(scene: Scene) -> None:
    made = scene.chain(2, uses=1)
    if scene.twin != 2:
        lower = scene.exchange("planner" if scene.abusive else "crm", made[-1], "ledger")
        assert lower
        scene.use("ledger", lower)


@abusive(
    "used after its task has ended", "TR-08", twins=3,
    rest="the agent that ends a task tells so; the resource server tells what it accepted",
)  # fmt: skip
def after_end(scene: Scene) -> None:
    task = f"task-{scene.case}"
    login = scene.login(task=task)
    lower = scene.exchange("planner", login, "worker")
    assert lower
    if scene.twin != 1:
        scene.end("app", login, task)
    else:
        scene.wait(1)
    scene.wait(MINUTES / 2)
    if scene.twin != 3:
        scene.accept("worker", lower, outcome="deny" if scene.twin == 2 else "allow")


@abusive(
    "exchanged by somebody whom may_act does not name", "CS-05", needs="exchange may_act", twins=2,
    rest="tokens with may_act, and every exchange",
)  # fmt: skip
def may_act(scene: Scene) -> None:
    scene.issuer.may_act = "vault" if scene.twin == 2 else "worker"
    made = scene.chain(1, uses=1)
    by = "worker" if scene.twin == 1 else "vault"
    lower = scene.exchange(by, made[-1], "crm")
    assert lower
    scene.use("crm", lower)


@abusive(
    "one person's token in another's work", "CS-02", may="TR-10",
    rest="the hand-off's own delegation on the span (baggage)",
)  # fmt: skip
def spliced(scene: Scene) -> None:
    mine = scene.chain(1, uses=1)
    other = scene.login(f"zoe-{scene.case}")
    headers: dict[str, str] = {}
    with scene.emitter("app").acting_as((other if scene.abusive else mine[0]).token):
        scene.emitter("app").inject(headers)
    with scene.emitter("planner").receive(headers):
        scene.tells("planner").use("find_customer", token=mine[-1].token,
                                   server_address="worker.example.com")  # fmt: skip
