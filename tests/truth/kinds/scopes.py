"""Authority that grows."""

from __future__ import annotations

from tests.truth.kind import abusive
from tests.truth.scene import Scene

_SCOPES = "the scopes of every token given, in spans or in the issuer's log"


@abusive("an exchange gains a scope", "SE-01", needs="exchange widens", rest=_SCOPES)
def widened(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    by, to = scene.hop(1)
    lower = scene.exchange(by, made[-1], to, scene.scopes(to, more=scene.abusive))
    assert lower
    scene.use(to, lower)


@abusive(
    "an exchange for the same resource gains a scope", "SE-01", needs="exchange resources",
    rest=_SCOPES,
)  # fmt: skip
def widened_here(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    lower = scene.exchange("worker", made[-1], "worker", scene.scopes("worker", more=scene.abusive))
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


@abusive("a refresh gains a scope", "SE-01", needs="refresh widens_refresh", rest=_SCOPES)
def refresh_gains(scene: Scene) -> None:
    held = scene.login()
    more = ["crm.export"] if scene.abusive else []
    renewed = scene.refresh(held, [*sorted(held.scopes), *more])
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
