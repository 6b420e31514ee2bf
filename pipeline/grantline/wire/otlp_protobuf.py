"""OTLP protobuf, read lazily: a record is cut into spans, a span into attributes, and only an
attribute the decoder knows is looked into. What is declared of it is in `otlp_protobuf_messages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from grantline.model.flags import RESOURCE_UNREADABLE
from grantline.model.hop import Hop
from grantline.wire import otlp_protobuf_messages as messages
from grantline.wire import otlp_protobuf_others
from grantline.wire.otlp_attributes import IGNORED, RESOURCE, SPAN, Attribute
from grantline.wire.otlp_plain import Garbled, Nested
from grantline.wire.otlp_reading import Reader, convert, emitter_of, gather, invalid, unreadable
from grantline.wire.otlp_spans import (
    MARK,
    Emitter,
    Groups,
    Identity,
    Parts,
    Unusable,
    hop_of,
    identity_of,
)
from grantline.wire.otlp_values import MAX_ITEMS

_span = messages.span
_key_value = messages.key_value
_any_value = messages.any_value
_UNKNOWN = (IGNORED, None)
_BEFORE_TEXT = [b"\x12%c\n%c" % (size + 2, size) for size in range(126)]
"""What stands between a key and a string of so many bytes: two tags and two lengths."""
_TRACE_BYTES = 16
_SPAN_BYTES = 8
_ERROR = 2
"""opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR"""


def split(data: bytes) -> Groups:
    """The resources and spans of a record. Raises `Unusable` for the record."""
    try:
        record = messages.record(data)
    except DecodeError:
        raise _broken(data) from None
    return _groups(record.resource_spans)


def groups_of(resource_spans: bytes) -> Groups:
    """The resource and the spans of one ResourceSpans. Raises `DecodeError`."""
    return _groups([messages.resource_spans(resource_spans)])


def spans_of(scope_spans: bytes) -> Sequence[bytes]:
    """The spans of one ScopeSpans. Raises `DecodeError`."""
    spans: Sequence[bytes] = messages.scope_spans(scope_spans).spans
    return spans


def _groups(resource_spans: Iterable[Any]) -> Groups:
    groups: list[tuple[bytes, Sequence[bytes]]] = []
    for found in resource_spans:
        resource = _joined(found.resource)
        for scope in found.scope_spans:
            groups.append((resource, scope.spans))  # noqa: PERF401 - the way of nearly all
        if found.library_spans:
            groups += [(resource, _library_spans(raw)) for raw in found.library_spans]
    return groups


def _library_spans(raw: bytes) -> Sequence[bytes]:
    """Spans of OTLP before 0.20. What is broken, or another's field, counts only with the mark."""
    try:
        return spans_of(raw)
    except DecodeError:
        return [raw] if MARK in raw else []


def _joined(parts: Sequence[bytes]) -> bytes:
    """The resource that came in these parts; where one of them is broken, that one."""
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        try:
            messages.resource(part)
        except DecodeError:
            return part
    return b"".join(parts)


def readable(data: bytes) -> bool:
    """Whether `data` is a record of this encoding."""
    try:
        messages.record(data)
    except DecodeError:
        return False
    return True


def emitter(resource: bytes) -> Emitter:
    """What a resource says of its spans."""
    try:
        return emitter_of(gather(messages.resource(resource).attributes, _read_resource))
    except DecodeError:
        return Emitter(flags=(RESOURCE_UNREADABLE,))


def hop(span: bytes, emitter: Emitter, received: int) -> Hop | None:
    """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
    try:
        read = _span(span)
    except DecodeError:
        raise Unusable("bad_span", "the span is broken protobuf") from None
    parts = Parts(
        read.trace_id.hex(),
        read.span_id.hex(),
        read.parent_span_id.hex(),
        read.start_time_unix_nano,
        read.kind,
        read.status.code == _ERROR,
        read.dropped_attributes_count > 0,
        read.end_time_unix_nano,
    )
    made = hop_of(gather(read.attributes, read_attribute), parts, emitter, received)
    if made is None and MARK in span and not _is_span(read):
        return otlp_protobuf_others.hop(span, emitter, received, read_attribute)
    return made


def _is_span(read: Any) -> bool:
    """Whether what was read as a span has what only spans have where it stands."""
    return len(read.trace_id) == _TRACE_BYTES and len(read.span_id) == _SPAN_BYTES


def is_marked(span: bytes) -> bool:
    """Whether this is a span, and a delegation span."""
    try:
        read = _span(span)
        return _is_span(read) and any(_key_value(raw).key == MARK for raw in read.attributes)
    except DecodeError:
        return False


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _span(span)
    except DecodeError:
        return Identity()
    if not _is_span(read):
        found = otlp_protobuf_others.identity(span)
        if found != Identity():
            return found
    return identity_of(read.trace_id.hex(), read.span_id.hex())


def _reader(table: dict[str, Attribute]) -> Reader:
    known = {name.encode(): attribute for name, attribute in table.items()}

    def read(raw: bytes) -> tuple[int, Any]:
        short = _short_text(raw)
        if short is not None:
            attribute = known.get(raw[2 : raw[1] + 2])
            return convert(attribute, _text(short)) if attribute else _UNKNOWN
        try:
            pair = _key_value(raw)
        except DecodeError:
            return unreadable()
        attribute = known.get(pair.key)
        if attribute is None:
            return _UNKNOWN
        value = _any_value()
        try:
            for part in pair.value:
                value.MergeFromString(part)
        except DecodeError:  # broken, or nested beyond a hundred levels
            return invalid(attribute)
        return convert(attribute, _plain(value))

    return Reader(read)


def _short_text(raw: bytes) -> bytes | None:
    """The value of what nearly every attribute is: a key and a string, both under 128 bytes.

    Anything else, and whatever is wrong, is left to protobuf.
    """
    if len(raw) < 6 or raw[0] != 0x0A or raw[1] > 127:
        return None
    end = raw[1] + 2
    value = raw[end + 4 :]
    size = len(value)
    return value if size < 126 and raw[end : end + 4] == _BEFORE_TEXT[size] else None


def _plain(value: Any) -> Any:
    # Asking for a text costs less than asking which of the seven a value is.
    if text := value.string_value:
        return _text(text)
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        # One more than allowed is enough for the converter to know.
        items = [_plain(item) for item in value.array_value.values[: MAX_ITEMS + 1]]
        return Garbled() if any(item.__class__ is Garbled for item in items) else items
    if which == "string_value":
        return ""
    return Nested() if which == "kvlist_value" else getattr(value, which)


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Garbled()


read_attribute = _reader(SPAN)
"""One attribute of a span -> its slot and value."""
_read_resource = _reader(RESOURCE)


def _broken(data: bytes) -> Unusable:
    """Whether a record that cannot be read was cut off, or never was one."""
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        length, at = varint(data, at + 1)
        if tag != 0x0A or (length is None and at < len(data)):
            return Unusable("not_otlp", f"broken protobuf at byte {start}")
        if length is None or at + length > len(data):
            return Unusable("truncated", f"the record ends at byte {len(data)}, inside a resource")
        at += length
    return Unusable("not_otlp", "the record is framed like OTLP protobuf, but broken inside")


def varint(data: bytes, at: int) -> tuple[int | None, int]:
    """The base-128 number at `at` and where it ends; None where it is cut off or endless."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None, at
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
    return None, at
