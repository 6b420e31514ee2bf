"""The current delegation: inside a process, in baggage, across a resume, at the borders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.sdk.trace import TracerProvider

from grantline import emit
from grantline.emit.testing import Capture, capture
from tests.unit.emit.vectors import D0, D1, F1, T0, T1


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(baggage_allow=["*.corp.example.com", "mcp.partner.example"]) as found:
        yield found


@pytest.fixture
def chained(seen: Capture) -> Capture:
    seen.emitter.grant(T0, task="task 9,c=1")
    seen.emitter.delegate(T1, subject_token=T0)
    return seen


def test_the_current_delegation_is_current_only_inside_the_block(chained: Capture) -> None:
    dl = chained.emitter
    assert dl.current() is None
    with dl.acting_as(T1):
        current = dl.current()
        assert current is not None
        assert current.id == D1
        assert not baggage.get_all()  # it goes to whoever is called
    assert dl.current() is None


def test_tools_use_the_current_delegation_without_being_handed_the_token(chained: Capture) -> None:
    with chained.emitter.acting_as(T1):
        chained.emitter.use("create_event")
    fact = chained.facts()[-1]
    assert (fact["id"], fact["root.id"], fact["token.fingerprint"]) == (D1, D0, F1)
    assert fact["audiences"] == ("https://mcp.calendar.example.com",)


def test_inner_blocks_hide_outer_ones_completely(chained: Capture) -> None:
    dl = chained.emitter
    with dl.acting_as(T1), dl.acting_as("fake-opaque-token"):
        current = dl.current()
        assert current is not None
        assert current.id != D1
        assert current.root_id is None


def test_baggage_goes_out_and_comes_in_as_the_same_four_members(chained: Capture) -> None:
    dl = chained.emitter
    with dl.acting_as(T1):
        carrier = dl.inject({"X-Other": "1"})
    with dl.receive(carrier):
        current = dl.current()
    assert current is not None
    assert (current.id, current.root_id, current.depth) == (D1, D0, 1)
    assert current.task_id == "task 9,c=1"
    assert len(carrier["baggage"]) < 8192


def test_nothing_but_four_ids_ever_travels(chained: Capture) -> None:
    with chained.emitter.acting_as(T1):
        carrier = chained.emitter.inject()
    text = str(carrier)
    for secret in (T1, "u-7f3a", "calendar", "at-0002", "booker", F1.removeprefix("sha256:")):
        assert secret not in text


def test_the_stock_propagator_reads_what_inject_writes(chained: Capture) -> None:
    with chained.emitter.acting_as(T1):
        ours = chained.emitter.inject()
    assert dict(baggage.get_all(W3CBaggagePropagator().extract(ours, context.Context()))) == {
        "delegation.id": D1,
        "delegation.root.id": D0,
        "delegation.depth": "1",
        "delegation.task.id": "task 9,c=1",
    }


def test_members_of_others_are_left_as_they_are(chained: Capture) -> None:
    with chained.emitter.acting_as(T1):
        carrier = chained.emitter.inject({"Baggage": "tenant=a%20b;ttl=1, delegation.id=dlg_old"})
    members = carrier["baggage"].split(",")
    assert members[0] == "tenant=a%20b;ttl=1"
    assert f"delegation.id={D1}" in members
    assert "dlg_old" not in str(carrier)


@pytest.mark.parametrize(
    "host, told",
    [
        ("api.corp.example.com", True),
        ("https://api.corp.example.com:8443/x", True),
        ("API.CORP.EXAMPLE.COM.", True),
        ("mcp.partner.example", True),
        ("http://crm:8080/x", True),
        ("corp.example.com.evil.example", False),
        ("evil.example", False),
        ("https://evil.example/?x=.corp.example.com", False),
        ("https://api.corp.example.com@evil.example/", False),
        ("", False),
    ],
)
def test_only_listed_hosts_are_told(chained: Capture, host: str, told: bool) -> None:
    with chained.emitter.acting_as(T1):
        carrier = chained.emitter.inject({"baggage": "delegation.depth=1,a=b"}, host=host)
    assert ("delegation.id" in carrier["baggage"]) is told
    assert ("delegation.depth" in carrier["baggage"]) is told
    assert "a=b" in carrier["baggage"]


def test_what_comes_from_outside_is_dropped(seen: Capture) -> None:
    forged = {"baggage": f"delegation.id={D1},delegation.root.id={D0},tenant=a"}
    with seen.emitter.receive(forged, trusted=False):
        assert seen.emitter.current() is None
    assert emit.drop_delegation(dict(forged))["baggage"] == "tenant=a"


@pytest.mark.parametrize(
    "member",
    [
        "delegation.id=" + "x" * 65,
        "delegation.id=a%20b",
        f"delegation.id={T0}",
        "delegation.id=eyJa.eyJb.c",
        "delegation.depth=1",
        "delegation.task.id=a%0Ab",
        "delegation.task.id=" + "x" * 300,
        "delegation.id",
        "=",
    ],
)
def test_malformed_baggage_tells_nothing_and_is_not_logged(
    seen: Capture, member: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), seen.emitter.receive({"baggage": member}):
        assert seen.emitter.current() is None
    assert "eyJ" not in caplog.text


@pytest.mark.parametrize("depth", ["-1", "1e3", "99999999999", "٣", "1.0", ""])
def test_a_depth_that_is_none_is_left_out(seen: Capture, depth: str) -> None:
    with seen.emitter.receive({"baggage": f"delegation.id={D1},delegation.depth={depth}"}):
        current = seen.emitter.current()
    assert current is not None
    assert current.depth is None


def test_baggage_names_a_use_only_where_there_is_no_token(seen: Capture) -> None:
    with seen.emitter.receive({"baggage": "delegation.id=dlg_told,delegation.root.id=dlg_top"}):
        seen.emitter.use("t", kind="server")
    (fact,) = seen.facts()
    assert (fact["id"], fact["root.id"], fact["evidence"]) == ("dlg_told", "dlg_top", "context")


def test_the_delegation_told_is_the_parent_of_what_is_delegated_on(seen: Capture) -> None:
    with seen.emitter.receive({"baggage": f"delegation.id={D1},delegation.depth=1"}):
        made = seen.emitter.delegate(actor="worker", scopes=["a"])
    assert (made.parent_id, made.depth) == (D1, 2)


def test_tasks_and_threads_of_asyncio_keep_the_delegation(chained: Capture) -> None:
    dl = chained.emitter

    async def tool() -> str | None:
        current = dl.current()
        return current.id if current else None

    async def main() -> list[str | None]:
        with dl.acting_as(T1):
            task = asyncio.create_task(tool())
        found = [await task]
        with dl.acting_as(T1):
            current = await asyncio.to_thread(dl.current)
        return [*found, current.id if current else None]

    assert asyncio.run(main()) == [D1, D1]


def test_a_resumed_task_is_the_same_delegation_in_a_new_trace_with_a_link(seen: Capture) -> None:
    dl = seen.emitter
    app = TracerProvider().get_tracer("app")
    with app.start_as_current_span("before") as before, dl.acting_as(T1, task="task_1"):
        stored = dict(dl.inject())
    with app.start_as_current_span("after") as after, dl.resume(stored):
        dl.use("t")
    (fact,) = seen.facts()
    assert (fact["id"], fact["task.id"]) == (D1, "task_1")
    assert fact.span.context is not None
    assert fact.span.context.trace_id == after.get_span_context().trace_id
    (link,) = fact.span.links
    assert link.context.span_id == before.get_span_context().span_id
    assert dict(link.attributes or {}) == {"delegation.link.type": "resume", "delegation.id": D1}


def test_a_resumed_task_has_its_token_and_its_agent_again(chained: Capture) -> None:
    dl = chained.emitter

    @dl.agent("planner")
    def interrupted() -> dict[str, Any]:
        with dl.acting_as(T1):
            return dict(dl.inject())

    with dl.resume(interrupted()):
        dl.use("t")
        dl.use("opaque", token="fake-opaque-token")
    used, other = chained.facts()[-2:]
    assert (used["id"], used["root.id"], used["token.fingerprint"]) == (D1, D0, F1)
    assert used["audiences"] == ("https://mcp.calendar.example.com",)
    assert used["task.id"] == "task 9,c=1"
    assert used["actor.id"] == "booker"  # as the token says
    assert other["actor.id"] == "planner"


def test_another_process_resumes_with_the_token_and_the_agent_it_is_given(chained: Capture) -> None:
    with chained.emitter.acting_as(T1):
        stored = dict(chained.emitter.inject())
    with capture(service_name="worker") as other:
        dl = other.emitter
        with dl.resume(stored, token=T1):
            dl.use("t")
        with capture() as third, third.emitter.resume(stored, actor="planner"):
            third.emitter.use("t")
            (told,) = third.facts()
        (used,) = other.facts()
    assert (used["id"], used["root.id"], used["depth"]) == (D1, D0, 1)
    assert (used["task.id"], used["token.fingerprint"]) == ("task 9,c=1", F1)
    assert (told["id"], told["actor.id"], told["evidence"]) == (D1, "planner", "context")
    assert "token.fingerprint" not in told


def test_a_token_that_is_about_another_delegation_is_resumed_as_what_it_is(
    chained: Capture,
) -> None:
    with chained.emitter.acting_as(T1):
        stored = dict(chained.emitter.inject())
    with capture() as other, other.emitter.resume(stored, token=T0):
        current = other.emitter.current()
        assert other.emitter.stats().notes["baggage_conflict"] == 1
    assert current is not None
    assert (current.id, current.root_id) == (D0, None)


def test_a_request_that_names_a_known_delegation_gets_no_token_by_it(chained: Capture) -> None:
    with chained.emitter.receive({"baggage": f"delegation.id={D1}"}):
        chained.emitter.use("t", kind="server")
    assert "token.fingerprint" not in chained.facts()[-1]


def test_a_chain_that_continues_in_another_trace_links_to_its_parents_span(seen: Capture) -> None:
    dl = seen.emitter
    app = TracerProvider().get_tracer("app")
    with app.start_as_current_span("login"):
        dl.grant(T0)
    with app.start_as_current_span("work"):
        dl.delegate(T1, subject_token=T0)
    granted, delegated = seen.facts()
    (link,) = delegated.span.links
    assert granted.span.context is not None
    assert link.context.span_id == granted.span.context.span_id
    assert dict(link.attributes or {})["delegation.link.type"] == "parent"


def test_a_request_continues_the_senders_trace_where_the_application_does_not(
    seen: Capture,
) -> None:
    carrier = {"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"}
    with seen.emitter.receive(carrier):
        seen.emitter.use("t", token=T1, kind="server")
    (fact,) = seen.facts()
    assert fact.span.context is not None
    assert f"{fact.span.context.trace_id:032x}" == "ab" * 16


def test_spans_are_leaves_below_the_applications_span_and_never_current(seen: Capture) -> None:
    app = TracerProvider().get_tracer("app")
    with app.start_as_current_span("agent run") as run:
        seen.emitter.use("t", token=T1)
        assert trace.get_current_span() is run
    (fact,) = seen.facts()
    assert fact.span.parent == run.get_span_context()


@pytest.mark.parametrize("carrier", [{}, {"baggage": 7}, {7: "x"}, {"baggage": ""}, None, "x"])
def test_a_carrier_that_is_none_changes_nothing(seen: Capture, carrier: Any) -> None:
    with seen.emitter.receive(carrier), seen.emitter.resume(carrier):
        assert seen.emitter.current() in (None, emit.Delegation())
