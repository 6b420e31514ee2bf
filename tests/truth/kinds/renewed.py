"""Renewals: what a refresh token may still give."""

from __future__ import annotations

from tests.truth.kind import abusive, honest
from tests.truth.scene import MINUTES, Scene


@honest("narrowed at one refresh, and back at the next", needs="refresh widens_refresh")
def narrowed_and_back(scene: Scene) -> None:
    # RFC 6749 section 6: a refresh may ask for less, and later for all that was granted again.
    held = scene.login(scopes=["crm.read", "crm.export"])
    for wanted in (["crm.read"], ["crm.read", "crm.export"]):
        renewed = scene.refresh(held, wanted)
        assert renewed
        held = renewed
        scene.use("planner", held)


@honest("renewed after its end, and used", needs="refresh")
def renewed_late(scene: Scene) -> None:
    held = scene.login()
    scene.wait(scene.issuer.lifetime + 120)
    renewed = scene.refresh(held)
    assert renewed
    scene.use("planner", renewed)
    lower = scene.exchange("planner", renewed, "worker")
    assert lower
    scene.use("worker", lower)


@abusive("the old token of a renewal is accepted after its end", "TR-06", needs="refresh", twins=2,
         may="TR-06", rest="the resource server tells what it accepted")  # fmt: skip
def old_one(scene: Scene) -> None:
    old = scene.login()
    scene.wait(scene.issuer.lifetime / 2)
    new = scene.refresh(old)
    assert new
    scene.wait(scene.issuer.lifetime / 2 + 120)
    scene.accept("planner", new if scene.twin == 1 else old,
                 outcome="deny" if scene.twin == 2 else "allow")  # fmt: skip


@abusive("a login is revoked with all below, and its renewal is accepted", "TR-04 TR-05",
         needs="refresh", twins=2,
         rest="the resource server tells what it accepted, the revoker what it revoked")  # fmt: skip
def renewed_and_revoked(scene: Scene) -> None:
    old = scene.login()
    scene.use("planner", old)  # verified, so fingerprint and jti are of one token
    new = scene.refresh(old)
    assert new
    if scene.twin == 1:
        scene.wait(1)
    else:
        scene.revoke("app", old, cascade=True)
    scene.wait(MINUTES / 2)
    scene.accept("planner", new, outcome="deny" if scene.twin == 2 else "allow")
