"""The two decoders of OTLP protobuf and stock protobuf, held against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from grantline.compiled import compiled
from grantline.model.rejected import Rejected
from grantline.wire import otlp, otlp_protobuf
from grantline.wire.credentials import carries_jwt
from grantline.wire.otlp import RECORD, Decoded, Limits, decode
from grantline.wire.otlp_attributes import ODD, PROBLEM, RESOURCE, SPAN, Attribute, slot_of
from grantline.wire.otlp_plain import Nested
from grantline.wire.otlp_reading import convert
from grantline.wire.otlp_spans import (
    EMPTY,
    MARK,
    Emitter,
    Parts,
    Unusable,
    hop_of,
)

built = pytest.mark.skipif(
    compiled("grantline.wire._walk") is None, reason="not built, or GRANTLINE_PURE is set"
)
PROTOBUF = "application/x-protobuf"
_FLAGS = slot_of("flags")


class _OfProfiles(Exception):
    """A value that only OTLP profiles have: the index of a text. To a reader of traces it is none."""


def either(data: bytes, limits: Limits = RECORD) -> tuple[Decoded, Decoded]:
    """What the pure and what the compiled decoder say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp, "_walk", None)
        pure = decode(data, PROTOBUF, 7, limits)
    return pure, decode(data, PROTOBUF, 7, limits)


def same(data: bytes) -> None:
    pure, compiled = either(data)
    assert compiled == pure
    # True equals 1, and nothing else tells them apart.
    assert repr(compiled) == repr(pure)
    reference = read_by_stock(data)
    if reference is not None:
        assert pure == reference


def read_by_stock(data: bytes) -> Decoded | None:
    """What a record holds as stock protobuf has it; None where it refuses the record, or where
    it cannot tell: a JWT is looked for in bytes that protobuf may have dropped.
    """
    try:
        request = ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        return None
    if carries_jwt(data):
        return None
    groups = request.resource_spans
    if MARK in data and not any(scope.spans for group in groups for scope in group.scope_spans):
        return None  # it is asked what else it is: tests/unit/wire/test_forms.py
    try:
        return _read(request)
    except _OfProfiles:
        return None


def _read(request: ExportTraceServiceRequest) -> Decoded:
    decoded = Decoded([], [], 0)
    index = passed_over = 0
    for group in request.resource_spans:
        emitter = _emitter(group.resource)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            try:
                hop = hop_of(_slots(span.attributes), _parts(span), emitter, 7)
            except Unusable as why:
                ids = otlp_protobuf.identity(span.SerializeToString())
                bad = Rejected(why.reason, why.detail, *ids, emitter.service)
                decoded.rejected.append((index, bad))
            else:
                if hop is None:
                    passed_over += 1
                else:
                    decoded.hops.append(hop)
            index += 1
    return decoded._replace(passed_over=passed_over)


def _emitter(resource: Resource) -> Emitter:
    slots = _slots(resource.attributes, RESOURCE)
    service, instance, environment = (slots[attribute.slot] for attribute in RESOURCE.values())
    return Emitter(service, instance, environment, slots[PROBLEM], slots[_FLAGS])


def _slots(attributes: Sequence[KeyValue], table: dict[str, Attribute] = SPAN) -> list[Any]:
    slots = EMPTY.copy()
    flags: dict[int, str] = {}
    for pair in attributes:
        attribute = table.get(pair.key)
        if attribute is not None:
            try:
                slot, value = convert(attribute, _plain(pair.value))
            except Unusable as why:
                slot, value = why.slot, why
            flag = None
            if slot == ODD:
                slot, value, flag = value
            slots[slot] = value
            flags.pop(slot, None)
            if flag is not None:
                flags[slot] = flag
    slots[_FLAGS] = tuple(sorted(set(flags.values())))
    return slots


def _plain(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "string_value_strindex":
        raise _OfProfiles
    if which == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return Nested() if which == "kvlist_value" else getattr(value, which)


def _parts(span: Span) -> Parts:
    return Parts(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.kind,
        span.status.code == 2,
        span.dropped_attributes_count > 0,
        span.end_time_unix_nano,
    )
