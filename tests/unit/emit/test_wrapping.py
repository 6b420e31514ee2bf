"""Exchanges, tools, agents and approvals around the agent's own code, sync and async."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, assert_type

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode

from grantline.emit import canonical, held
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


def test_a_failing_tools_span_says_so_and_not_what_it_said(seen: Capture) -> None:
    @seen.emitter.tool(token=lambda: T1)
    def fails() -> None:
        raise LookupError("visibly-fake-secret")

    with pytest.raises(LookupError):
        fails()
    fact = only(seen)
    assert (fact["id"], fact["error.type"]) == (D1, "LookupError")
    assert fact.span.status.status_code is StatusCode.ERROR
    assert "visibly-fake-secret" not in fact.span.to_json()
    assert "decision.outcome" not in fact


def test_a_failing_asynchronous_tools_span_says_so(seen: Capture) -> None:
    @seen.emitter.tool("ask", token=T1)
    async def fails() -> None:
        await asyncio.sleep(0)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(fails())
    assert only(seen)["error.type"] == "TimeoutError"


def test_an_error_the_agent_states_itself_is_kept(seen: Capture) -> None:
    @seen.emitter.tool("ask", token=T1, error_type="quota")
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert only(seen)["error.type"] == "quota"


def test_a_tool_is_a_use_of_when_and_under_what_it_began(seen: Capture) -> None:
    app = TracerProvider().get_tracer("app")

    @seen.emitter.tool("slow", token=T1)
    def slow() -> None:
        time.sleep(0.05)

    before = time.time_ns()
    with app.start_as_current_span("run") as run:
        slow()
    span = only(seen).span
    assert span.start_time is not None
    assert span.end_time is not None
    assert before <= span.start_time
    assert span.end_time - span.start_time >= 40_000_000
    assert span.parent == run.get_span_context()


def test_a_flush_tells_of_a_tool_that_is_under_way_once(seen: Capture) -> None:
    @seen.emitter.tool(token=lambda: T1)
    def fails() -> None:
        assert len(seen.facts()) == 1
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert only(seen)["id"] == D1
    assert seen.emitter.stats().pending == 0


def test_a_tool_that_takes_long_is_told_without_waiting_for_it(
    seen: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "PATIENCE", 0.05)
    monkeypatch.setattr(held, "_LOOK", 0.02)
    told = threading.Event()

    @seen.emitter.tool("slow", token=T1)
    def slow() -> bool:
        until = time.monotonic() + 10
        while not seen.emitter.stats().delivered and time.monotonic() < until:
            time.sleep(0.01)
        told.set()
        return seen.emitter.stats().delivered == 1

    assert slow()
    assert len(seen.facts()) == 1


def test_the_end_of_the_process_tells_of_a_tool_that_is_under_way(seen: Capture) -> None:
    @seen.emitter.tool("exits", token=T1)
    def exits() -> None:
        seen.emitter.shutdown()

    exits()
    assert seen.emitter.stats().delivered == 1
    assert seen.emitter.stats().lost == 0


def test_a_decorated_tool_keeps_its_type(seen: Capture) -> None:
    @seen.emitter.tool("add", risk="low")
    def add(a: int, b: int = 1) -> int:
        return a + b

    @seen.emitter.tool
    async def later(text: str) -> str:
        return text

    assert_type(add(1, b=2), int)
    assert_type(seen.emitter.bind(add)(1), int)
    with pytest.raises(TypeError):
        add("1", c=2)  # type: ignore[arg-type, call-arg]
    assert inspect.signature(add).parameters.keys() == {"a", "b"}
    assert inspect.iscoroutinefunction(later)


def test_bound_functions_act_under_what_was_current_where_they_were_bound(seen: Capture) -> None:
    dl = seen.emitter
    app = TracerProvider().get_tracer("app")

    def work(name: str) -> str | None:
        dl.use(name)
        current = dl.current()
        return current.id if current else None

    async def main(pool: ThreadPoolExecutor) -> list[str | None]:
        loop = asyncio.get_running_loop()
        with app.start_as_current_span("run"), dl.acting_as(T1):
            bound = dl.bind(work)
            return [await loop.run_in_executor(pool, bound, "t") for _ in range(3)]

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(main(pool)) == [D1, D1, D1]
        assert pool.submit(dl.current).result() is None  # and nothing stays behind
    facts = seen.facts()
    assert {fact["id"] for fact in facts} == {D1}
    assert len({fact.span.context.trace_id for fact in facts if fact.span.context}) == 1


def test_a_bound_asynchronous_function_stays_one(seen: Capture) -> None:
    dl = seen.emitter

    async def current() -> str | None:
        await asyncio.sleep(0)
        found = dl.current()
        return found.id if found else None

    with dl.acting_as(T1):
        bound = dl.bind(current)
    assert inspect.iscoroutinefunction(bound)
    assert asyncio.run(bound()) == D1


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
