"""OTLP protobuf, read lazily: a record is cut into spans, a span into attributes, and only an
attribute the decoder knows is looked into.

The schema here is a trimmed one, wire-compatible with opentelemetry/proto/trace/v1/trace.proto
and common/v1/common.proto: what is not read is not declared, and spans, resources, attributes
and texts are declared `bytes`. Bad UTF-8, endless nesting or broken wire inside one span so
costs that span alone, and an attribute that came before is known by its bytes. A message that is
declared so is `repeated`, too: it may come in several parts, which protobuf says add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from grantline.model.flags import RESOURCE_UNREADABLE
from grantline.model.hop import Hop
from grantline.wire.otlp_attributes import IGNORED, RESOURCE, SPAN, Attribute
from grantline.wire.otlp_plain import Garbled, Nested
from grantline.wire.otlp_spans import (
    Emitter,
    Groups,
    Identity,
    Parts,
    Reader,
    Unusable,
    convert,
    emitter_of,
    gather,
    hop_of,
    identity_of,
    invalid,
    unreadable,
)
from grantline.wire.otlp_values import MAX_ITEMS

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES, _INT64, _FIXED64 = _Field.TYPE_BYTES, _Field.TYPE_INT64, _Field.TYPE_FIXED64
_MANY, _ONE = _Field.LABEL_REPEATED, _Field.LABEL_OPTIONAL

_SCHEMA: dict[str, dict[str, tuple[int, Any, Any]]] = {
    "TracesData": {"resource_spans": (1, "ResourceSpans", _MANY)},
    "ResourceSpans": {"resource": (1, _BYTES, _MANY), "scope_spans": (2, "ScopeSpans", _MANY)},
    "ScopeSpans": {"spans": (2, _BYTES, _MANY)},
    "Resource": {"attributes": (1, _BYTES, _MANY)},
    "Span": {
        "trace_id": (1, _BYTES, _ONE),
        "span_id": (2, _BYTES, _ONE),
        "parent_span_id": (4, _BYTES, _ONE),
        "kind": (6, _Field.TYPE_INT32, _ONE),
        "start_time_unix_nano": (7, _FIXED64, _ONE),
        "end_time_unix_nano": (8, _FIXED64, _ONE),
        "attributes": (9, _BYTES, _MANY),
        "dropped_attributes_count": (10, _Field.TYPE_UINT32, _ONE),
        "status": (15, "Status", _ONE),
    },
    "Status": {"code": (3, _Field.TYPE_INT32, _ONE)},
    "KeyValue": {"key": (1, _BYTES, _ONE), "value": (2, _BYTES, _MANY)},
    "AnyValue": {
        "string_value": (1, _BYTES, _ONE),
        "bool_value": (2, _Field.TYPE_BOOL, _ONE),
        "int_value": (3, _INT64, _ONE),
        "double_value": (4, _Field.TYPE_DOUBLE, _ONE),
        "array_value": (5, "ArrayValue", _ONE),
        "kvlist_value": (6, "KeyValueList", _ONE),
        "bytes_value": (7, _BYTES, _ONE),
    },
    "ArrayValue": {"values": (1, "AnyValue", _MANY)},
    "KeyValueList": {"values": (1, "NestedKeyValue", _MANY)},
    "NestedKeyValue": {"key": (1, _BYTES, _ONE), "value": (2, "AnyValue", _ONE)},
}
_UNKNOWN = (IGNORED, None)
_BEFORE_TEXT = [b"\x12%c\n%c" % (size + 2, size) for size in range(126)]
"""What stands between a key and a string of so many bytes: two tags and two lengths."""
_ERROR = 2
"""opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR"""


def _messages() -> dict[str, Any]:
    package = "grantline.otlp"
    file = descriptor_pb2.FileDescriptorProto(
        name="grantline/otlp.proto", package=package, syntax="proto3"
    )
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, label) in fields.items():
            declared = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                declared.type, declared.type_name = _Field.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                declared.type = kind
        if name == "AnyValue":
            message.oneof_decl.add(name="value")
            for declared in message.field:
                declared.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return {n: message_factory.GetMessageClass(find(f"{package}.{n}")) for n in _SCHEMA}


_classes = _messages()
_record = _classes["TracesData"].FromString
_resource = _classes["Resource"].FromString
_span = _classes["Span"].FromString
_key_value = _classes["KeyValue"].FromString
_any_value = _classes["AnyValue"]


def split(data: bytes) -> Groups:
    """The resources and spans of a record. Raises `Unusable` for the record."""
    try:
        record = _record(data)
    except DecodeError:
        raise _broken(data) from None
    return [
        (resource, scope.spans)
        for group in record.resource_spans
        for resource in (_joined(group.resource),)
        for scope in group.scope_spans
    ]


def _joined(parts: Sequence[bytes]) -> bytes:
    """The resource that came in these parts; where one of them is broken, that one."""
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        try:
            _resource(part)
        except DecodeError:
            return part
    return b"".join(parts)


def readable(data: bytes) -> bool:
    """Whether `data` is a record of this encoding."""
    try:
        _record(data)
    except DecodeError:
        return False
    return True


def emitter(resource: bytes) -> Emitter:
    """What a resource says of its spans."""
    try:
        return emitter_of(_resource(resource).attributes, _read_resource)
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
    return hop_of(gather(read.attributes, read_attribute), parts, emitter, received)


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _span(span)
    except DecodeError:
        return Identity()
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
