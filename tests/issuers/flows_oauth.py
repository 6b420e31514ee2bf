"""What honest parties do at an OAuth issuer, and what others try: one function a flow.

A flow is a generator: where it yields, more than the leeway between two clocks goes by (once for
all flows together). It says what is due of what the server did: a refusal makes nothing due, an
answer that should not have been given does.
"""

from __future__ import annotations

from tests.issuers.flow import Flow, Steps, flows
from tests.issuers.lab import ROGUE, Lab
from tests.issuers.parties import AGENTS_VIEW, BOTH, ISSUERS_VIEW

READ = ("calendar.read", "crm.read")
FLOWS: list[Flow] = []
flow = flows(FLOWS, Lab)


@flow("exchange", "introspect")
def a_chain_of_two_exchanges(lab: Lab) -> Steps:
    login = lab.login("app", "alice", ("calendar.read", "mail.send", "crm.read"))
    planner = lab.exchange("planner", login, "worker", READ)
    assert planner
    worker = lab.exchange("worker", planner, "crm", ["crm.read"])
    assert worker
    assert lab.use("crm", worker)
    yield


@flow("exchange", "introspect")
def one_token_exchanged_twice(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", READ)
    assert planner
    for _ in range(2):
        worker = lab.exchange("worker", planner, "crm", ["crm.read"])
        assert worker
        assert lab.use("crm", worker)
    yield


@flow("exchange", "introspect")
def two_people_at_once(lab: Lab) -> Steps:
    logins = [lab.login("app", user, READ) for user in ("alice", "bob")]
    planners = [lab.exchange("planner", login, "worker", ["crm.read"]) for login in logins]
    for planner in planners:
        assert planner
        worker = lab.exchange("worker", planner, "crm", ["crm.read"])
        assert worker
        assert lab.use("crm", worker)
    yield


@flow("refresh", "introspect")
def a_token_refreshed_twice(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    assert login.answer.refresh
    second = lab.refresh(login)
    assert second
    third = lab.refresh(second)
    assert third
    assert lab.use("planner", third)
    yield


@flow("refresh", "introspect")
def a_refresh_token_used_again(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    assert lab.refresh(login)
    again = lab.refresh(login)
    if again:  # an issuer that does not rotate: the same token is meant to be used again
        lab.use("planner", again)
    yield


@flow("refresh")
def more_scopes_asked_at_refresh(lab: Lab) -> Steps:
    login = lab.login("app", "alice", ["calendar.read"])
    wider = lab.refresh(login, ["calendar.read", "crm.read"])
    if wider and "crm.read" in wider.answer.scopes:
        lab.due("SE-01")
    yield


@flow("exchange", "introspect")
def more_scopes_asked_at_exchange(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    wider = lab.exchange("worker", planner, "crm", ["crm.read", "crm.export"])
    if wider is None:
        lab.due("SE-01")  # low: asked for, and refused
    elif "crm.export" in wider.answer.scopes:
        lab.due("SE-01")
    if wider:
        lab.use("crm", wider)
    yield


@flow("exchange", "revoke", "introspect")
def the_child_of_a_revoked_token(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    worker = lab.exchange("worker", planner, "crm", ["crm.read"])
    assert worker
    assert lab.revoke("planner", planner)
    yield
    if lab.use("crm", worker):
        lab.due("TR-05")


@flow("exchange", "revoke", "introspect")
def the_child_of_a_revoked_token_at_once(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    worker = lab.exchange("worker", planner, "crm", ["crm.read"])
    assert worker
    assert lab.revoke("planner", planner)
    # The issuer tells both, by its own clock: decided. The agents' clocks may differ by more.
    if lab.use("crm", worker):
        lab.due("TR-05", views=(ISSUERS_VIEW, BOTH))
    yield


@flow("exchange", "revoke", "introspect")
def a_revoked_token_used(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    assert lab.revoke("planner", planner)
    lab.use("worker", planner)
    yield
    if lab.use("worker", planner):
        lab.due("TR-04")


@flow("exchange", "revoke", "introspect")
def a_revoked_token_accepted_by_a_careless_server(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    assert lab.revoke("planner", planner)
    yield
    assert lab.use("worker", planner, careless=True)
    lab.due("TR-04", views=(AGENTS_VIEW, BOTH))


@flow("exchange", "revoke")
def a_revoked_token_exchanged(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    assert lab.revoke("planner", planner)
    # Refused, it was an attempt with a dead token, and is found as one, low. The issuer tells both
    # by its own clock; between the agents' clocks a minute must go by.
    lab.exchange("worker", planner, "crm", ["crm.read"])
    lab.due("TR-04", views=(ISSUERS_VIEW, BOTH))
    yield
    lab.exchange("worker", planner, "crm", ["crm.read"])
    lab.due("TR-04")


@flow("exchange", "introspect")
def a_stolen_token_exchanged(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    stolen = lab.exchange(ROGUE, planner, "crm", ["crm.read"])
    if stolen:
        # Only an audience that names a known party tells the thief from the next in line.
        lab.may("CS-01", "TR-01")
        lab.use("crm", stolen, by=ROGUE)
        lab.may(
            "CS-06", views=(AGENTS_VIEW,)
        )  # the rogue tells nothing: its token comes from nowhere
    yield


@flow("exchange", "introspect")
def a_stolen_token_presented(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    worker = lab.exchange("worker", planner, "crm", ["crm.read"])
    assert worker
    assert lab.use("crm", worker)
    if lab.use("crm", worker, by=ROGUE):
        lab.due("TR-01", views=(AGENTS_VIEW, BOTH))
    yield


@flow("exchange", "introspect", "audience")
def a_token_accepted_by_the_wrong_server(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    assert lab.use("crm", planner, careless=True)
    named = planner.answer.claims.get("aud")
    if "worker" in (named if isinstance(named, list) else [named]):
        lab.due("TR-11", views=(AGENTS_VIEW, BOTH))
    yield


@flow("exchange")
def an_audience_that_is_not_the_clients(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    lab.exchange("planner", login, "crm", ["crm.read"])
    yield


@flow("revoke", "introspect")
def a_login_revoked(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    assert lab.use("planner", login)
    assert lab.revoke("app", login)
    yield
    if lab.use("planner", login):
        lab.due("TR-04")


@flow("refresh", "revoke", "introspect")
def a_refresh_token_revoked(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    renewed = lab.refresh(login)
    assert renewed
    assert lab.revoke_refresh(renewed)
    yield
    # RFC 7009 2.1: the access tokens of the grant should go with it; where they do not, they live.
    if lab.use("planner", renewed):
        lab.due("TR-04|TR-05")
    again = lab.refresh(renewed)
    if again:
        lab.due("TR-04|TR-05")


@flow("brief", "introspect")
def an_expired_token(lab: Lab) -> Steps:
    login = lab.login("brief", "alice", READ)
    yield
    assert not lab.use("planner", login)
    lab.may("TR-06")  # low: an attempt with a dead token, refused
    assert lab.use("planner", login, careless=True)
    lab.due("TR-06", views=(AGENTS_VIEW, BOTH))


@flow("exchange", "logout", "introspect")
def everything_after_logout(lab: Lab) -> Steps:
    login = lab.login("app", "alice", READ)
    planner = lab.exchange("planner", login, "worker", ["crm.read"])
    assert planner
    worker = lab.exchange("worker", planner, "crm", ["crm.read"])
    assert worker
    lab.logout(login)
    yield
    if lab.use("crm", worker):
        lab.due("TR-05", views=(AGENTS_VIEW, BOTH))
    lab.exchange("worker", planner, "crm", ["crm.read"])
    lab.due("TR-05", views=(AGENTS_VIEW, BOTH))  # low where it was refused


@flow("exchange")
def a_chain_of_seven(lab: Lab) -> Steps:
    held = lab.login("app", "alice", READ)
    for number in range(7):
        by, next_one = ("planner", "worker") if number % 2 == 0 else ("worker", "planner")
        lower = lab.exchange(by, held, next_one, ["crm.read"])
        if lower is None:
            break
        held = lower
        if number > 1:
            lab.due("CS-08")  # it came back to who had it before
        if number + 1 > 5:
            lab.due("CS-09")
    yield
