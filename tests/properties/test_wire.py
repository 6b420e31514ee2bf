"""The decoder holds against any bytes, and says the same of the same spans in either encoding."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as encode_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_protobuf
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from grantline.model.hop import OPERATIONS
from grantline.model.rejected import REASONS
from grantline.wire.credentials import carries_jwt
from grantline.wire.frames import decode_hops, encode_hops
from grantline.wire.otlp import Decoded, decode
from grantline.wire.otlp_attributes import FIELDS, OPERATION_NAME, SPAN
from grantline.wire.otlp_values import fingerprint, instant, integer, scopes, texts, truth
from tests.otlp import DIGEST, FAKE_JWT, START, both, span

pytestmark = pytest.mark.usefixtures("decoder")

# The first text drawn builds the tables of Unicode, which takes a second or two.
unhurried = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

WORDS = st.text(min_size=1, max_size=20).filter(lambda text: not carries_jwt(text.encode()))
HONEST: dict[Any, st.SearchStrategy[Any]] = {
    integer: st.integers(-(1 << 63), (1 << 63) - 1),
    instant: st.integers(946_684_800, 253_402_300_799),
    truth: st.booleans(),
    texts: st.lists(WORDS, max_size=5),
    scopes: st.lists(st.sampled_from(["read", "write", "admin", "ü"]), max_size=5),
    fingerprint: st.just(f"sha256:{DIGEST}"),
}
NAMES = sorted(name for name, attribute in SPAN.items() if attribute.slot < len(FIELDS))
HOSTILE = st.recursive(
    st.one_of(
        WORDS,
        st.sampled_from(["", FAKE_JWT, OPERATION_NAME, "[", '["a"]', "x" * 1025]),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False),
        st.none(),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@st.composite
def honest_attributes(draw: st.DrawFn) -> dict[str, Any]:
    """What an emitter that keeps the convention sets."""
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=12))
    drawn = {name: draw(HONEST.get(SPAN[name].convert, WORDS)) for name in chosen}
    return {**drawn, OPERATION_NAME: draw(st.sampled_from(sorted(OPERATIONS)))}


@st.composite
def hostile_spans(draw: st.DrawFn) -> list[Span]:
    """Spans whose every part may be wrong."""
    spans = []
    for number in range(draw(st.integers(0, 3))):
        attributes = draw(st.dictionaries(st.sampled_from([*SPAN, "x"]), HOSTILE, max_size=6))
        if draw(st.booleans()):
            attributes[OPERATION_NAME] = draw(st.sampled_from([*sorted(OPERATIONS), "x", 7]))
        made = span(attributes, number)
        made.kind = draw(st.integers(0, 7))  # type: ignore[assignment]
        made.start_time_unix_nano = draw(st.sampled_from([0, 1, START, (1 << 64) - 1]))
        made.dropped_attributes_count = draw(st.integers(0, 1))
        made.status.code = draw(st.sampled_from([0, 1, 2]))  # type: ignore[assignment]
        spans.append(made)
    return spans


def exported(sets: list[dict[str, Any]]) -> list[ReadableSpan]:
    """Spans of the OpenTelemetry SDK with these attributes, as its exporters are handed them."""
    tracer = TracerProvider(
        resource=Resource({"service.name": "booker"}), shutdown_on_exit=False
    ).get_tracer("grantline")
    made: list[ReadableSpan] = []
    for attributes in sets:
        one = tracer.start_span("x", attributes=attributes, start_time=START)
        one.end()
        assert isinstance(one, ReadableSpan)
        made.append(one)
    return made


def sound(decoded: Decoded) -> None:
    """What holds of anything that was decoded, wherever it came from."""
    for hop in decoded.hops:
        assert hop.operation in OPERATIONS
        assert (len(hop.trace_id), len(hop.span_id)) == (32, 16)
        assert hop.time > 0
    for index, rejected in decoded.rejected:
        assert index >= -1
        assert rejected.reason in REASONS
        assert rejected.detail
    assert not carries_jwt(repr(decoded).encode())
    assert decode_hops(encode_hops(decoded.hops)) == decoded.hops


@unhurried
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\n", b"{", b"\x00\x00\x00\x00\x01\x00", b'{"resourceSpans":[', b"\x1f"]
    ),
    st.sampled_from([None, "application/json", "application/x-protobuf", "ö"]),
)
def test_no_bytes_raise(data: bytes, start: bytes, content_type: str | None) -> None:
    sound(decode(start + data, content_type))


@unhurried
@given(hostile_spans(), st.data())
def test_no_valid_record_bent_out_of_shape_raises(spans: list[Span], data: st.DataObject) -> None:
    for record in both(spans):
        bent = bytearray(record)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(bent)))
            end = data.draw(st.integers(at, min(len(bent), at + 8)))
            bent[at:end] = data.draw(st.binary(max_size=4))
        sound(decode(bytes(bent)))


@unhurried
@given(hostile_spans(), st.data())
def test_a_record_cut_off_keeps_nothing(spans: list[Span], data: st.DataObject) -> None:
    for record in both(spans):
        cut = decode(record[: data.draw(st.integers(1, len(record) - 1))])
        assert cut.hops == []
        assert [index for index, _ in cut.rejected] == [-1]


@unhurried
@given(hostile_spans())
def test_both_encodings_of_the_same_spans_say_the_same(spans: list[Span]) -> None:
    from_protobuf, from_json = (decode(record) for record in both(spans))
    sound(from_protobuf)
    assert from_json == from_protobuf
    assert len(from_json.hops) + len(from_json.rejected) + from_json.passed_over == len(spans)


@unhurried
@given(st.lists(honest_attributes(), min_size=1, max_size=3))
def test_what_the_stock_encoders_write_arrives_whole(sets: list[dict[str, Any]]) -> None:
    spans = exported(sets)
    from_protobuf = decode(encode_protobuf(spans).SerializeToString())
    assert from_protobuf == decode(encode_json(spans).to_json().encode())
    assert from_protobuf.rejected == []
    for attributes, hop in zip(sets, from_protobuf.hops, strict=True):
        told = {FIELDS[SPAN[name].slot]: plain(name, value) for name, value in attributes.items()}
        assert {field: getattr(hop, field) for field in told} == told
        silent = {FIELDS[SPAN[name].slot] for name in NAMES} - told.keys()
        assert [field for field in silent if getattr(hop, field) is not None] == []
        assert (hop.service, hop.time) == ("booker", START)


def plain(name: str, value: Any) -> Any:
    """What a hop holds of an attribute whose emitter keeps the convention."""
    if name.endswith("_scopes"):
        return tuple(sorted(set(value)))
    return tuple(value) if isinstance(value, list) else value
