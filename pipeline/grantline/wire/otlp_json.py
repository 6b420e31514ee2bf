"""OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), read lazily like
`otlp_protobuf`.

It is not protobuf's JSON: ids are hex. `google.protobuf.json_format` takes them for base64 and
answers with ids of the wrong length, so it has no place here. Taken as well: base64 ids,
snake_case names, numbers as strings, enums by name.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from grantline.model.flags import RESOURCE_UNREADABLE
from grantline.model.hop import Hop
from grantline.wire.otlp_attributes import IGNORED, RESOURCE, SPAN, Attribute
from grantline.wire.otlp_json_text import MARKER, prune, unescape
from grantline.wire.otlp_json_values import NotAValue, id_of, kind_of, nanoseconds_of, number, typed
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

_BOM = b"\xef\xbb\xbf"
_ERROR: Final = (2, "2", "STATUS_CODE_ERROR", "ERROR")
_EARLY: Final = 16_384
"""Bytes of a record that are searched for snake_case names."""


class _Camel(msgspec.Struct, rename="camel", gc=False):
    """A part of a request. What is null is not there; what is not declared is not looked at."""


class _ScopeSpans(_Camel):
    spans: list[msgspec.Raw] | None = None


class _ResourceSpans(_Camel):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_spans: list[_ScopeSpans] | None = None


class _Request(_Camel):
    resource_spans: list[_ResourceSpans] | msgspec.UnsetType | None = msgspec.UNSET


class _Resource(_Camel):
    attributes: list[msgspec.Raw] | None = None


class _Status(_Camel):
    code: Any = None


class _Span(_Camel):
    trace_id: Any = None
    span_id: Any = None
    parent_span_id: Any = None
    kind: Any = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: list[msgspec.Raw] | None = None
    dropped_attributes_count: Any = None
    status: _Status | None = None


class _KeyValue(_Camel):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class _ArrayValue(_Camel):
    values: list[_AnyValue | None] | None = None


class _AnyValue(_Camel):
    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None
    array_value: _ArrayValue | None = None
    kvlist_value: Any = None
    bytes_value: Any = None


_SNAKE: Final = {
    field.name.encode(): field.encode_name.encode()
    for struct in (_Request, _ResourceSpans, _ScopeSpans, _Span, _AnyValue)
    for field in msgspec.structs.fields(struct)
    if "_" in field.name
}
_SNAKE_KEY: Final = re.compile(rb'"(' + b"|".join(_SNAKE) + rb')"(?=\s*:)')

_request = msgspec.json.Decoder(_Request).decode
_resource = msgspec.json.Decoder(_Resource | None).decode
_span = msgspec.json.Decoder(_Span).decode
_key_value = msgspec.json.Decoder(_KeyValue).decode
_any_value = msgspec.json.Decoder(_AnyValue | None).decode


def split(data: bytes) -> Groups:
    """The resources and spans of a record. Raises `Unusable` for the record."""
    request = _whole(_camel(unescape(data.removeprefix(_BOM))))
    if request.resource_spans is msgspec.UNSET:
        raise Unusable("not_otlp", "JSON without resourceSpans; send OTLP traces")
    return [
        (bytes(group.resource), [bytes(span) for span in scope.spans or ()])
        for group in request.resource_spans or ()
        for scope in group.scope_spans or ()
    ]


def emitter(resource: bytes) -> Emitter:
    """What a resource says of its spans."""
    try:
        read = _resource(resource)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Emitter(flags=(RESOURCE_UNREADABLE,))
    attributes = read.attributes if read is not None else None
    return emitter_of([bytes(raw) for raw in attributes or ()], _read_resource)


def hop(span: bytes, emitter: Emitter, received: int) -> Hop | None:
    """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
    read = _parse_span(span)
    slots = gather([bytes(raw) for raw in read.attributes or ()], _read_span)
    parts = Parts(
        id_of(read.trace_id, 32),
        id_of(read.span_id, 16),
        id_of(read.parent_span_id, 16),
        nanoseconds_of(read.start_time_unix_nano),
        kind_of(read.kind),
        read.status is not None and read.status.code in _ERROR,
        number(read.dropped_attributes_count) > 0,
        nanoseconds_of(read.end_time_unix_nano),
    )
    return hop_of(slots, parts, emitter, received)


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _parse_span(span)
    except Unusable:
        return Identity()
    return identity_of(id_of(read.trace_id, 32), id_of(read.span_id, 16))


def _whole(data: bytes) -> _Request:
    try:
        try:
            return _request(data)
        except RecursionError:
            return _request(prune(data))
    except RecursionError:
        raise Unusable("too_deep", "the JSON is nested too deeply") from None
    except msgspec.ValidationError as why:
        raise Unusable("not_otlp", f"JSON, but not an OTLP request: {why}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise _broken(data, why) from None


def _broken(data: bytes, why: Exception) -> Unusable:
    try:
        data.decode()
    except UnicodeDecodeError as bad:
        if data.lstrip().startswith(b"{"):
            return Unusable("bad_encoding", f"the JSON is not UTF-8 at byte {bad.start}")
    if "truncated" in str(why):
        return Unusable("truncated", f"the JSON ends at byte {len(data)}, before it is complete")
    return Unusable("not_otlp", str(why))


def _camel(data: bytes) -> bytes:
    """`data` with the names we read in camelCase. A writer that has snake_case has it early."""
    if _SNAKE_KEY.search(data, 0, _EARLY):
        return _SNAKE_KEY.sub(lambda match: b'"%b"' % _SNAKE[match[1]], data)
    return data


def _parse_span(span: bytes) -> _Span:
    try:
        return _span(span)
    except UnicodeDecodeError:
        raise Unusable("bad_encoding", "the span is not UTF-8") from None
    except msgspec.ValidationError as why:
        raise Unusable("bad_span", f"not as OTLP JSON has it: {why}") from None
    except msgspec.DecodeError:
        raise Unusable("bad_span", "the span is broken JSON") from None


def _reader(table: dict[str, Attribute]) -> Reader:
    def read(raw: bytes) -> tuple[int, Any]:
        try:
            pair = _key_value(raw)
        except UnicodeDecodeError:
            return IGNORED, None  # the name is not UTF-8, and so none that we know
        except (msgspec.DecodeError, RecursionError):
            return unreadable()
        attribute = table.get(pair.key)
        if attribute is None:
            return IGNORED, None
        try:
            value = _plain(_any_value(pair.value))
        except UnicodeDecodeError:
            value = Garbled()
        except (msgspec.DecodeError, NotAValue, RecursionError):
            return invalid(attribute)
        return invalid(attribute) if MARKER in raw else convert(attribute, value)

    return Reader(read)


def _plain(value: _AnyValue | None) -> Any:
    if value is None:
        return None
    if value.array_value is not None:
        # One more than allowed is enough for the converter to know.
        return [_plain(item) for item in (value.array_value.values or ())[: MAX_ITEMS + 1]]
    if value.kvlist_value is not None:
        return Nested()
    for given, kind in (
        (value.string_value, str),
        (value.int_value, int),
        (value.bool_value, bool),
        (value.double_value, float),
        (value.bytes_value, bytes),
    ):
        if given is not None:
            return typed(given, kind)
    return None


_read_span = _reader(SPAN)
_read_resource = _reader(RESOURCE)
