"""Jaeger's protobuf: the Kafka exporter's `jaeger_proto`, a record for each span, with its process in
it. https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/model.proto
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from grantline.model.hop import Hop
from grantline.wire.jaeger import JaegerParts, Tags, emitter_of_process, hop_of_tags
from grantline.wire.otlp_plain import Garbled
from grantline.wire.otlp_spans import MARK, Emitter, Identity, Unusable, identity_of
from grantline.wire.otlp_times import NS
from grantline.wire.protobuf_messages import (
    BOOL,
    BYTES,
    DOUBLE,
    INT32,
    INT64,
    MANY,
    ONE,
    messages,
)

_classes = messages(
    "grantline.jaeger",
    {
        "Span": {
            "trace_id": (1, BYTES, ONE),
            "span_id": (2, BYTES, ONE),
            "references": (4, "Reference", MANY),
            "start_time": (6, "Instant", ONE),
            "duration": (7, "Instant", ONE),
            "tags": (8, BYTES, MANY),
            "process": (10, "Process", ONE),
        },
        "Reference": {"span_id": (2, BYTES, ONE), "kind": (3, INT32, ONE)},
        "Instant": {"seconds": (1, INT64, ONE), "nanos": (2, INT32, ONE)},
        "Process": {"service_name": (1, BYTES, ONE), "tags": (2, BYTES, MANY)},
        "Tag": {
            "key": (1, BYTES, ONE),
            "kind": (2, INT32, ONE),
            "v_str": (3, BYTES, ONE),
            "v_bool": (4, BOOL, ONE),
            "v_int64": (5, INT64, ONE),
            "v_float64": (6, DOUBLE, ONE),
            "v_binary": (7, BYTES, ONE),
        },
    },
)
_span = _classes["Span"].FromString
_tag = _classes["Tag"].FromString
_VALUES: Final = ("v_str", "v_bool", "v_int64", "v_float64", "v_binary")
"""By a tag's kind."""
_CHILD_OF = 0


def is_marked(span: bytes) -> bool:
    """Whether this is a span of Jaeger, and a delegation span."""
    try:
        read = _span(span)
        return bool(read.trace_id) and any(_tag(raw).key == MARK for raw in read.tags)
    except DecodeError:
        return False


def emitter(_process: bytes) -> Emitter:
    """Nothing: a span has its process in it."""
    return Emitter()


def hop(span: bytes, _emitter: Emitter, received: int) -> Hop | None:
    """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
    try:
        read = _span(span)
    except DecodeError:
        raise Unusable("bad_span", "the span is broken protobuf") from None
    above = [one.span_id for one in read.references if one.kind == _CHILD_OF]
    parts = JaegerParts(
        read.trace_id.hex(),
        read.span_id.hex(),
        above[0].hex() if above else "",
        _nanoseconds(read.start_time),
        _nanoseconds(read.duration),
    )
    process = emitter_of_process(_text(read.process.service_name), _tags(read.process.tags))
    return hop_of_tags(_tags(read.tags), parts, process, received)


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _span(span)
    except DecodeError:
        return Identity()
    return identity_of(read.trace_id.hex(), read.span_id.hex())


def _nanoseconds(instant: Any) -> int:
    return int(instant.seconds) * NS + int(instant.nanos)


def _tags(tags: Any) -> Tags:
    found = []
    for raw in tags:
        try:
            tag = _tag(raw)
        except DecodeError:
            continue
        kind = tag.kind if 0 <= tag.kind < len(_VALUES) else len(_VALUES) - 1
        value = getattr(tag, _VALUES[kind])
        name = _text(tag.key)
        if name.__class__ is str:
            found.append((name, _text(value) if kind == 0 else value))
    return found


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Garbled()
