"""Sessions that end, people whose grants are taken back, and what goes on all the same."""

from __future__ import annotations

from tests.truth.kind import abusive, honest
from tests.truth.scene import MINUTES, Scene

_ENDED = "who ended it names session or person as tokens do, and the server tells what it accepted"


@abusive("a token of a session is accepted after its logout", "TR-04 TR-05",
         needs="exchange sessions", twins=3, rest=_ENDED)  # fmt: skip
def after_logout(scene: Scene) -> None:
    login, other = scene.login(), scene.login()
    lower = scene.exchange("planner", login, "worker")
    assert lower
    if scene.twin != 1:
        scene.logout("app", other if scene.twin == 3 else login)
    else:
        scene.wait(1)
    scene.wait(MINUTES / 2)
    scene.use("worker", lower, careless=scene.twin != 2)


@honest("a logout, and a new login of the same person", needs="exchange sessions")
def new_login(scene: Scene) -> None:
    for _ in range(2):
        login = scene.login()
        lower = scene.exchange("planner", login, "worker")
        assert lower
        scene.use("worker", lower)
        scene.logout("app", login)
        scene.wait(MINUTES / 2)


@honest("one of two sessions ends", needs="exchange sessions")
def other_session(scene: Scene) -> None:
    one, other = scene.login(), scene.login()
    lower = scene.exchange("planner", other, "worker")
    assert lower
    scene.logout("app", one)
    scene.wait(MINUTES / 2)
    scene.use("worker", lower)
    assert not scene.use("planner", one)


@abusive("a token of a person is accepted after all of hers were revoked", "TR-04 TR-05", twins=3,
         rest=_ENDED)  # fmt: skip
def after_disowning(scene: Scene) -> None:
    login, other = scene.login(), scene.login(f"zoe-{scene.case}")
    lower = scene.exchange("planner", login, "worker")
    assert lower
    if scene.twin != 1:
        scene.disown("soc", other if scene.twin == 3 else login)
    else:
        scene.wait(1)
    scene.wait(MINUTES / 2)
    scene.use("worker", lower, careless=scene.twin != 2)


@honest("a person's grants are revoked, and she logs in again")
def comes_back(scene: Scene) -> None:
    first = scene.login()
    scene.use("planner", first)
    scene.disown("soc", first)
    scene.wait(MINUTES / 2)
    lower = scene.exchange("planner", scene.login(), "worker")
    assert lower
    scene.use("worker", lower)


@honest("a person takes back what one client was given, and another's goes on")
def one_client(scene: Scene) -> None:
    first, second = scene.login(client="brief"), scene.login()
    lower = scene.exchange("planner", second, "worker")
    assert lower
    scene.disown("portal", first, client="brief")
    scene.wait(MINUTES / 2)
    scene.use("worker", lower)
