"""The messages of OTLP protobuf, trimmed: wire-compatible with opentelemetry/proto/trace/v1/trace.proto and
common/v1/common.proto. What is not read is not declared, and spans, resources, attributes and texts are
declared `bytes`: bad UTF-8, endless nesting or broken wire inside one of them costs no other, and an
attribute that came before is known by its bytes. A message that is declared so is `repeated`, too: it
may come in several parts, which protobuf says add up.
"""

from __future__ import annotations

from grantline.wire.protobuf_messages import (
    BOOL,
    BYTES,
    DOUBLE,
    FIXED64,
    INT32,
    INT64,
    MANY,
    ONE,
    UINT32,
    Schema,
    messages,
)

_SCHEMA: Schema = {
    "TracesData": {"resource_spans": (1, "ResourceSpans", MANY)},
    "ResourceSpans": {
        "resource": (1, BYTES, MANY),
        "scope_spans": (2, "ScopeSpans", MANY),
        # As OTLP 0.15 to 0.19 has them; before, they stood in the place of scope_spans.
        "library_spans": (1000, BYTES, MANY),
    },
    "ScopeSpans": {"spans": (2, BYTES, MANY)},
    "Resource": {"attributes": (1, BYTES, MANY)},
    "Span": {
        "trace_id": (1, BYTES, ONE),
        "span_id": (2, BYTES, ONE),
        "parent_span_id": (4, BYTES, ONE),
        "kind": (6, INT32, ONE),
        "start_time_unix_nano": (7, FIXED64, ONE),
        "end_time_unix_nano": (8, FIXED64, ONE),
        "attributes": (9, BYTES, MANY),
        "dropped_attributes_count": (10, UINT32, ONE),
        "status": (15, "Status", ONE),
    },
    "Status": {"code": (3, INT32, ONE)},
    "KeyValue": {"key": (1, BYTES, ONE), "value": (2, BYTES, MANY)},
    "AnyValue": {
        "string_value": (1, BYTES, ONE),
        "bool_value": (2, BOOL, ONE),
        "int_value": (3, INT64, ONE),
        "double_value": (4, DOUBLE, ONE),
        "array_value": (5, "ArrayValue", ONE),
        "kvlist_value": (6, "KeyValueList", ONE),
        "bytes_value": (7, BYTES, ONE),
    },
    "ArrayValue": {"values": (1, "AnyValue", MANY)},
    "KeyValueList": {"values": (1, "NestedKeyValue", MANY)},
    "NestedKeyValue": {"key": (1, BYTES, ONE), "value": (2, "AnyValue", ONE)},
}

_classes = messages("grantline.otlp", _SCHEMA, frozenset({"AnyValue"}))
record = _classes["TracesData"].FromString
resource_spans = _classes["ResourceSpans"].FromString
scope_spans = _classes["ScopeSpans"].FromString
resource = _classes["Resource"].FromString
span = _classes["Span"].FromString
key_value = _classes["KeyValue"].FromString
any_value = _classes["AnyValue"]
