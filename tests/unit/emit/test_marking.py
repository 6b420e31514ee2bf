"""The application's own spans, where it asks for the delegation on them."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline import emit
from grantline.emit.testing import capture
from grantline.wire.otlp import decode
from tests.unit.emit.vectors import D0, D1, T0, T1


def test_spans_bear_the_ids_of_what_is_current_and_the_pipeline_passes_over_them() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(emit.DelegationSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("app")
    with capture() as seen:
        seen.emitter.grant(T0, task="a trip")
        seen.emitter.delegate(T1, subject_token=T0)
        with tracer.start_as_current_span("before"), seen.emitter.acting_as(T1):
            tracer.start_span("call").end()
    call, before = kept.get_finished_spans()
    assert dict(call.attributes or {}) == {
        "delegation.id": D1,
        "delegation.root.id": D0,
        "delegation.depth": 1,
        "delegation.task.id": "a trip",
    }
    assert not before.attributes
    decoded = decode(encode_spans([call, before]).SerializeToString())
    assert not decoded.hops
    assert not decoded.rejected
