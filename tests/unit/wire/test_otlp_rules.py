"""The seven rules by which records of a stock Collector are accepted (convention, 1.12).

Rules 1 and 7, which are about topics, are the streams' to hold; here is what concerns bytes.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as encode_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_protobuf
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from grantline.model.hop import CLIENT, SERVER, Hop
from grantline.wire.detection import content_type_of
from grantline.wire.otlp import decode
from tests.otlp import BOOKER, DIGEST, START, USE, as_json, both, json_of, protobuf, request, span

pytestmark = pytest.mark.usefixtures("decoder")

HOP = Hop(
    span_id="0000000000000001",
    trace_id="00000000000000000000000000000001",
    operation="use",
    time=START + 1,
    kind=CLIENT,
    service="booker",
    service_instance="booker-7c9",
    environment="production",
    received=1_795_459_437_999,
    id="dlg_faa51a4270f861f90df5eac192b3f142",
    depth=1,
    granted_scopes=("calendar.write",),
    audiences=("https://mcp.calendar.example.com",),
    token_fingerprint=f"sha256:{DIGEST}",
    token_single_use=False,
    action_name="create_event",
    ended=START + 1,
)


def one(data: bytes, content_type: str | None = None) -> Hop:
    decoded = decode(data, content_type, received=HOP.received)
    assert decoded.rejected == []
    [hop] = decoded.hops
    return hop


def exported(attributes: dict[str, Any]) -> list[ReadableSpan]:
    """Spans as the OpenTelemetry SDK hands them to an exporter."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(BOOKER), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("grantline", "0.1.0")
    for kind in (SpanKind.SERVER, SpanKind.CLIENT):
        made = tracer.start_span("use", kind=kind, attributes=attributes, start_time=START)
        made.set_status(Status(StatusCode.ERROR, "denied"))
        made.end()
    return list(memory.get_finished_spans())


def with_value(name: str, value: dict[str, Any]) -> bytes:
    """OTLP JSON of one span whose attribute `name` has `value` as it stands."""
    made = as_json(request(span({k: v for k, v in USE.items() if k != name})))
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].append(
        {"key": name, "value": value}
    )
    return json.dumps(made).encode()


@pytest.mark.parametrize("data", both([span()]), ids=["protobuf", "json"])
def test_a_span_becomes_the_hop_it_says(data: bytes) -> None:
    assert one(data) == HOP


def test_what_the_stock_encoders_write_decodes_to_equal_hops() -> None:
    """The protobuf and the JSON encoder of OpenTelemetry, given the same spans of its SDK."""
    spans = exported(dict(USE))
    from_protobuf = decode(encode_protobuf(spans).SerializeToString())
    from_json = decode(encode_json(spans).to_json().encode())
    assert from_protobuf == from_json
    assert [hop.kind for hop in from_protobuf.hops] == [SERVER, CLIENT]
    assert all(hop.failed and hop.service == "booker" for hop in from_protobuf.hops)
    assert from_protobuf.hops[0].granted_scopes == ("calendar.write",)


# Rule 2: what a record is


@pytest.mark.parametrize(
    "content_type",
    ["application/x-protobuf", "application/protobuf", "Application/X-Protobuf; v=1"],
)
def test_a_protobuf_content_type_is_no_more_than_a_hint(content_type: str) -> None:
    assert one(protobuf(span()), content_type) == HOP
    assert one(json_of(span()), content_type) == HOP
    assert decode(b"", content_type) == ([], [], 0)  # an empty request


def test_a_json_content_type_is_no_more_than_a_hint() -> None:
    assert one(json_of(span()), "application/json; charset=utf-8") == HOP
    assert one(protobuf(span()), "application/json") == HOP


def test_what_cannot_be_read_is_told_with_the_header_that_contradicts_it() -> None:
    for data, content_type, said in (
        (json_of(span())[:-9], "application/x-protobuf", "says protobuf"),
        (protobuf(span())[:-9], "application/json", "says JSON"),
        (b"\xff\xfe", "application/json", "says JSON"),
    ):
        [(_, rejected)] = decode(data, content_type).rejected
        assert f"the content-type header {said}" in rejected.detail
    for silent in ("application/json", "text/plain", None):
        [(_, rejected)] = decode(json_of(span())[:-9], silent).rejected
        assert "header" not in rejected.detail


def test_an_unknown_content_type_leaves_it_to_the_first_byte() -> None:
    assert one(json_of(span()), "text/plain") == one(protobuf(span()), "") == HOP


def test_the_content_type_header_is_found_in_any_case() -> None:
    assert content_type_of([("x", b"y"), ("Content-Type", b"application/json")]) == (
        "application/json"
    )
    assert content_type_of([("content-type", None)]) is None
    assert content_type_of(None) is None


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b" \t", b"\n\n  ", b"\r\n", b"\xef\xbb\xbf \n"]
)
def test_json_may_follow_blanks_and_a_byte_order_mark(before: bytes) -> None:
    """A line feed is also the tag of OTLP protobuf's first field; JSON is still told from it."""
    assert one(before + json_of(span())) == HOP


def test_protobuf_whose_length_reads_like_a_brace_is_protobuf() -> None:
    """0x0A 0x7B begins a record of 123 bytes, and would begin JSON after a line feed."""
    made = request(span({"delegation.operation.name": "end"}, name=""), resource={})
    while (data := made.SerializeToString())[1] != ord("{"):
        assert len(data) < 200
        made.resource_spans[0].schema_url += "y"
    assert len(decode(data).hops) == 1


@pytest.mark.parametrize(
    "path", [b"\x00", b"\x02\x00", b"\x04\x02\x00", b"\x02\x80\x01"], ids=bytes.hex
)
def test_confluent_framing_of_protobuf_is_taken_off(path: bytes) -> None:
    framed = b"\x00" + (1234).to_bytes(4) + path + protobuf(span())
    assert one(framed) == one(framed, "application/x-protobuf") == HOP


def test_confluent_framing_of_json_is_taken_off() -> None:
    assert one(b"\x00" + (1234).to_bytes(4) + json_of(span())) == HOP


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 40, b"[]", b"\x1f\x8b\x08", b"\x12\x00"])
def test_anything_else_is_rejected_as_a_whole(data: bytes) -> None:
    [(index, rejected)] = decode(data).rejected
    assert (index, rejected.reason) == (-1, "not_otlp")
    assert rejected.trace_id is None


# Rule 3: JSON


def test_ids_are_hex_of_either_case_or_base64() -> None:
    made = as_json(request(span()))
    first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first["traceId"] = "5B8EFFF798038103D269B633813FC60C"
    first["spanId"] = "EEE19B7EC3C1B174"
    upper = one(json.dumps(made).encode())
    first["traceId"] = base64.b64encode(bytes.fromhex(first["traceId"])).decode()
    first["spanId"] = base64.b64encode(bytes.fromhex(first["spanId"])).decode()
    assert one(json.dumps(made).encode()) == upper
    first["traceId"], first["spanId"] = "0x" + upper.trace_id, "0x" + upper.span_id
    assert one(json.dumps(made).encode()) == upper
    assert upper.trace_id == "5b8efff798038103d269b633813fc60c"
    assert upper.span_id == "eee19b7ec3c1b174"


@pytest.mark.parametrize("depth", ["1", 1, 1.0])
def test_integers_are_strings_or_numbers(depth: object) -> None:
    assert one(with_value("delegation.depth", {"intValue": depth})) == HOP


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT"])
@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR"])
def test_enums_are_numbers_or_names(kind: object, code: object) -> None:
    made = as_json(request(span()))
    first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first |= {"kind": kind, "status": {"code": code}, "startTimeUnixNano": START + 1}
    hop = one(json.dumps(made).encode())
    assert hop.failed
    assert hop.kind == CLIENT


def test_unknown_fields_and_nulls_are_nothing() -> None:
    made = as_json(request(span()))
    first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first |= {"fresh": {"a": [1]}, "status": None, "links": None, "droppedAttributesCount": None}
    made["resourceSpans"][0]["scopeSpans"][0]["more"] = [{}]
    made["resourceSpans"] += [{"resource": None, "scopeSpans": None}, {}]
    made["partialSuccess"] = {}
    assert one(json.dumps(made).encode()) == HOP


def test_names_may_be_snake_case() -> None:
    def snake(value: Any) -> Any:
        if isinstance(value, list):
            return [snake(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            "".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(below)
            for name, below in value.items()
        }

    assert one(json.dumps(snake(as_json(request(span())))).encode()) == HOP


# Rule 4: everything is looked at, only delegation spans are kept


def test_every_resource_scope_and_span_is_visited() -> None:
    made = request(span(number=1), span({"http.route": "/"}, number=2))
    made.resource_spans[0].scope_spans.add(spans=[span(number=3)])
    made.MergeFrom(request(span(number=4), span({}, number=5), resource={"service.name": "crm"}))
    for data in (made.SerializeToString(), json.dumps(as_json(made)).encode()):
        decoded = decode(data)
        assert [(hop.span_id[-1], hop.service) for hop in decoded.hops] == [
            ("1", "booker"),
            ("3", "booker"),
            ("4", "crm"),
        ]
        assert decoded.passed_over == 2
        assert decoded.rejected == []


def test_a_value_that_names_the_marking_attribute_marks_nothing() -> None:
    for data in both([span({"log": "delegation.operation.name", "server.address": 7})]):
        assert decode(data) == ([], [], 1)


# Rule 5: arrays


@pytest.mark.parametrize(
    "value",
    [["b", "a", "b"], ["a b"], '["b", "a"]', "b a", "b,a", " b,  a ", ["b a", "a"]],
    ids=repr,
)
def test_scopes_come_as_array_json_or_text_and_leave_unique_and_sorted(value: object) -> None:
    for data in both([span({**USE, "delegation.granted_scopes": value})]):
        assert one(data).granted_scopes == ("a", "b")


def test_scopes_sort_by_their_bytes() -> None:
    for data in both([span({**USE, "delegation.granted_scopes": ["\U0001f511", "｡", "a", "B"]})]):
        assert one(data).granted_scopes == ("B", "a", "｡", "\U0001f511")


@pytest.mark.parametrize(
    "value, audiences",
    [
        (["b", "a"], ("b", "a")),
        ('["b", "a"]', ("b", "a")),
        ("https://a.example/?x=1,2", ("https://a.example/?x=1,2",)),
        ("[not json", ("[not json",)),
        ([], ()),
        ("", ()),
        ("[]", ()),
        (None, None),
    ],
)
def test_other_arrays_keep_their_order_and_do_not_split_text(
    value: object, audiences: tuple[str, ...] | None
) -> None:
    for data in both([span({**USE, "delegation.audiences": value})]):
        assert one(data).audiences == audiences


# Rule 6: a bad span costs only itself


def test_a_bad_span_never_costs_its_neighbours() -> None:
    bad = span({**USE, "delegation.operation.name": "steal"}, number=2)
    for data in both([span(number=1), bad, span(number=3)]):
        decoded = decode(data)
        assert [hop.span_id[-1] for hop in decoded.hops] == ["1", "3"]
        [(index, rejected)] = decoded.rejected
        assert index == 1
        assert rejected.reason == "unknown_operation"
        assert rejected.span_id == "0000000000000002"
        assert rejected.trace_id == "00000000000000000000000000000002"
        assert rejected.service == "booker"
