"""The propagator among others: what it writes, what it leaves alone, when it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, Tracer

from grantline import emit
from grantline.emit.propagator import DelegationPropagator
from grantline.emit.testing import Capture, capture
from tests.unit.emit.vectors import D0, D1, T0, T1

OURS = (
    f"delegation.id={D1},delegation.root.id={D0},delegation.depth=1,delegation.task.id=night%20run"
)


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    before = propagate.get_global_textmap()
    yield
    assert propagate.get_global_textmap() is before


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(baggage_allow=["*.partner.example"]) as found:
        found.emitter.grant(T0, task="night run")
        found.emitter.delegate(T1, subject_token=T0)
        yield found


@pytest.fixture
def tracer() -> Tracer:
    return TracerProvider().get_tracer("app")


def sent(tracer: Tracer, host: str | None, carrier: Any = None) -> Any:
    carrier = {} if carrier is None else carrier
    said = {} if host is None else {"server.address": host}
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=said):
        propagate.inject(carrier)
    return carrier


@pytest.mark.parametrize("host", ["localhost", "crm.sales.svc", "mcp.partner.example"])
def test_our_own_and_listed_hosts_are_told(seen: Capture, tracer: Tracer, host: str) -> None:
    with seen.emitter.acting_as(T1):
        carrier = sent(tracer, host)
    assert carrier["baggage"] == OURS
    assert "traceparent" in carrier


@pytest.mark.parametrize("host", ["api.openai.com", "partner.example", None])
def test_strangers_and_the_unknown_are_told_nothing(
    seen: Capture, tracer: Tracer, host: str | None
) -> None:
    with seen.emitter.acting_as(T1):
        carrier = sent(tracer, host)
    assert set(carrier) == {"traceparent"}


def test_no_span_and_a_span_that_does_not_record_tell_nothing(seen: Capture) -> None:
    carrier: dict[str, str] = {}
    with seen.emitter.acting_as(T1):
        propagate.inject(carrier)
        sent(TracerProvider(sampler=ALWAYS_OFF).get_tracer("app"), "localhost", carrier)
    assert "baggage" not in carrier


@pytest.mark.parametrize("host", ["localhost", "api.openai.com"])
def test_the_applications_own_baggage_goes_where_it_always_went(
    seen: Capture, tracer: Tracer, host: str
) -> None:
    mine = context.attach(baggage.set_baggage("tenant", "a b"))
    with seen.emitter.acting_as(T1):
        carrier = sent(tracer, host)
    context.detach(mine)
    assert carrier["baggage"].split(",")[0] == "tenant=a+b"  # as the stock propagator writes it
    assert (OURS in carrier["baggage"]) is (host == "localhost")


def test_a_header_that_the_application_wrote_by_hand_stays(seen: Capture, tracer: Tracer) -> None:
    with seen.emitter.acting_as(T1):
        assert sent(tracer, "localhost", {"Baggage": "a=b;p"}) | {"traceparent": ""} == {
            "baggage": f"a=b;p,{OURS}",
            "traceparent": "",
        }
        assert sent(tracer, "evil.example", {"Baggage": "a=b;p"})["Baggage"] == "a=b;p"


def test_what_inject_wrote_stays_unless_the_span_names_a_stranger(
    seen: Capture, tracer: Tracer
) -> None:
    with seen.emitter.acting_as(T1):
        by_hand = seen.emitter.inject({"baggage": "a=b"})
        assert sent(tracer, None, dict(by_hand))["baggage"] == f"a=b,{OURS}"
        assert sent(tracer, "evil.example", dict(by_hand))["baggage"] == "a=b"


def test_one_header_reaches_a_carrier_of_pairs(seen: Capture, tracer: Tracer) -> None:
    class Pairs(Setter[list[tuple[str, bytes]]]):
        def set(self, carrier: list[tuple[str, bytes]], key: str, value: str) -> None:
            carrier.append((key, value.encode()))

    carrier = [("baggage", b"a=b"), ("x", b"y")]
    with (
        seen.emitter.acting_as(T1),
        tracer.start_as_current_span(
            "send", kind=SpanKind.PRODUCER, attributes={"server.address": "kafka"}
        ),
    ):
        propagate.inject(carrier, setter=Pairs())
    found = [value for name, value in carrier if name == "baggage"]
    assert found == [f"a=b,{OURS}".encode()]
    assert ("x", b"y") in carrier


def test_a_request_is_read_and_told_on_to_our_own_hosts_only(seen: Capture, tracer: Tracer) -> None:
    header = f"tenant=a,delegation.id={D1};ttl=5,delegation.task.id=build+test"
    token = context.attach(propagate.extract({"baggage": header}))
    try:
        assert seen.emitter.current() == emit.Delegation(D1, task_id="build+test")
        assert dict(baggage.get_all()) == {"tenant": "a"}
        assert sent(tracer, "evil.example")["baggage"] == "tenant=a"
        assert f"delegation.id={D1}" in sent(tracer, "localhost")["baggage"]
        assert f"delegation.id={D1}" in sent(tracer, "mcp.partner.example")["baggage"]
        with capture():  # another emitter of this process, which has no such list
            assert sent(tracer, "mcp.partner.example")["baggage"] == "tenant=a"
        with seen.emitter.receive({"baggage": header}, trusted=False):
            assert sent(tracer, "localhost")["baggage"] == "tenant=a"
    finally:
        context.detach(token)


@pytest.mark.parametrize("header", ["delegation.id=a%20b", "delegation.depth=1", "a=b", "", "=;,"])
def test_a_malformed_request_tells_nothing_and_breaks_nothing(seen: Capture, header: str) -> None:
    found = propagate.extract({"baggage": header})
    assert not [key for key in baggage.get_all(found) if key.startswith("delegation.")]
    token = context.attach(found)
    assert seen.emitter.current() is None
    context.detach(token)


@pytest.mark.parametrize(
    "chosen",
    [
        CompositePropagator([]),
        CompositePropagator([W3CBaggagePropagator()]),
        W3CBaggagePropagator(),
    ],
)
def test_a_propagator_that_is_set_later_is_taken_in(
    seen: Capture, tracer: Tracer, chosen: TextMapPropagator
) -> None:
    ours = propagate.get_global_textmap()
    propagate.set_global_textmap(chosen)
    with seen.emitter.acting_as(T1):
        now = propagate.get_global_textmap()
        assert sent(tracer, "localhost") == {"baggage": OURS}
        assert sent(tracer, "evil.example") == {}
        assert propagate.extract({}, context.Context()) == {}
    assert isinstance(now, DelegationPropagator)
    assert now.inner is chosen
    propagate.set_global_textmap(ours)


def test_ours_inside_of_another_writes_once(seen: Capture, tracer: Tracer) -> None:
    ours = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([ours, W3CBaggagePropagator()]))
    with seen.emitter.acting_as(T1):
        assert sent(tracer, "localhost")["baggage"] == OURS
        assert set(sent(tracer, "evil.example")) == {"traceparent"}
    propagate.set_global_textmap(ours)


def test_it_can_be_done_without(tracer: Tracer) -> None:
    before = propagate.get_global_textmap()
    with capture(propagate=False) as seen:
        assert propagate.get_global_textmap() is before
        with seen.emitter.acting_as(T1):
            assert "baggage" not in sent(tracer, "localhost")
            assert D1 in seen.emitter.inject()["baggage"]
    assert propagate.get_global_textmap() is before


def test_the_last_emitter_gives_the_applications_propagator_back() -> None:
    before = propagate.get_global_textmap()
    with capture():
        with capture():
            assert isinstance(propagate.get_global_textmap(), DelegationPropagator)
        assert isinstance(propagate.get_global_textmap(), DelegationPropagator)
        assert propagate.get_global_textmap().fields >= {"baggage", "traceparent"}
    assert propagate.get_global_textmap() is before
