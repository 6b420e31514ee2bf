"""Bytes of one Kafka record -> hops, as a stock OpenTelemetry Collector writes them.

Any key, any partitioning, no content type needed, many resources in one record: the seven rules
of the convention, section 1.12. Nothing raises: what cannot be read becomes a `Rejected` that
names the culprit and holds no value from the span, and a bad span never costs its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple

from grantline.model.hop import Hop
from grantline.model.rejected import Reason, Rejected
from grantline.wire import json_forms, otlp_protobuf, otlp_walk, protobuf_forms
from grantline.wire.credentials import carries_jwt
from grantline.wire.detection import JSON, PROTOBUF, contradiction, detect
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
    """Each with the index of its span within the record, or `WHOLE_RECORD`. Of several documents
    in one record, those that cannot be read are numbered behind the spans."""
    passed_over: int
    """Spans without `delegation.operation.name`."""


_SHORT: Final = 4_096
"""Bytes of a resource up to which it is remembered: the same few come with every record."""
_EMITTERS: Final = 1_024
_JWT_IN: Final = "the {} carries a raw JWT; send its fingerprint instead"


def decode(
    data: bytes, content_type: str | None = None, received: int = 0, limits: Limits = RECORD
) -> Decoded:
    """The hops of one record; `received` is the broker's timestamp in milliseconds.

    The bytes decide what a record is. What `content_type` says counts where they do not, and is named
    where they cannot be read. Never raises, whatever the bytes are.
    """
    try:
        kind, payload = detect(_bounded(data, limits), content_type)
        if _walk is not None and kind == PROTOBUF:
            found = _walk(payload, limits.spans, received)
            if found is not None and (any(found) or MARK not in payload):
                return Decoded(*found)
        return _read(_countable(_forms(kind, payload), limits), received)
    except Unusable as why:
        return _refused(why.reason, why.detail + contradiction(data, content_type))
    except RecursionError:
        return _refused("too_deep", "nested too deeply to be read")
    except MemoryError:
        return _refused("too_large", "more than memory holds")


def _forms(kind: str, payload: bytes) -> Found:
    if kind == JSON:
        return json_forms.read(payload)
    try:
        groups = otlp_protobuf.split(payload)
    except Unusable as why:
        return protobuf_forms.read(payload, why)
    if any(spans for _, spans in groups) or MARK not in payload:
        return Found([(otlp_protobuf, groups)], [])
    return protobuf_forms.read(payload)


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
    rejected: list[tuple[int, Rejected]] = []
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
    # A document that cannot be read counts as one span, behind those that can.
    alone = first == 0 and len(found.refused) == 1
    for index, why in enumerate(found.refused, WHOLE_RECORD if alone else first):
        rejected.append((index, Rejected(why.reason, why.detail)))
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
