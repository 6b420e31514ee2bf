"""What an agent is promised: no exception, no token, no touch on its own tracing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from grantline import emit
from grantline.emit.testing import capture, fake_token
from grantline.wire.otlp import decode
from tests.unit.emit.vectors import T0, T1

OPERATIONS = ("grant", "delegate", "renew", "use", "consent", "approve", "revoke", "end")
HOSTILE: list[Any] = [
    None,
    "",
    "a" * 100_000,
    "\ud800",
    "tökén",
    b"\xff\x00",
    7,
    object(),
    fake_token(sub=["x"], act="x", aud={"a": 1}, exp="never", scope=7, cnf=[1], roles="x"),
    fake_token(sub="\ud800", iss="\x00", scope="\ud800 \x00"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("token", HOSTILE, ids=range(len(HOSTILE)))
def test_no_operation_raises_whatever_it_is_given(operation: str, token: Any) -> None:
    with capture() as seen:
        method = getattr(seen.emitter, operation)
        known = {} if operation in ("consent", "approve", "use", "end") else {"nonsense": 1}
        if operation in ("use", "consent", "approve", "end"):
            method(token=token, scopes=7, depth="x", audiences=3, subject=4, **known)
        else:
            method(token, scopes=7, depth="x", audiences=3, subject=4, **known)
        (fact,) = seen.facts()
        assert fact.operation == operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_even_a_wrong_call_is_counted_instead_of_raised(operation: str) -> None:
    with capture() as seen:
        getattr(seen.emitter, operation)(1, 2, 3, 4)
        assert seen.emitter.stats().notes["error"] == 1


def test_contexts_never_raise_either() -> None:
    with capture() as seen:
        dl = seen.emitter
        for token in HOSTILE:
            with dl.acting_as(token):
                dl.inject()
        dl.inject(7)  # type: ignore[arg-type]
        assert dl.flush()


class Broken(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError(f"cannot send {T0} and {len(spans)} spans")

    def shutdown(self) -> None:
        raise OSError("no")


def test_a_broken_exporter_costs_the_spans_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=Broken()))
    for _ in range(5):
        dl.use("t", token=T1)
    dl.flush()
    dl.shutdown()
    assert dl.stats().dropped == {"export_failed": 5}
    assert dl.stats().pending == 0
    assert "5 so far (export_failed" in caplog.text
    assert "eyJ" not in caplog.text


def test_failing_closed_raises_where_authority_comes_into_being_and_nowhere_else() -> None:
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=Broken(), fail_closed=True))
    for operation in OPERATIONS:
        if operation in ("grant", "delegate"):
            with pytest.raises(emit.NotRecorded):
                getattr(dl, operation)(T0)
        else:
            getattr(dl, operation)()
    with pytest.raises(emit.NotRecorded):
        dl.exchange(lambda: T1, subject_token=T0)
    dl.shutdown()
    with pytest.raises(emit.NotRecorded):
        dl.grant(T0)


def test_failing_closed_returns_only_after_delivery() -> None:
    exporter = InMemorySpanExporter()
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=exporter, fail_closed=True))
    made = dl.grant(T0)
    assert [s.name for s in exporter.get_finished_spans()] == ["grant planner"]
    assert made.depth == 0
    assert dl.stats().delivered == 1
    dl.shutdown()


def test_a_bug_in_the_library_fails_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture(fail_closed=True) as seen:
        monkeypatch.setattr(seen.emitter._recorder, "see", lambda *_: 1 / 0)
        with pytest.raises(emit.NotRecorded, match="ZeroDivisionError"):
            seen.emitter.grant(T0)
        assert seen.emitter.use("t") == emit.Delegation()


def test_no_token_leaves_through_any_argument(caplog: pytest.LogCaptureFixture) -> None:
    opaque = "fake-opaque-api-key-0001"
    with caplog.at_level(logging.DEBUG), capture(resource={"x": T0}) as seen:
        for token in (T0, opaque):
            for name in ("purpose", "action_name", "server_address", "actor", "reason", "subject"):
                seen.emitter.use(f"tool {token}", token=token, **{name: f"<{token}>"})  # type: ignore[arg-type]
            seen.emitter.use(token, token=token, scopes=[token], **{token: "x"})  # type: ignore[arg-type]
        spans = [fact.span.to_json() for fact in seen.facts()]
        notes = seen.emitter.stats().notes
    assert spans
    for text in (*spans, caplog.text, repr(seen.emitter.stats())):
        assert "eyJhbGci" not in text
        assert opaque not in text
    assert notes["scrubbed"] > 10


@pytest.mark.parametrize(
    "resource",
    [{"process.command_args": ["run", f"--token={T0}"]}, {f"key {T0}": "v"}],
    ids=["in a list", "as a key"],
)
def test_no_token_leaves_through_the_resource(resource: dict[str, Any]) -> None:
    """What leaves is taken in: one hop, nothing quarantined."""
    with capture(resource=resource) as seen:
        seen.emitter.use("t", token=T1)
        (fact,) = seen.facts()
        assert seen.emitter.stats().notes["scrubbed"] == 1
    data = encode_spans([fact.span]).SerializeToString()
    assert b"eyJ" not in data
    decoded = decode(data)
    assert (len(decoded.hops), list(decoded.rejected)) == (1, [])


def test_a_callers_tracestate_does_not_leave() -> None:
    """It could hold a token, and would get the verifier's span quarantined: theft unseen."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    carrier = {
        "traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
        "tracestate": "a=eyJa.b.c",
    }
    with capture() as seen:
        with seen.emitter.receive(carrier):
            seen.emitter.use("t", token=T1, kind="server")
        with seen.emitter.resume(carrier):
            seen.emitter.use("t", token=T1)
        facts = seen.facts()
    data = encode_spans([fact.span for fact in facts]).SerializeToString()
    assert b"eyJ" not in data
    assert trace_id in [hop.trace_id for hop in decode(data).hops]
    # An exporter of the agent's own, or the console's, shows more than OTLP does.
    assert not any("eyJ" in fact.span.to_json() for fact in facts)
    assert facts[0].span.parent is not None
    assert not facts[0].span.parent.trace_state
    assert [bool(link.context.trace_state) for link in facts[1].span.links] == [False]


def test_the_applications_own_tracing_is_left_alone() -> None:
    before = trace.get_tracer_provider()
    mine = InMemorySpanExporter()
    application = TracerProvider(sampler=ALWAYS_OFF)
    application.add_span_processor(SimpleSpanProcessor(mine))
    with capture() as seen:
        with application.get_tracer("app").start_as_current_span("run") as run:
            seen.emitter.grant(T0)
            assert not run.get_span_context().trace_flags.sampled
        (fact,) = seen.facts()
    assert trace.get_tracer_provider() is before
    assert mine.get_finished_spans() == ()
    assert fact.span.context is not None
    assert fact.span.context.trace_id == run.get_span_context().trace_id
    assert fact.span.context.trace_flags.sampled


def test_limits_meant_for_the_applications_spans_do_not_cut_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    with capture() as seen:
        seen.emitter.grant(T0)
        (fact,) = seen.facts()
    assert len(fact.attributes) > 20
    assert len(fact["token.fingerprint"]) > 64


def test_switching_the_sdk_off_is_obeyed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with capture() as seen:
        seen.emitter.use("t", token=T1)
        assert seen.emitter.stats().dropped == {"sdk_disabled": 1}


def test_importing_the_library_imports_nothing_of_the_pipeline() -> None:
    code = (
        "import sys, grantline.emit, grantline.emit.testing\n"
        "heavy = {'faust', 'duckdb', 'pydantic', 'msgspec', 'pyarrow', 'grpc', 'grantline.model'}\n"
        "ours = {n for n in sys.modules if n.startswith('grantline.')}\n"
        "print(sorted(heavy & set(sys.modules)), sorted(n for n in ours if n.split('.')[1] not in ('dialects', 'emit', 'kafka_iam', 'kafka_security', 'spelling')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] []"


def test_importing_the_library_loads_little_beyond_the_sdk() -> None:
    """No exporter, no client, no loop: each is loaded by who asks for it."""
    code = (
        "import sys, grantline.emit\n"
        "late = ('asyncio', 'multiprocessing', 'confluent_kafka', 'requests', 'google', 'rfc8785',\n"
        "        'grantline.emit.kafka', 'opentelemetry.exporter', 'opentelemetry.propagate',\n"
        "        'grantline.dialects.known', 'difflib')\n"
        "print([name for name in late if name in sys.modules])\n"
        "print(grantline.emit.KafkaSpanExporter.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n") == ["[]", "KafkaSpanExporter", ""]


def test_losses_are_a_metric_of_the_applications_own_meter_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr("grantline.emit.meter.get_meter", provider.get_meter)
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=Broken()))
    dl.use("t", token=T1)
    dl.shutdown()
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    assert metric.name == "delegation.sdk.dropped"
    assert point.attributes == {"error.type": "export_failed"}
    assert isinstance(point, NumberDataPoint)
    assert point.value == 1
    provider.shutdown()
