"""Delegation spans as OTLP, for tests: written by the stock encoders, or bent out of shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

DATA = Path(__file__).parent / "data" / "otlp"
START = 1_795_459_437_162_429_419
DIGEST = "faa51a4270f861f90df5eac192b3f142207973f5c1a92cd4030da3eca1a233f3"
FAKE_JWT = "eyJhbGciOiJmYWtlIn0.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl"
"""Visibly fake: alg `fake`, subject `nobody`, signature `signature`."""

USE: Mapping[str, Any] = {
    "delegation.operation.name": "use",
    "delegation.id": "dlg_faa51a4270f861f90df5eac192b3f142",
    "delegation.depth": 1,
    "delegation.granted_scopes": ["calendar.write"],
    "delegation.audiences": ["https://mcp.calendar.example.com"],
    "delegation.token.fingerprint": f"sha256:{DIGEST}",
    "delegation.token.single_use": False,
    "gen_ai.tool.name": "create_event",
}
BOOKER: Mapping[str, Any] = {
    "service.name": "booker",
    "service.instance.id": "booker-7c9",
    "deployment.environment.name": "production",
}


_FIELDS = {
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    str: "string_value",
    bytes: "bytes_value",
}


def any_value(value: Any) -> AnyValue:
    if isinstance(value, AnyValue):
        return value
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if value is None:
        return AnyValue()
    return AnyValue(**{_FIELDS[type(value)]: value})


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def span(attributes: Mapping[str, Any] = USE, number: int = 1, **fields: Any) -> Span:
    """A span numbered `number`: its ids say so."""
    given: dict[str, Any] = {
        "trace_id": number.to_bytes(16),
        "span_id": number.to_bytes(8),
        "name": "use create_event",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": START + number,
        "end_time_unix_nano": START + number,
    }
    return Span(attributes=pairs(attributes), **(given | fields))


def request(*spans: Span, resource: Mapping[str, Any] = BOOKER) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.extend(pairs(resource))
    group.scope_spans.add(spans=spans).scope.name = "grantline"
    return made


def protobuf(*spans: Span, resource: Mapping[str, Any] = BOOKER) -> bytes:
    return request(*spans, resource=resource).SerializeToString()


def as_json(made: ExportTraceServiceRequest) -> dict[str, Any]:
    """OTLP JSON of a request: protobuf's JSON, but with the ids in hex."""
    converted: dict[str, Any] = hexed(MessageToDict(made, use_integers_for_enums=True))
    return converted


def hexed(value: Any) -> Any:
    if isinstance(value, list):
        return [hexed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(below).hex()
        if name in ("traceId", "spanId", "parentSpanId")
        else hexed(below)
        for name, below in value.items()
    }


def json_of(*spans: Span, resource: Mapping[str, Any] = BOOKER) -> bytes:
    return json.dumps(as_json(request(*spans, resource=resource))).encode()


def both(spans: Sequence[Span], resource: Mapping[str, Any] = BOOKER) -> tuple[bytes, bytes]:
    """The same spans as protobuf and as JSON."""
    return protobuf(*spans, resource=resource), json_of(*spans, resource=resource)
