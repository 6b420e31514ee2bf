"""OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), read lazily like
`otlp_protobuf`.

It is not protobuf's JSON: ids are hex. `google.protobuf.json_format` takes them for base64 and
answers with ids of the wrong length, so it has no place here. Taken as well: base64 ids,
snake_case names, numbers as strings, enums by name.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from grantline.model.flags import RESOURCE_UNREADABLE
from grantline.model.hop import Hop
from grantline.wire.otlp_attributes import IGNORED, RESOURCE, SPAN, Attribute
from grantline.wire.otlp_json_messages import (
    NOTHING,
    AnyValue,
    KeyValue,
    Request,
    Resource,
    ResourceSpans,
    Span,
)
from grantline.wire.otlp_json_text import MARKER, prune
from grantline.wire.otlp_json_values import NotAValue, id_of, kind_of, nanoseconds_of, number, typed
from grantline.wire.otlp_plain import Garbled, Nested
from grantline.wire.otlp_reading import Reader, convert, emitter_of, gather, invalid, unreadable
from grantline.wire.otlp_spans import (
    Emitter,
    Groups,
    Identity,
    Parts,
    Unusable,
    hop_of,
    identity_of,
)
from grantline.wire.otlp_values import MAX_ITEMS

_ERROR: Final = (2, "2", "STATUS_CODE_ERROR", "ERROR")

_request = msgspec.json.Decoder(Request).decode
_resource_spans = msgspec.json.Decoder(ResourceSpans).decode
_resource = msgspec.json.Decoder(Resource | None).decode
_span = msgspec.json.Decoder(Span).decode
_key_value = msgspec.json.Decoder(KeyValue).decode
_any_value = msgspec.json.Decoder(AnyValue | None).decode


class Broken(Unusable):
    """The text is not one document of JSON."""


def split(text: bytes) -> Groups | None:
    """The resources and spans of a request, whose text is `mended`; None where it is not one of
    spans alone. Raises `Unusable` for the record.
    """
    try:
        try:
            request = _request(text)
        except RecursionError:
            request = _request(prune(text))
    except RecursionError:
        raise Unusable("too_deep", "the JSON is nested too deeply") from None
    except msgspec.ValidationError as why:
        raise Unusable("not_otlp", f"JSON, but not an OTLP request: {why}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise broken(text, why) from None
    if request.resource_spans is msgspec.UNSET:
        return None
    if bytes(request.resource_logs) != NOTHING or bytes(request.resource_metrics) != NOTHING:
        return None
    return [group for found in request.resource_spans or () for group in _groups(found)]


def groups_of(resource_spans: bytes) -> Groups:
    """The resource and the spans of one ResourceSpans. Raises `msgspec.DecodeError`."""
    return _groups(_resource_spans(resource_spans))


def _groups(found: ResourceSpans) -> Groups:
    scopes = found.scope_spans or ()
    if found.instrumentation_library_spans:
        scopes = (*scopes, *found.instrumentation_library_spans)
    resource = bytes(found.resource)
    return [(resource, [bytes(span) for span in scope.spans or ()]) for scope in scopes]


def broken(text: bytes, why: Exception) -> Broken:
    """Why a text is not one document of JSON."""
    try:
        text.decode()
    except UnicodeDecodeError as bad:
        if text.lstrip()[:1] in (b"{", b"["):
            return Broken("bad_encoding", f"the JSON is not UTF-8 at byte {bad.start}")
    if "truncated" in str(why):
        return Broken("truncated", f"the JSON ends at byte {len(text)}, before it is complete")
    return Broken("not_otlp", str(why))


def emitter(resource: bytes) -> Emitter:
    """What a resource says of its spans."""
    try:
        read = _resource(resource)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Emitter(flags=(RESOURCE_UNREADABLE,))
    attributes = read.attributes if read is not None else None
    return emitter_of(gather([bytes(raw) for raw in attributes or ()], _read_resource))


def hop(span: bytes, emitter: Emitter, received: int) -> Hop | None:
    """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
    read = _parse_span(span)
    slots = gather([bytes(raw) for raw in read.attributes or ()], read_attribute)
    parts = Parts(
        id_of(read.trace_id, 32),
        id_of(read.span_id, 16),
        id_of(read.parent_span_id, 16),
        nanoseconds_of(read.start_time_unix_nano),
        kind_of(read.kind),
        read.status.__class__ is dict and _said(read.status.get("code")) in _ERROR,
        number(read.dropped_attributes_count) > 0,
        nanoseconds_of(read.end_time_unix_nano),
    )
    return hop_of(slots, parts, emitter, received)


def _said(code: Any) -> Any:
    return code if code.__class__ in (int, str) else None


def identity(span: bytes) -> Identity:
    """The ids of a span, as far as they can be read."""
    try:
        read = _parse_span(span)
    except Unusable:
        return Identity()
    return identity_of(id_of(read.trace_id, 32), id_of(read.span_id, 16))


def _parse_span(span: bytes) -> Span:
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


def _plain(value: AnyValue | None) -> Any:
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


read_attribute = _reader(SPAN)
"""One attribute of a span -> its slot and value."""
_read_resource = _reader(RESOURCE)
