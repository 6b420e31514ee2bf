"""How far authority goes, and what is missing on the way."""

from __future__ import annotations

from tests.truth.kind import abusive
from tests.truth.scene import Scene


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
