"""AWS STS: a person's session, roles assumed from it and from one another.

STS tells nothing here (CloudTrail would): there is one view, the agents'. There is no scope and no actor in an answer, only credentials and whose role it is; a session
cannot be revoked, it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.issuers.flow import Flow, Steps, flows
from tests.issuers.lab import Due
from tests.issuers.parties import AGENTS_VIEW, Parties

if TYPE_CHECKING:
    from tests.issuers.moto import Moto

Session = Mapping[str, Any]
FLOWS: list[Flow] = []
_HOST = "sts.amazonaws.com"


class StsLab:
    """Who assumes which role, and who tells of it."""

    def __init__(self, issuer: Moto, parties: Parties) -> None:
        self.issuer, self.parties = issuer, parties
        self.due_found = Due()
        self.did: list[str] = []

    def login(self, user: str) -> Session:
        session: Session = self.issuer.login(user)
        own = session["Credentials"]["SessionToken"]
        self.parties.tells("app").grant(
            own, method="sso", subject=user, token_type="aws_session",
            token_jti=session["Credentials"]["AccessKeyId"], token_issuer="https://sts.amazonaws.com",
        )  # fmt: skip
        self.did.append("app: get_session_token")
        return session

    def assume(self, party: str, session: Session, user: str) -> Session:
        answer = self.issuer.assume_role(session, party, f"{party}-session", user)
        own = session["Credentials"]["SessionToken"]
        self.did.append(f"{party}: assume_role {'200' if 'Credentials' in answer else 'refused'}")
        self.parties.tells(party).exchange(lambda: answer, subject_token=own, method="assume_role")
        return answer

    def use(self, session: Session, party: str) -> None:
        """`party` calls a service of AWS, which tells whose session it was."""
        own = session["Credentials"]
        who = self.issuer.who(session)
        self.did.append(f"aws: {who.get('Arn', 'refused').rpartition(':')[2]}")
        if party != "rogue":
            self.parties.tells(party).use("get_caller_identity", token=own["SessionToken"],
                                          server_address=_HOST)  # fmt: skip
        self.parties.tells("aws").use(
            "get_caller_identity", token=own["SessionToken"], kind="server", server_address=_HOST,
            presenter=who["Arn"] if party != "rogue" else party, token_jti=own["AccessKeyId"], token_type="aws_session",
        )  # fmt: skip


_flow = flows(FLOWS, StsLab, (AGENTS_VIEW,))


@_flow("assume_role")
def a_role_assumed_from_a_role(lab: StsLab) -> Steps:
    login = lab.login("alice")
    planner = lab.assume("planner", login, "alice")
    worker = lab.assume("worker", planner, "alice")
    lab.use(worker, "worker")
    yield


@_flow("assume_role")
def one_session_two_roles(lab: StsLab) -> Steps:
    login = lab.login("bob")
    for party in ("planner", "worker"):
        lab.use(lab.assume(party, login, "bob"), party)
    yield


@_flow("assume_role")
def one_role_assumed_twice(lab: StsLab) -> Steps:
    login = lab.login("carol")
    planner = lab.assume("planner", login, "carol")
    for _ in range(2):
        lab.use(lab.assume("worker", planner, "carol"), "worker")
    yield


@_flow("assume_role")
def a_stolen_session_used(lab: StsLab) -> Steps:
    login = lab.login("dave")
    planner = lab.assume("planner", login, "dave")
    lab.use(planner, "planner")
    lab.use(planner, "rogue")
    lab.due_found.must[AGENTS_VIEW].add("TR-01")
    yield


@_flow("assume_role")
def seven_roles_in_a_row(lab: StsLab) -> Steps:
    session = lab.login("erin")
    for number in range(7):
        session = lab.assume("planner" if number % 2 == 0 else "worker", session, "erin")
    lab.due_found.must[AGENTS_VIEW].add("CS-09")
    lab.due_found.may[AGENTS_VIEW].add("CS-08")
    yield
