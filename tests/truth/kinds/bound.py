"""Tokens that are bound to a key (RFC 9449, 8705), and lives that are too long."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.truth.kind import abusive, honest
from tests.truth.scene import DAY, MINUTES, Scene

_PROVEN = "the resource server tells the key that was proven, the token names its own"


def key_of(name: str) -> str:
    """A thumbprint (RFC 7638) of that name's key."""
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")


def proof(name: str, how: str = "dpop") -> dict[str, Any]:
    """What a server tells of the key that was proven to it."""
    return {"token_binding_type": how, "token_binding_thumbprint": key_of(name)}


def _bound(scene: Scene, *parties: str) -> None:
    scene.issuer.keys = {party: key_of(party) for party in parties}


@abusive("a bound token is proven with another key", "TR-03", may="TR-03", twins=3, rest=_PROVEN)
def other_key(scene: Scene) -> None:
    _bound(scene, "planner", "worker", "crm")
    own = scene.chain(scene.random.randint(1, 2))[-1]
    scene.accept(own.audience, own, **proof(own.holder))
    if scene.twin == 3:  # a certificate beside the key: the connection's, not the token's
        scene.accept(own.audience, own, **proof("thief", "mtls"))
        return
    scene.accept(
        own.audience, own, outcome="deny" if scene.twin == 2 else "allow",
        **proof(own.holder if scene.twin == 1 else "thief"),
    )  # fmt: skip


@honest("every party proves the key its own token is bound to")
def own_keys(scene: Scene) -> None:
    _bound(scene, "app", "planner", "worker", "crm")
    for held in scene.chain(2)[1:]:
        scene.accept(held.audience, held, **proof(held.holder))
        scene.use(held.audience, held)


@honest("a token bound to no key, over a connection with a certificate")
def unbound(scene: Scene) -> None:
    own = scene.chain(1)[-1]
    scene.accept(own.audience, own, **proof("planner", "mtls"))
    scene.accept(own.audience, own, **proof("planner-2", "mtls"))


@honest("a renewed token is bound to its client's new key", needs="refresh")
def new_key(scene: Scene) -> None:
    _bound(scene, "app")
    old = scene.login()
    scene.accept("planner", old, **proof("app"))
    scene.issuer.keys = {"app": key_of("app, later")}
    new = scene.refresh(old)
    assert new
    scene.accept("planner", new, **proof("app, later"))
    scene.accept("planner", old, **proof("app"))  # one that was under way


@abusive("a delegate's token lives longer than the policy allows", "SE-05", needs="exchange",
         rest="when each token ends, in spans or in the issuer's log")  # fmt: skip
def long_life(scene: Scene) -> None:
    held = scene.login()
    if scene.abusive:
        scene.issuer.lifetime = scene.issuer.exchanged_lifetime = 7 * DAY
    for number in range(scene.random.randint(1, 2)):
        by, to = scene.hop(number)
        lower = scene.exchange(by, held, to)
        assert lower
        held = lower
    scene.use(held.audience, held)


@honest("a login that lives for a week, and delegates as long as the policy allows")
def long_login(scene: Scene) -> None:
    scene.issuer.lifetime = 7 * DAY
    login = scene.login()
    scene.issuer.lifetime = scene.issuer.exchanged_lifetime = DAY
    lower = scene.exchange("planner", login, "worker")
    assert lower
    scene.use("worker", lower)


@honest("a child that outlives its parent's end, within what is allowed")
def outlives(scene: Scene) -> None:
    scene.issuer.lifetime = 300
    login = scene.login()
    scene.issuer.lifetime = scene.issuer.exchanged_lifetime = 3_000
    lower = scene.exchange("planner", login, "worker")
    assert lower
    scene.wait(MINUTES + 120)
    scene.use("worker", lower)
