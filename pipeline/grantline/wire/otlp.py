"""Bytes of one Kafka record -> hops, as a stock OpenTelemetry Collector writes them.

Any key, any partitioning, no content type needed, many resources in one record: the seven rules
of the convention, section 1.12. Nothing raises: what cannot be read becomes a `Rejected` that
names the culprit and holds no value from the span, and a bad span never costs its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple

from grantline.model.hop import Hop
from grantline.model.rejected import Reason, Rejected
from grantline.wire import json_forms, otlp_protobuf, otlp_walk, protobuf_forms
from grantline.wire.credentials import carries_jwt
from grantline.wire.otlp_spans import MARK, Emitter, Form, Found, Unusable

WHOLE_RECORD: Final = -1
"""The span index of a rejection that concerns a record as a whole."""


class Limits(NamedTuple):
    """What one record may be at most."""

    size: int
    """Bytes."""
    spans: int


RECORD: Final = Limits(size=8 << 20, spans=65_536)
"""A Kafka record: eight times the broker's and the Collector's default of about 1 MB."""


class Decoded(NamedTuple):
    """What one record held."""

    hops: list[Hop]
    rejected: list[tuple[int, Rejected]]
    """Each with the index of its span within the record, or `WHOLE_RECORD`."""
    passed_over: int
    """Spans without `delegation.operation.name`."""


_PROTOBUF: Final = "protobuf"
_JSON: Final = "JSON"
_CONTENT_TYPES: Final = {
    "application/x-protobuf": _PROTOBUF,
    "application/protobuf": _PROTOBUF,
    "application/json": _JSON,
    "application/x-ndjson": _JSON,
}
_JSON_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[{\[]")
_PACKED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\x06\x00\x00sNaPpY", b"\x04\x22\x4d\x18")
"""How gzip, Zstandard, Snappy and LZ4 begin."""
_MAX_MESSAGE_PATH: Final = 64
_SHORT: Final = 4_096
"""Bytes of a resource up to which it is remembered: the same few come with every record."""
_EMITTERS: Final = 1_024
_JWT_IN: Final = "the {} carries a raw JWT; send its fingerprint instead"


def content_type_of(headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    """The content type among Kafka headers, whatever its case; None where there is none."""
    for name, value in headers or ():
        if name.lower() == "content-type" and value is not None:
            return value.decode("latin-1")
    return None


def decode(
    data: bytes, content_type: str | None = None, received: int = 0, limits: Limits = RECORD
) -> Decoded:
    """The hops of one record; `received` is the broker's timestamp in milliseconds.

    The bytes decide what a record is. What `content_type` says counts where they do not, and is named
    where they cannot be read. Never raises, whatever the bytes are.
    """
    try:
        kind, payload = _detect(_bounded(data, limits), content_type)
        if _walk is not None and kind == _PROTOBUF:
            found = _walk(payload, limits.spans, received)
            if found is not None and (any(found) or MARK not in payload):
                return Decoded(*found)
        return _read(_countable(_forms(kind, payload), limits), received)
    except Unusable as why:
        return _refused(why.reason, why.detail + _contradiction(data, content_type))
    except RecursionError:
        return _refused("too_deep", "nested too deeply to be read")
    except MemoryError:
        return _refused("too_large", "more than memory holds")


def _forms(kind: str, payload: bytes) -> Found:
    if kind == _JSON:
        return json_forms.read(payload)
    marked = MARK in payload
    try:
        groups = otlp_protobuf.split(payload)
    except Unusable:
        if not marked:
            raise
        return _otherwise(payload)
    if marked and not any(spans for _, spans in groups):
        return protobuf_forms.read(payload)
    return Found([(otlp_protobuf, groups)], [])


def _otherwise(payload: bytes) -> Found:
    """A record that is no OTLP request, as another form; why it is none, where it is none of these."""
    try:
        return protobuf_forms.read(payload)
    except Unusable as why:
        try:
            otlp_protobuf.split(payload)
        except Unusable as first:
            raise first from None
        raise why from None


def _bounded(data: bytes, limits: Limits) -> bytes:
    if len(data) > limits.size:
        raise Unusable("too_large", f"{len(data)} bytes, the limit is {limits.size}")
    return data


def _countable(found: Found, limits: Limits) -> Found:
    count = found.spans
    if max(count, sum(len(groups) for _, groups in found.parts)) > limits.spans:
        raise Unusable("too_large", f"{count} spans in one record, the limit is {limits.spans}")
    return found


def _read(found: Found, received: int) -> Decoded:
    hops: list[Hop] = []
    rejected = [(WHOLE_RECORD, Rejected(why.reason, why.detail)) for why in found.refused]
    first = passed_over = 0
    for form, groups in found.parts:
        for resource, spans in groups:
            emitter = _emitter(form, resource)
            for index, span in enumerate(spans, first):
                made = _one(form, span, emitter, received)
                if made is None:
                    passed_over += 1
                elif isinstance(made, Hop):
                    hops.append(made)
                else:
                    rejected.append((index, made))
            first += len(spans)
    return Decoded(hops, rejected, passed_over)


def _one(form: Form, span: bytes, emitter: Emitter, received: int) -> Hop | Rejected | None:
    """What one span is; None where it is no delegation span."""
    if MARK not in span:
        return None
    try:
        return _hop(form, span, emitter, received)
    except Unusable as why:
        return Rejected(why.reason, why.detail, *form.identity(span), emitter.service)


def _hop(form: Form, span: bytes, emitter: Emitter, received: int) -> Hop | None:
    if carries_jwt(span):
        raise Unusable("raw_token", _JWT_IN.format("span"))
    return form.hop(span, emitter, received)


def _emitter(form: Form, resource: bytes) -> Emitter:
    short = len(resource) <= _SHORT
    return (_known_emitter if short else _new_emitter)(form.emitter, resource)


def _new_emitter(read: Callable[[bytes], Emitter], resource: bytes) -> Emitter:
    if carries_jwt(resource):
        return Emitter(problem=Unusable("raw_token", _JWT_IN.format("resource")))
    return read(resource)


_known_emitter = lru_cache(_EMITTERS)(_new_emitter)
_walk = otlp_walk.reader(partial(_emitter, otlp_protobuf), partial(_one, otlp_protobuf))
"""The compiled way, where it was built."""


def decoder() -> Literal["compiled", "pure"]:
    """Which decoder reads OTLP protobuf in this process."""
    return "pure" if _walk is None else "compiled"


def _refused(reason: Reason, detail: str) -> Decoded:
    return Decoded([], [(WHOLE_RECORD, Rejected(reason, detail))], 0)


def _detect(data: bytes, content_type: str | None) -> tuple[str, bytes]:
    """What a record is, and its bytes without framing. Raises `Unusable`."""
    payload = _unframed(data) if data[:1] == b"\0" else data
    # A line feed in front of JSON is the tag of OTLP protobuf's only field.
    looks_json = _JSON_START.match(payload) is not None
    if payload[:1] == b"\n" and not (looks_json and not otlp_protobuf.readable(payload)):
        return _PROTOBUF, payload
    if looks_json:
        return _JSON, payload
    if _named(content_type) == _PROTOBUF or MARK in payload:
        return _PROTOBUF, payload
    if not payload:
        raise Unusable("not_otlp", "the record is empty")
    if payload.startswith(_PACKED):
        raise Unusable(
            "not_otlp", "compressed once more inside the record; leave that to Kafka's compression"
        )
    raise Unusable(
        "not_otlp",
        f"the first byte is 0x{payload[0]:02x}; send OTLP protobuf (0x0a) or OTLP JSON ({{)",
    )


def _named(content_type: str | None) -> str | None:
    """What the header says that a record is, where it says one of what we read."""
    return _CONTENT_TYPES.get((content_type or "").partition(";")[0].strip().lower())


def _contradiction(data: bytes, content_type: str | None) -> str:
    """Where a record cannot be read and its header says otherwise than its bytes: that it does."""
    named = _named(content_type)
    if named is None:
        return ""
    looks_json = _JSON_START.match(data) is not None
    if looks_json == (named == _JSON):
        return ""
    return f"; the content-type header says {named}, and the bytes are not"


def _unframed(data: bytes) -> bytes:
    """A record without a Confluent schema registry's frame.

    That is a zero byte, a schema id of four bytes and, for protobuf, the path of the message
    type within its schema.
    """
    payload = data[5:]
    if _JSON_START.match(payload):
        return payload
    # https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
    # index.html#wire-format: zigzag varints, first their count; a lone 0 stands for [0].
    number, at = otlp_protobuf.varint(payload, 0)
    for _ in range(min((number or 0) >> 1, _MAX_MESSAGE_PATH)):
        number, at = otlp_protobuf.varint(payload, at)
    if number is None:
        raise Unusable("truncated", "the record ends inside Confluent framing")
    return payload[at:]
