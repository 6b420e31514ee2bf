"""Tokens in the wrong hands or at the wrong door."""

from __future__ import annotations

from tests.truth.kind import abusive
from tests.truth.scene import ROGUE, Scene


@abusive(
    "a stolen token is presented", "TR-01", may="TR-01", twins=2,
    rest="the resource server tells whom its transport authenticated (`presenter`)",
)  # fmt: skip
def stolen(scene: Scene) -> None:
    length = scene.random.randint(1, 2)
    if scene.twin == 2:
        # Servers know the rightful holder by a name of their own, in every use.
        scene.known_as = {scene.hop(length - 1)[0]: scene.issuer.client_id(ROGUE)}
    made = scene.chain(length, uses=1)
    scene.use(made[-1].audience, made[-1], by=ROGUE if scene.abusive else None)


@abusive(
    "a stolen token is exchanged", "CS-01 TR-01", needs="exchange theft", may="CS-06",
    rest="an audience that names a known party, or the hand-off told by who handed on",
)  # fmt: skip
def stolen_exchange(scene: Scene) -> None:
    # Honest or not, the same client exchanges the same token: handed to it, or taken by it.
    made = scene.chain(1, uses=1)
    scene.exchange(ROGUE, made[-1], "crm", told=False)


@abusive(
    "a token is accepted by another server than it is for", "TR-11", without="roles", twins=2,
    rest="the resource server tells what it accepted, and where it is (`server.address`)",
)  # fmt: skip
def wrong_audience(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    if scene.twin == 2:
        scene.refuse("crm", made[-1])
        return
    scene.use("crm" if scene.abusive else "worker", made[-1], careless=True, dispatch=True)


@abusive(
    "a token is accepted after its expiry", "TR-06", may="TR-06", twins=2,
    rest="the resource server tells what it accepted; an issuer sees no offline check",
)  # fmt: skip
def expired(scene: Scene) -> None:
    made = scene.chain(scene.random.randint(1, 2))
    scene.wait(scene.issuer.lifetime + 120 if scene.twin != 1 else 30)
    scene.use(made[-1].audience, made[-1], careless=scene.twin != 2, dispatch=True)


@abusive(
    "one token under two people's grants", "TR-10",
    rest="the agent tells under which grant it acts (baggage, or `root_id`)",
)  # fmt: skip
def two_grants(scene: Scene) -> None:
    made = scene.chain(1, uses=1)
    other = scene.login(f"zoe-{scene.case}")
    root = other.root_id if scene.abusive else made[-1].root_id
    scene.tells("planner").use("find_customer", token=made[-1].token, root_id=root,
                              server_address="worker.example.com", outcome="allow")  # fmt: skip
