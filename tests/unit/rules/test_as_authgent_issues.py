"""A chain as authgent 0.3.4 issues it, told by each party: honest it is silent, and each abuse that
its issuer answered with 200 is one finding.

Claims have the shapes of `tests/data/authgent`: nested `act`, `client_id` that is not the name of
the service, an audience that is the name of who exchanges next, children that live a second longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from grantline.emit.testing import fake_token
from tests.unit.emit.told import Parties, parties

NOW = int(time.time())
# No token of a test ends while the suite runs, however long that takes.
END = NOW + 86_400
ISSUER: Final = "http://127.0.0.1:8765"
CLIENTS: Final = {
    "app": "agnt_1VhTQQZYzEsV9K6R9-PY0w",
    "planner-agent": "agnt_xON09sTwBOrGyTbGvm9r0w",
    "research-agent": "agnt_p71QUthPHyDancBTX7zOsA",
    "db-tool": "agnt_UyZyJEMzCWZ7B3y5l8ShTA",
    "rogue-agent": "agnt_7CRWdO_Ug4B9Ut0GeuUI6Q",
}
ALIASES: Final = {f"client:{client}": name for name, client in CLIENTS.items()} | {
    client: name for name, client in CLIENTS.items()
}
TASK: Final = "task_9c1f"


def claims(*actors: str, aud: str, scope: str, number: int, **more: Any) -> dict[str, Any]:
    act: dict[str, Any] = {}
    for actor in actors:
        act = {"sub": f"client:{CLIENTS[actor]}"} | ({"act": act} if act else {})
    return {
        "iss": ISSUER, "sub": "user:alice@example.test", "aud": aud, "scope": scope, "act": act,
        "human_root": True, "exp": END + number, "iat": NOW, "jti": f"tok_{number}",
        "client_id": CLIENTS[actors[-1]], **more,
    }  # fmt: skip


T0 = claims("app", aud="planner-agent", scope="mail:read mail:send files:read db:read", number=0)
T1 = claims("app", "planner-agent", aud="research-agent", scope="mail:read db:read", number=1)
T2 = claims("app", "planner-agent", "research-agent", aud="db-tool", scope="db:read", number=2)
STOLEN = claims(
    "app", "planner-agent", "research-agent", "rogue-agent", aud="anywhere", scope="db:read",
    number=3,
)  # fmt: skip


def token(said: dict[str, Any]) -> str:
    return fake_token({"typ": "JWT"}, **said)


def honest(told: Parties) -> None:
    """Login, two exchanges, an approved use at the tool, and the end of the task."""
    told["app"].grant(token(T0), method="authorization_code", task_id=TASK)
    told["planner-agent"].delegate(token(T1), subject_token=token(T0))
    told["research-agent"].delegate(token(T2), subject_token=token(T1))
    approval = told["research-agent"].approve(
        "db.query", action={"tool": "db.query"}, approver="carol", token=token(T2)
    )
    told["research-agent"].use("db.query", token=token(T2), approval_id=approval)
    told["db-tool"].use(
        "db.query", token=token(T2), kind="server", presenter="research-agent",
        required_scopes="db:read", verified=T2, approval_id=approval,
    )  # fmt: skip
    told["app"].end("completed", token=token(T0))


def rogue(told: Parties) -> None:
    told["rogue-agent"].delegate(token(STOLEN), subject_token=token(T2))


def beyond(told: Parties) -> None:
    told["db-tool"].use(
        "db.drop", token=token(T2), kind="server", presenter="research-agent",
        required_scopes="db:write", verified=T2,
    )  # fmt: skip


def asked(told: Parties) -> None:
    told["research-agent"].delegate(
        subject_token=token(T1), requested_scopes="mail:read mail:send", outcome="deny",
        reason="scope_escalation",
    )  # fmt: skip


def again(told: Parties) -> None:
    """One approval, two queries."""
    approval = told["research-agent"].approve(
        "db.query", action={"tool": "db.query"}, approver="carol", token=token(T2)
    )
    for _ in range(2):
        told["db-tool"].use(
            "db.query", token=token(T2), kind="server", presenter="research-agent", verified=T2,
            approval_id=approval,
        )  # fmt: skip


def denied(told: Parties) -> None:
    approval = told["research-agent"].approve(
        "db.query", action={"tool": "db.query"}, approver="carol", token=token(T2),
        outcome="denied", reason="no",
    )  # fmt: skip
    told["db-tool"].use(
        "db.query", token=token(T2), kind="server", presenter="research-agent", verified=T2,
        approval_id=approval,
    )  # fmt: skip


def back(told: Parties) -> None:
    """The delegate hands the work back to who gave it, as a delegation."""
    chain = ("app", "planner-agent", "research-agent")
    for_it = claims(*chain, aud="planner-agent", scope="db:read", number=4)
    returned = claims(*chain, "planner-agent", aud="db-tool", scope="db:read", number=5)
    told["research-agent"].delegate(token(for_it), subject_token=token(T1))
    told["planner-agent"].delegate(token(returned), subject_token=token(for_it))


def bound(told: Parties) -> None:
    """A token bound to one key, and another key proven."""
    said = T1 | {"jti": "tok_6", "cnf": {"jkt": "SW08Ajo3gJ2GL55Bsc46_dVS0_6P-U9Pu7xJ8Umw9pg"}}
    told["planner-agent"].delegate(token(said), subject_token=token(T0))
    told["research-agent"].use(
        "mail.find", token=token(said), kind="server", presenter="planner-agent", verified=said,
        token_binding_thumbprint="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    )  # fmt: skip


def found(told: Parties, **policy: Any) -> set[str]:
    findings = told.findings(principal_aliases=ALIASES, **policy)
    return {f"{each.severity} {each.reference} {each.rule}" for each in findings}


def test_an_honest_chain_is_silent() -> None:
    with parties() as told:
        honest(told)
        assert found(told) == set()


def test_an_honest_chain_is_silent_without_any_policy() -> None:
    with parties() as told:
        honest(told)
        assert told.said() == []


@pytest.mark.parametrize(
    "abuse,expected",
    [
        (rogue, "critical CS-01 subject-token-spliced"),
        (beyond, "high SE-07 used-beyond-scopes"),
        (asked, "low SE-01 asked-beyond-parent"),
        (again, "critical CN-07 approval-replayed"),
        (denied, "critical CN-07 approval-not-given"),
        (back, "medium CS-08 actor-returns"),
        (bound, "critical TR-03 key-mismatch"),
    ],
)
def test_each_abuse_is_one_finding(abuse: Callable[[Parties], None], expected: str) -> None:
    with parties() as told:
        honest(told)
        abuse(told)
        assert found(told) == {expected}


def test_what_goes_on_after_the_task_is_found_beyond_its_grace() -> None:
    with parties() as told:
        honest(told)
        told["db-tool"].use(
            "db.query", token=token(T2), kind="server", presenter="research-agent", verified=T2
        )
        assert found(told) == set()
        assert found(told, end_grace_seconds=0) == {"high TR-08 used-after-end"}


def test_a_stolen_exchange_is_undecided_where_the_audience_is_nobody_we_know() -> None:
    """The audience `db-tool` may be any resource until the policy names it: silence, no guess."""
    with parties() as told:
        honest(told)
        rogue(told)
        assert told.said() == []
