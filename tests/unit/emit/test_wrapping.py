"""Exchanges, tools, agents and approvals around the agent's own code, sync and async."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from grantline.emit import canonical
from grantline.emit.testing import Capture, SeenFact, capture
from tests.unit.emit.vectors import D0, D1, T0, T1


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(service_name="booker") as found:
        yield found


def only(seen: Capture) -> SeenFact:
    (fact,) = seen.facts()
    return fact


RESPONSE = {
    "access_token": T1,
    "scope": "calendar.write",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
}


@pytest.mark.parametrize(
    "result",
    [
        T1,
        RESPONSE,
        SimpleNamespace(access_token=T1),
        SimpleNamespace(token=T1),
        SimpleNamespace(status_code=200, json=lambda: RESPONSE),
    ],
)
def test_an_exchange_returns_what_the_call_returned_and_is_recorded(
    seen: Capture, result: Any
) -> None:
    assert seen.emitter.exchange(lambda: result, subject_token=T0, requested_scopes="a b") is result
    fact = only(seen)
    assert (fact["id"], fact["parent.id"]) == (D1, D0)
    assert fact["requested_scopes"] == ("a", "b")
    assert fact["granted_scopes"] == ("calendar.write",)
    assert fact.span.status.status_code is StatusCode.UNSET


def test_an_awaitable_exchange_is_awaited(seen: Capture) -> None:
    async def exchange() -> str:
        await asyncio.sleep(0)
        return T1

    async def main() -> str:
        return await seen.emitter.exchange(exchange, subject_token=T0)

    assert asyncio.run(main()) == T1
    assert only(seen)["id"] == D1


class OAuthError(Exception):
    def __init__(self, error: str) -> None:
        super().__init__(f"{error}: the token {T0} is refused")
        self.error = error


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "error, outcome, reason, kind",
    [
        (OAuthError("invalid_scope"), "deny", "invalid_scope", "invalid_scope"),
        (OAuthError("use_dpop_nonce"), "challenge", "use_dpop_nonce", "use_dpop_nonce"),
        (TimeoutError(T0), "deny", "request_failed", "TimeoutError"),
        (asyncio.CancelledError(), "deny", "request_failed", "asyncio.exceptions.CancelledError"),
    ],
)
def test_a_failed_exchange_raises_as_before_and_is_recorded_without_its_message(
    seen: Capture, *, error: BaseException, outcome: str, reason: str, kind: str, asynchronous: bool
) -> None:
    def call() -> str:
        raise error

    async def later() -> str:
        raise error

    async def main() -> None:
        await seen.emitter.exchange(later, subject_token=T0)

    def exchange() -> None:
        if asynchronous:
            asyncio.run(main())
        else:
            seen.emitter.exchange(call, subject_token=T0)

    with pytest.raises(type(error)):
        exchange()
    fact = only(seen)
    assert fact.span.status.status_code is StatusCode.ERROR
    assert (fact["decision.outcome"], fact["decision.reason"]) == (outcome, reason)
    assert fact["error.type"] == kind
    assert fact["parent.id"] == D0
    assert "eyJ" not in fact.span.to_json()


@pytest.mark.parametrize(
    "result, reason",
    [
        ({"error": "invalid_target", "error_description": "no"}, "invalid_target"),
        (
            SimpleNamespace(status_code=400, json=lambda: {"error": "invalid_grant"}),
            "invalid_grant",
        ),
        (SimpleNamespace(status_code=503, json=lambda: 1 / 0), "request_failed"),
    ],
)
def test_an_error_response_is_a_refusal(seen: Capture, result: Any, reason: str) -> None:
    assert seen.emitter.exchange(lambda: result, subject_token=T0) is result
    fact = only(seen)
    assert (fact["decision.outcome"], fact["decision.reason"]) == ("deny", reason)


@pytest.mark.parametrize("result", [None, 7, object(), [], {"access_token": 3}, b"x"])
def test_a_result_of_an_unknown_shape_passes_through(seen: Capture, result: Any) -> None:
    assert seen.emitter.exchange(lambda: result, subject_token=T0) is result
    assert only(seen)["parent.id"] == D0


def test_a_refresh_token_in_a_response_is_remembered_for_its_renewal(seen: Capture) -> None:
    body = {"access_token": T1, "refresh_token": "fake-refresh-token"}
    seen.emitter.exchange(lambda: body, subject_token=T0)
    assert seen.emitter.renew("fake-opaque-2", refresh_token="fake-refresh-token").id == D1


def test_a_tool_is_a_use_at_each_call(seen: Capture) -> None:
    @seen.emitter.tool("create_event", required_scopes=["calendar.write"], risk="medium")
    def create(title: str) -> str:
        """Creates."""
        return title.upper()

    with seen.emitter.acting_as(T1):
        assert create("a") == "A"
    assert create.__doc__ == "Creates."
    fact = only(seen)
    assert fact.span.name == "use create_event"
    assert fact["required_scopes"] == ("calendar.write",)
    assert fact["action.risk"] == "medium"
    assert fact["id"] == D1


def test_an_asynchronous_tool_stays_one(seen: Capture) -> None:
    @seen.emitter.tool
    async def search(text: str) -> str:
        return text

    assert inspect.iscoroutinefunction(search)
    assert asyncio.run(search("x")) == "x"
    assert only(seen)["gen_ai.tool.name"] == "search"


def test_a_tool_is_told_before_it_runs_even_if_it_fails(seen: Capture) -> None:
    @seen.emitter.tool(token=lambda: T1)
    def fails() -> None:
        assert len(seen.facts()) == 1
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert only(seen)["id"] == D1


def test_a_token_that_cannot_be_had_costs_the_fact_and_not_the_tool(seen: Capture) -> None:
    @seen.emitter.tool(token=lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    def works() -> int:
        return 1

    assert works() == 1
    assert seen.emitter.stats().notes["error"] == 1


def test_an_agent_is_the_actor_where_no_token_names_one(seen: Capture) -> None:
    @seen.emitter.agent("planner")
    def run() -> None:
        seen.emitter.use("t", token="fake-opaque-token")
        seen.emitter.use("t", token=T1)

    @seen.emitter.agent("searcher")
    async def later() -> None:
        seen.emitter.use("t")

    run()
    asyncio.run(later())
    assert [fact["actor.id"] for fact in seen.facts()] == ["planner", "booker", "searcher"]


def test_an_approval_is_decided_once(seen: Capture) -> None:
    action = {"tool": "pay", "amount": 100}
    with seen.emitter.approval("pay", action=action, approver="u-1") as pending:
        own = pending.approved()
        pending.denied()
    fact = only(seen)
    assert fact["decision.outcome"] == "approved"
    assert fact["approval.id"] == own == pending.id
    assert fact["approval.action_hash"] == canonical.canonical_hash(action)


def test_an_approval_left_undecided_has_expired(seen: Capture) -> None:
    async def main() -> None:
        async with seen.emitter.approval("pay"):
            pass

    asyncio.run(main())
    assert only(seen)["decision.outcome"] == "expired"
