"""Jaeger's JSON: what its UI and its API give (`data[].spans[]`, times in microseconds), and what the
Kafka exporter writes as `jaeger_json` (protobuf's JSON of one span, ids in base64, RFC 3339 times).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from grantline.model.flags import RESOURCE_UNREADABLE
from grantline.model.hop import Hop
from grantline.wire.jaeger import JaegerParts, Tags, emitter_of_process, hop_of_tags
from grantline.wire.otlp_json_values import id_of, number
from grantline.wire.otlp_plain import Nested
from grantline.wire.otlp_spans import Emitter, Groups, Identity, Unusable, identity_of
from grantline.wire.otlp_times import NS, of_instant

_US: Final = 1_000
_SHORT_ID: Final = re.compile("[0-9a-fA-F]{1,32}")
_ZEROS: Final = {"STRING": "", "BOOL": False, "INT64": 0, "FLOAT64": 0.0, "BINARY": b""}
_DURATION: Final = re.compile(r"([0-9]{1,9})(\.[0-9]{1,9})?s")


class _Tag(msgspec.Struct, gc=False):
    key: str = ""
    value: Any = None
    v_str: Any = msgspec.field(default=None, name="vStr")
    v_bool: Any = msgspec.field(default=None, name="vBool")
    v_int64: Any = msgspec.field(default=None, name="vInt64")
    v_float64: Any = msgspec.field(default=None, name="vFloat64")
    v_binary: Any = msgspec.field(default=None, name="vBinary")
    kind: Any = msgspec.field(default=None, name="type")
    v_kind: Any = msgspec.field(default=None, name="vType")


class _Process(msgspec.Struct, rename="camel", gc=False):
    service_name: Any = None
    tags: list[Any] | None = None


class _Reference(msgspec.Struct, gc=False):
    kind: Any = msgspec.field(default=None, name="refType")
    span_id: Any = msgspec.field(default=None, name="spanID")
    span_id_: Any = msgspec.field(default=None, name="spanId")


class _Span(msgspec.Struct, gc=False):
    trace_id: Any = msgspec.field(default=None, name="traceID")
    trace_id_: Any = msgspec.field(default=None, name="traceId")
    span_id: Any = msgspec.field(default=None, name="spanID")
    span_id_: Any = msgspec.field(default=None, name="spanId")
    parent_span_id: Any = msgspec.field(default=None, name="parentSpanID")
    references: list[_Reference] | None = None
    start: Any = msgspec.field(default=None, name="startTime")
    duration: Any = None
    tags: list[Any] | None = None


class _Placed(msgspec.Struct, gc=False):
    process_id: Any = msgspec.field(default=None, name="processID")
    process: msgspec.Raw = msgspec.Raw(b"null")


class _Trace(msgspec.Struct, gc=False):
    spans: list[msgspec.Raw] | None = None
    processes: dict[str, msgspec.Raw] | None = None


_span = msgspec.json.Decoder(_Span).decode
_placed = msgspec.json.Decoder(_Placed).decode
_process = msgspec.json.Decoder(_Process | None).decode
_trace = msgspec.json.Decoder(_Trace).decode


def groups_of(trace: bytes) -> Groups:
    """The processes and spans of one trace. Raises `msgspec.DecodeError`."""
    found = _trace(trace)
    processes = {name: bytes(raw) for name, raw in (found.processes or {}).items()}
    return [group for span in found.spans or () for group in alone(bytes(span), processes)]


def alone(span: bytes, processes: dict[str, bytes] | None = None) -> Groups:
    """One span, with its process."""
    try:
        placed = _placed(span)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [(b"null", [span])]
    named = placed.process_id if placed.process_id.__class__ is str else ""
    return [((processes or {}).get(named, bytes(placed.process)), [span])]


def emitter(process: bytes) -> Emitter:
    """What a process says of its spans."""
    try:
        read = _process(process)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Emitter(flags=(RESOURCE_UNREADABLE,))
    if read is None:
        return Emitter()
    return emitter_of_process(read.service_name, _tags(read.tags))


def hop(span: bytes, emitter: Emitter, received: int) -> Hop | None:
    """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
    read = _parse(span)
    parts = JaegerParts(
        _id(read.trace_id, read.trace_id_, 32),
        _id(read.span_id, read.span_id_, 16),
        _above(read),
        _start(read.start),
        _duration(read.duration),
    )
    return hop_of_tags(_tags(read.tags), parts, emitter, received)


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _parse(span)
    except Unusable:
        return Identity()
    trace_id, span_id = _id(read.trace_id, read.trace_id_, 32), _id(read.span_id, read.span_id_, 16)
    return identity_of(trace_id and trace_id.rjust(32, "0"), span_id and span_id.rjust(16, "0"))


def _parse(span: bytes) -> _Span:
    try:
        return _span(span)
    except UnicodeDecodeError:
        raise Unusable("bad_encoding", "the span is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError):
        raise Unusable("bad_span", "not as Jaeger's JSON has a span") from None


def _id(of_api: Any, of_exporter: Any, digits: int) -> str:
    if of_api.__class__ is str:
        short = len(of_api) <= digits and _SHORT_ID.fullmatch(of_api)
        return of_api.lower() if short else ""
    return id_of(of_exporter, digits)


def _above(read: _Span) -> str:
    for reference in read.references or ():
        if reference.kind in (None, "CHILD_OF", 0):
            return _id(reference.span_id, reference.span_id_, 16)
    return _id(read.parent_span_id, None, 16)


def _start(value: Any) -> int:
    if value.__class__ is not str or value.isdigit():
        return number(value) * _US
    return of_instant(value) or 0


def _duration(value: Any) -> int:
    if value.__class__ is str and (match := _DURATION.fullmatch(value)):
        return int(match[1]) * NS + int((match[2] or ".")[1:].ljust(9, "0"))
    return number(value) * _US


def _tags(tags: list[Any] | None) -> Tags:
    found = []
    for raw in tags or ():
        try:
            tag = msgspec.convert(raw, _Tag)
        except msgspec.ValidationError:
            continue
        found.append((tag.key, _value(tag)))
    return found


def _value(tag: _Tag) -> Any:
    for value in (tag.value, tag.v_str, tag.v_bool, tag.v_int64, tag.v_float64):
        if value is not None:
            if str(tag.kind or tag.v_kind).lower() == "binary":
                return b""
            return Nested() if value.__class__ is dict else value
    if tag.v_binary is not None:
        return b""
    # Protobuf's JSON leaves out what is zero, of a tag its value and of values the kind of a text.
    return _ZEROS.get(str(tag.v_kind or "STRING")) if tag.kind is None else None
