"""Tells a story through the OpenTelemetry SDK for Python: client.py PROTOCOL STORY.json.

The exporter finds its endpoint in OTEL_EXPORTER_OTLP_ENDPOINT. `kafka` is Grantline's own exporter, to
the address in GRANTLINE_EXPORTER: what it gives is what the others are held against.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, set_span_in_context


def exporter(protocol: str) -> SpanExporter:
    if protocol == "kafka":
        from grantline.emit.exporters import make_exporter

        return make_exporter(os.environ["GRANTLINE_EXPORTER"], 20.0)
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter as Grpc,
        )

        return Grpc(insecure=True)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter as Http,
    )

    return Http()


def tell(story: dict[str, Any], told_to: SpanExporter) -> bool:
    """Whether all of it was exported."""
    provider = TracerProvider(resource=Resource.create(story["resource"]))
    provider.add_span_processor(BatchSpanProcessor(told_to))
    tracer = provider.get_tracer("foreign")
    spans: list[Span] = []
    for one in story["spans"]:
        under = Context()
        if one["parent"] is not None:
            under = set_span_in_context(spans[one["parent"]], under)
        span = tracer.start_span(
            one["name"],
            under,
            SpanKind[one["kind"].upper()],
            one["attributes"],
            [Link(spans[to].get_span_context()) for to in one["links"]],
            one["start"],
        )
        if one["error"]:
            span.set_status(StatusCode.ERROR)
        span.end(one["end"])
        spans.append(span)
    exported = provider.force_flush()
    provider.shutdown()
    return exported


if __name__ == "__main__":
    if not tell(json.loads(Path(sys.argv[2]).read_text("utf-8")), exporter(sys.argv[1])):
        sys.exit("not exported")
