"""What a record of protobuf is that is no OTLP request, where it holds delegation spans: a part of a
request by itself, or Jaeger's. All of it is told apart by whether the mark is where that form has it.
Zipkin's is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.message import DecodeError

from grantline.wire import jaeger_protobuf, otlp_protobuf, zipkin
from grantline.wire.otlp_spans import MARK, Found, Groups, Unusable

_UNPLACED: Final = (
    "protobuf that holds delegation.operation.name, and no span where OTLP has one; send OTLP traces "
    "(of the Kafka exporter: encoding otlp_proto)"
)


def read(data: bytes, no_request: Unusable | None = None) -> Found:
    """The spans of a record with the mark in which an OTLP request has none; `no_request` is why it is
    none. Raises `Unusable`.
    """
    traces = _marked(_tempo, data)
    if traces:
        return Found([(otlp_protobuf, traces)], [])
    groups = _marked(otlp_protobuf.groups_of, data)
    if groups:
        return Found([(otlp_protobuf, groups)], [])
    spans = _marked(lambda scope: [(b"", otlp_protobuf.spans_of(scope))], data)
    if spans:
        return Found([(otlp_protobuf, spans)], [])
    if otlp_protobuf.is_marked(data):
        return Found([(otlp_protobuf, [(b"", [data])])], [])
    if jaeger_protobuf.is_marked(data):
        return Found([(jaeger_protobuf, [(b"", [data])])], [])
    if zipkin.is_list(data):
        raise Unusable("not_otlp", zipkin.PROTOBUF)
    raise no_request or Unusable("not_otlp", _UNPLACED)


def _tempo(data: bytes) -> Groups:
    """The trace in an answer of Tempo (tempopb.TraceByIDResponse), framed as a request is."""
    length, at = otlp_protobuf.varint(data, 1)
    if data[:1] != b"\n" or length is None:
        return []
    try:
        return otlp_protobuf.split(data[at : at + length])
    except Unusable:
        return []


def _marked(
    groups_of: Callable[[bytes], Groups], data: bytes
) -> Sequence[tuple[bytes, Sequence[bytes]]]:
    """The groups that `data` is in this form, where a span of them has the mark."""
    try:
        groups = groups_of(data)
    except DecodeError:
        return []
    return groups if any(MARK in span for _, spans in groups for span in spans) else []
