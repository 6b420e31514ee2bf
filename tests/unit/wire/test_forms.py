"""Other forms of the same spans: what is unambiguous is read as the request would be, what is not is
refused by name. Nothing that holds the mark vanishes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData

from grantline.model.hop import CLIENT, Hop
from grantline.wire.otlp import RECORD, Decoded, Limits, decode
from tests.otlp import (
    BOOKER,
    FAKE_JWT,
    START,
    USE,
    any_value,
    as_json,
    json_of,
    pairs,
    protobuf,
    span,
)
from tests.otlp import request as request_of
from tests.wire_format import bytes_field, fixed_field, number_field, varint

pytestmark = pytest.mark.usefixtures("decoder")

QUOTES = {"gen_ai.prompt": "set delegation.operation.name, please"}
MADE = as_json(request_of(span(), span(QUOTES, 2)))
GROUP: dict[str, Any] = MADE["resourceSpans"][0]
SCOPE: dict[str, Any] = GROUP["scopeSpans"][0]
LIBRARY = {
    "resource": GROUP["resource"],
    "instrumentationLibrarySpans": [
        {"instrumentationLibrary": {"name": "grantline"}, "spans": SCOPE["spans"]}
    ],
}
[HOP] = decode(protobuf(span())).hops
NOWHERE = HOP.__class__(
    **{f: getattr(HOP, f) for f in HOP.__struct_fields__ if not f.startswith(("service", "envi"))}
)
"""The hop of a span whose resource did not come with it."""


def of(document: object) -> Decoded:
    return decode(document if isinstance(document, bytes) else json.dumps(document).encode())


def text(*documents: object, between: str = "") -> bytes:
    return between.join(json.dumps(document) for document in documents).encode()


JSON: Mapping[str, object] = {
    "OTLP before 0.15": {"resourceSpans": [LIBRARY]},
    "OTLP before 0.15, in snake_case": json.dumps({"resource_spans": [LIBRARY]}).replace(
        "instrumentationLibrarySpans", "instrumentation_library_spans"
    ).encode(),
    "rotel": [GROUP],
    "an array of requests": [MADE],
    "Tempo": {"batches": [GROUP]},
    "Tempo v2": {"trace": {"resourceSpans": [GROUP]}},
    "Tempo v2 with batches": {"trace": {"batches": [GROUP]}},
    "Tempo of old": {"batches": [LIBRARY]},
    "Jaeger v3": {"result": {"resourceSpans": [GROUP]}},
    "one ResourceSpans": GROUP,
    "beside an empty request of logs": {**MADE, "resourceLogs": []},
    "pretty-printed": json.dumps([GROUP], indent=2).encode(),
    "after a byte order mark": b"\xef\xbb\xbf" + text([GROUP]),
    "in a Confluent frame": b"\0" + (7).to_bytes(4) + text([GROUP]),
}  # fmt: skip


@pytest.mark.parametrize("name", JSON)
def test_requests_in_another_wrapping_are_read(name: str) -> None:
    assert of(JSON[name]) == ([HOP], [], 1)


@pytest.mark.parametrize(
    "document", [SCOPE, {"spans": SCOPE["spans"]}, SCOPE["spans"], [[SCOPE]]], ids=str
)
def test_spans_without_their_resource_are_read_without_it(document: object) -> None:
    assert of(document) == ([NOWHERE], [], 1)


def test_one_span_by_itself_is_read() -> None:
    assert of(SCOPE["spans"][0]) == ([NOWHERE], [], 0)


@pytest.mark.parametrize("between", ["", " ", "\n", "\r\n\r\n", "\x1e", ",\n"])
def test_several_documents_in_one_record_are_all_read(between: str) -> None:
    data = text({"batches": [GROUP]}, [GROUP], MADE, between=between)
    assert decode(data) == ([HOP] * 3, [], 3)


def test_a_line_that_is_broken_costs_no_other() -> None:
    good = text(MADE).decode()
    for lines in ([good[:-9], good, good], [good, good[:-9], good], [good, good, good[:-9]]):
        decoded = decode("\n".join(lines).encode())
        assert (decoded.hops, decoded.passed_over) == ([HOP] * 2, 2)
        [(index, rejected)] = decoded.rejected
        assert (index, rejected.reason) == (4, "truncated")
        assert f"document {lines.index(good[:-9]) + 1} of 3" in rejected.detail


def test_what_comes_behind_a_document_is_told() -> None:
    decoded = decode(text(MADE) + b"}{")
    assert decoded.hops == [HOP]
    assert [rejected.reason for _, rejected in decoded.rejected] == ["not_otlp"]


def test_documents_without_end_are_not_refused_each() -> None:
    decoded = decode(text(MADE) + b"\n{}" * 10_000)
    assert decoded.hops == [HOP]
    assert [index for index, _ in decoded.rejected] == [*range(2, 18)]
    assert "9985 more documents" in decoded.rejected[-1][1].detail


def test_the_limit_of_spans_counts_over_all_documents() -> None:
    data = text(MADE, MADE)
    assert len(decode(data, limits=Limits(RECORD.size, 4)).hops) == 2
    [(_, rejected)] = decode(data, limits=Limits(RECORD.size, 3)).rejected
    assert rejected.reason == "too_large"


@pytest.mark.parametrize(
    "document",
    [
        {}, [], [[]], [7], "delegation.operation.name", {"traces": [{"rootServiceName": "x"}]},
        {"resourceSpans": {}}, {"batches": 7}, {"data": None, "errors": ["x"]}, {"spans": {}},
        [[[[[[[[[[MADE]]]]]]]]]], {"trace": [{"trace": 7}]}, {"resourceSpans": [{"spans": [1]}], "x": MADE},
    ],
    ids=str,
)  # fmt: skip
def test_json_of_no_known_form_is_refused(document: object) -> None:
    decoded = of(document)
    assert decoded.hops == []
    assert decoded.rejected
    assert {rejected.reason for _, rejected in decoded.rejected} <= {"not_otlp", "too_deep"}


def test_zipkin_and_metrics_are_refused_by_name() -> None:
    tags = {name: str(value) for name, value in USE.items()}
    [(_, rejected)] = of([{"traceId": "1" * 16, "id": "1" * 16, "tags": tags}]).rejected
    assert "Zipkin" in rejected.detail
    [(_, rejected)] = of({"resourceMetrics": [{"scopeMetrics": []}]}).rejected
    assert "metrics" in rejected.detail
    decoded = of({**MADE, "resourceMetrics": []})
    assert decoded.hops == [HOP]
    assert "metrics" in decoded.rejected[0][1].detail


MARKED = b"delegation.operation.name"


def zipkin(*names: bytes, trace: int = 16) -> bytes:
    """Zipkin's protobuf, a span for each tag's name."""
    return b"".join(
        bytes_field(1, bytes_field(1, b"\x1f" * trace) + bytes_field(3, b"\x08" * 8)
                    + bytes_field(5, b"use") + fixed_field(6, START)
                    + bytes_field(11, bytes_field(1, name) + bytes_field(2, b"use")))
        for name in names
    )  # fmt: skip


@pytest.mark.parametrize("trace", [8, 16])
@pytest.mark.parametrize("names", [(MARKED,), (b"http.route", MARKED)])
def test_zipkins_protobuf_is_refused_by_name_with_the_cure(
    names: tuple[bytes, ...], trace: int
) -> None:
    record = zipkin(*names, trace=trace)
    [(index, rejected)] = decode(record).rejected
    assert (index, rejected.reason) == (-1, "not_otlp")
    assert "Zipkin's protobuf" in rejected.detail
    assert "otlp_proto" in rejected.detail
    # What was cut off, or has no such ids, is none.
    for other in (record[:-1], zipkin(*names, trace=15)):
        assert "Zipkin" not in repr(decode(other).rejected)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"trace": x}])
def test_a_mark_that_stands_where_no_span_does_is_told(wrap: Callable[[object], object]) -> None:
    lost = {"resourceSpans": [{"scopes": [{"spans": SCOPE["spans"]}]}]}
    decoded = of(wrap(lost))
    assert (decoded.hops, decoded.passed_over) == ([], 0)
    [(index, rejected)] = decoded.rejected
    assert (index, rejected.reason) == (-1, "not_otlp")
    assert "delegation.operation.name" in rejected.detail


def test_a_credential_is_refused_in_every_form() -> None:
    bad = as_json(request_of(span({**USE, "x": FAKE_JWT})))["resourceSpans"]
    for document in ({"batches": bad}, bad, {"trace": {"batches": bad}}, jaeger({"x": FAKE_JWT})):
        decoded = of(document)
        assert decoded.hops == []
        assert [rejected.reason for _, rejected in decoded.rejected] == ["raw_token"]
        assert FAKE_JWT not in repr(decoded)


# Protobuf


BODY = protobuf(span(), span(QUOTES, 2))
RESOURCE_SPANS = request_of(span(), span(QUOTES, 2)).resource_spans[0]


def test_a_bare_resource_spans_is_read() -> None:
    assert decode(RESOURCE_SPANS.SerializeToString()) == ([HOP], [], 1)
    del RESOURCE_SPANS_ALONE.resource.attributes[:]
    assert decode(RESOURCE_SPANS_ALONE.SerializeToString()) == ([NOWHERE], [], 1)


RESOURCE_SPANS_ALONE = type(RESOURCE_SPANS).FromString(RESOURCE_SPANS.SerializeToString())


def test_a_bare_scope_spans_and_a_bare_span_are_read() -> None:
    scope = RESOURCE_SPANS.scope_spans[0].SerializeToString()
    assert decode(scope) == ([NOWHERE], [], 1)
    assert decode(span().SerializeToString()) == ([NOWHERE], [], 0)


def test_an_answer_of_tempo_is_read() -> None:
    assert decode(bytes_field(1, BODY)) == ([HOP], [], 1)
    assert decode(bytes_field(1, BODY) + bytes_field(2, b"metrics")) == ([HOP], [], 1)


def test_requests_with_their_length_before_them_are_read() -> None:
    for length in (len(BODY).to_bytes(4), varint(len(BODY))):
        assert decode(length + BODY) == ([HOP], [], 1)
        assert decode((length + BODY) * 3) == ([HOP] * 3, [], 3)
    assert decode(b"\0" + len(BODY).to_bytes(4) + BODY) == ([HOP], [], 1)  # gRPC


def test_library_spans_of_old_are_read() -> None:
    scope = RESOURCE_SPANS.scope_spans[0].SerializeToString()
    resource = bytes_field(1, RESOURCE_SPANS.resource.SerializeToString())
    assert decode(bytes_field(1, resource + bytes_field(1000, scope))) == ([HOP], [], 1)
    [(_, rejected)] = decode(bytes_field(1, resource + bytes_field(1000, scope[:-1]))).rejected
    assert rejected.reason == "bad_span"


def test_a_request_of_other_spans_is_no_riddle() -> None:
    """A trace of a language model quotes the attribute's name: passed over, as ever."""
    assert decode(protobuf(span(QUOTES))) == decode(json_of(span(QUOTES))) == ([], [], 1)


def test_protobuf_with_the_mark_that_is_nothing_we_know_is_refused() -> None:
    for data in (
        bytes_field(5, protobuf(span())),
        bytes_field(1, bytes_field(9, protobuf(span()))),
        b"\x1adelegation.operation.name",
    ):
        [(index, rejected)] = decode(data).rejected
        assert (index, rejected.reason) == (-1, "not_otlp")


def test_what_was_packed_inside_the_record_is_told() -> None:
    for data in (b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd\0"):
        [(_, rejected)] = decode(data).rejected
        assert "compressed" in rejected.detail


# Logs


def log(attributes: Mapping[str, Any] = USE, **fields: Any) -> dict[str, Any]:
    given = {
        "timeUnixNano": str(START), "observedTimeUnixNano": str(START + 5), "severityNumber": 17,
        "body": {"stringValue": "told"}, "traceId": "0a" * 16, "spanId": "0b" * 8,
    }  # fmt: skip
    attrs = as_json(request_of(span(attributes)))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return {**given, **fields, "attributes": attrs[0].get("attributes", [])}


def logs(*records: dict[str, Any]) -> tuple[bytes, bytes]:
    """The same log records as protobuf and as JSON."""
    made = {
        "resourceLogs": [
            {"resource": GROUP["resource"], "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }
    message = LogsData()
    group = message.resource_logs.add()
    group.resource.attributes.extend(pairs(BOOKER))
    scope = group.scope_logs.add()
    for record in records:
        one = scope.log_records.add(
            time_unix_nano=int(record.get("timeUnixNano") or 0),
            observed_time_unix_nano=int(record.get("observedTimeUnixNano") or 0),
            trace_id=bytes.fromhex(record.get("traceId") or ""),
            span_id=bytes.fromhex(record.get("spanId") or ""),
            severity_number=record["severityNumber"],
            body=any_value("told delegation.operation.name"),
            dropped_attributes_count=record.get("droppedAttributesCount", 0),
        )
        for pair in record["attributes"]:
            one.attributes.add(key=pair["key"], value=PLAIN[pair["key"]])
    return message.SerializeToString(), json.dumps(made).encode()


PLAIN = {name: any_value(value) for name, value in {**USE, **QUOTES, "x": FAKE_JWT}.items()}


def logged(*records: dict[str, Any]) -> list[Hop]:
    """The hops of log records, the same in both encodings."""
    first, second = (decode(data) for data in logs(*records))
    assert first == second
    assert first.rejected == []
    return first.hops


def test_a_log_record_with_the_attributes_of_a_span_is_a_hop() -> None:
    [hop] = logged(log())
    same = {f for f in HOP.__struct_fields__ if getattr(hop, f) == getattr(HOP, f)}
    assert set(HOP.__struct_fields__) - same == {
        "span_id", "trace_id", "time", "kind", "ended", "parent_span_id"
    }  # fmt: skip
    assert (hop.trace_id, hop.parent_span_id, hop.time) == ("0a" * 16, "0b" * 8, START)
    assert (hop.kind, hop.failed) == (0, False)


def test_log_records_of_one_span_are_facts_of_their_own_and_the_same_whenever_they_come() -> None:
    other = log({**USE, "gen_ai.tool.name": "delete_event"})
    other["attributes"][-1]["value"] = {"stringValue": "delete_event"}
    first, again = (decode(logs(log(), log(timeUnixNano=str(START + 1)))[1]).hops for _ in "ab")
    assert first == again
    assert len({hop.span_id for hop in first}) == 2
    assert len({*(hop.span_id for hop in of({"resourceLogs": [{"scopeLogs": [{"logRecords": [other]}]}]}).hops),
                *(hop.span_id for hop in first)}) == 3  # fmt: skip


def test_a_log_record_without_a_trace_or_a_span_has_ids_all_the_same() -> None:
    for missing in ({"traceId": ""}, {"spanId": ""}, {"traceId": "00" * 16, "spanId": None}):
        [hop] = logged(log(**missing))
        assert (len(hop.trace_id), len(hop.span_id)) == (32, 16)
        assert hop.trace_id.strip("0")


def test_a_log_record_without_a_time_was_when_it_was_observed() -> None:
    [hop] = logged(log(timeUnixNano="0"))
    assert hop.time == START + 5
    for data in logs(log(timeUnixNano="0", observedTimeUnixNano="0")):
        [(index, rejected)] = decode(data).rejected
        assert (index, rejected.reason) == (0, "bad_span")


def test_a_log_record_may_say_it_in_its_body() -> None:
    """What appenders and Fluent Bit do with the fields of a line."""
    told = as_json(request_of(span()))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    record = log({}, body={"kvlistValue": {"values": told["attributes"]}})
    group = {"resource": GROUP["resource"], "scopeLogs": [{"logRecords": [record]}]}
    message = LogsData()
    group_pb = message.resource_logs.add()
    group_pb.resource.attributes.extend(pairs(BOOKER))
    one = group_pb.scope_logs.add().log_records.add(
        time_unix_nano=START, trace_id=b"\x0a" * 16, span_id=b"\x0b" * 8
    )
    one.body.kvlist_value.values.extend(pairs(USE))
    hops = [decode(message.SerializeToString()).hops, of({"resourceLogs": [group]}).hops]
    assert hops == [logged(log())] * 2


def test_other_log_records_are_passed_over() -> None:
    for data in logs(log(QUOTES), log({}), log()):
        decoded = decode(data)
        assert (len(decoded.hops), decoded.rejected, decoded.passed_over) == (1, [], 2)


def test_a_credential_in_a_log_record_is_quarantined() -> None:
    for data in logs(log({**USE, "x": FAKE_JWT})):
        [(_, rejected)] = decode(data).rejected
        assert (rejected.reason, rejected.trace_id, rejected.span_id) == (
            "raw_token", "0a" * 16, "0b" * 8
        )  # fmt: skip


def test_logs_come_in_other_wrappings_too() -> None:
    group = {"resource": GROUP["resource"], "scopeLogs": [{"logRecords": [log()]}]}
    [hop] = logged(log())
    for document in ([group], group, {"resourceLogs": [group]}, text([group], [], [group])):
        assert {one.span_id for one in of(document).hops} == {hop.span_id}
    assert len(of(log()).hops) == 1
    both = of({**MADE, "resourceLogs": [group]})
    assert (both.hops, both.passed_over) == ([HOP, hop], 1)


# Metrics


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_metrics_with_the_mark_are_refused_by_name(kind: str) -> None:
    message = MetricsData()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="uses")
    getattr(metric, kind).data_points.add().attributes.extend(pairs(USE))
    for data in (message.SerializeToString(), message.resource_metrics[0].SerializeToString()):
        [(_, rejected)] = decode(data).rejected
        assert rejected.reason == "not_otlp"
        assert "metrics" in rejected.detail


# Jaeger


def jaeger(more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What Jaeger's API gives of the trace that HOP is of."""
    names = {str: "string", int: "int64", bool: "bool"}
    tags = [
        {"key": name, "type": names.get(type(value), "string"),
         "value": json.dumps(value) if isinstance(value, list) else value}
        for name, value in ({**USE, **(more or {}), "span.kind": "client"}).items()
    ]  # fmt: skip
    process = [
        {"key": name, "type": "string", "value": value}
        for name, value in BOOKER.items()
        if name != "service.name"
    ]
    made = {
        "traceID": HOP.trace_id, "spanID": HOP.span_id, "operationName": "use create_event",
        "references": [{"refType": "CHILD_OF", "traceID": HOP.trace_id, "spanID": "7"}],
        "startTime": START // 1_000, "duration": 1_500, "tags": tags, "logs": [],
        "processID": "p1", "warnings": None,
    }  # fmt: skip
    return {
        "data": [
            {
                "traceID": HOP.trace_id,
                "spans": [made, {**made, "tags": [], "spanID": "9"}],
                "processes": {"p1": {"serviceName": "booker", "tags": process}},
                "warnings": None,
            }
        ],
        "total": 0,
        "errors": None,
    }


def of_jaeger(decoded: Decoded, nanoseconds: int, duration: int) -> None:
    [hop] = decoded.hops
    assert decoded.rejected == []
    start = START // nanoseconds * nanoseconds
    fields = {f: getattr(HOP, f) for f in HOP.__struct_fields__}
    fields |= {"time": start, "ended": start + duration, "parent_span_id": f"{7:016}"}
    assert hop == Hop(**fields)


def test_what_jaeger_shows_is_read() -> None:
    made = jaeger()
    decoded = of(made)
    of_jaeger(decoded, 1_000, 1_500_000)
    assert decoded.passed_over == 1
    trace = made["data"][0]
    for document in (trace, [trace], {"data": trace}, {**made, "data": [trace]}):
        assert of(document) == decoded
    alone = {**trace["spans"][0], "process": trace["processes"]["p1"]}
    of_jaeger(of(alone), 1_000, 1_500_000)


def test_what_the_exporter_writes_as_jaeger_json_is_read() -> None:
    trace = jaeger()["data"][0]
    of_api = trace["spans"][0]
    kinds = {"string": "vStr", "int64": "vInt64", "bool": "vBool"}

    def tags(of: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"key": tag["key"], "vType": tag["type"].upper(), kinds[tag["type"]]: tag["value"]}
            for tag in of
        ]

    def encoded(digits: str) -> str:
        return base64.b64encode(bytes.fromhex(digits)).decode()

    made = {
        "traceId": encoded(HOP.trace_id), "spanId": encoded(HOP.span_id),
        "operationName": "use", "startTime": "2026-11-23T18:43:57.162429419Z", "duration": "0.0015s",
        "references": [{"traceId": encoded(HOP.trace_id), "spanId": encoded(f"{7:016}")}],
        "tags": tags(of_api["tags"]),
        "process": {"serviceName": "booker", "tags": tags(trace["processes"]["p1"]["tags"])},
    }  # fmt: skip
    of_jaeger(of(made), 1, 1_500_000)


def test_what_the_exporter_writes_as_jaeger_proto_is_read() -> None:
    def tag(name: str, value: object) -> bytes:
        if isinstance(value, bool):
            typed = number_field(2, 1) + number_field(4, int(value))
        elif isinstance(value, int):
            typed = number_field(2, 2) + number_field(5, value)
        else:
            told = json.dumps(value) if isinstance(value, list) else str(value)
            typed = bytes_field(3, told.encode())
        return bytes_field(1, name.encode()) + typed

    process = bytes_field(1, b"booker") + b"".join(
        bytes_field(2, tag(name, value)) for name, value in BOOKER.items() if name != "service.name"
    )
    made = (
        bytes_field(1, bytes.fromhex(HOP.trace_id))
        + bytes_field(2, bytes.fromhex(HOP.span_id))
        + bytes_field(3, b"use")
        + bytes_field(4, bytes_field(1, bytes.fromhex(HOP.trace_id)) + bytes_field(2, (7).to_bytes(8)))
        + bytes_field(6, number_field(1, START // 10**9) + number_field(2, START % 10**9))
        + bytes_field(7, number_field(2, 1_500_000))
        + b"".join(bytes_field(8, tag(name, value)) for name, value in USE.items())
        + bytes_field(8, tag("span.kind", "client"))
        + bytes_field(10, process)
    )  # fmt: skip
    of_jaeger(decode(made), 1, 1_500_000)
    assert HOP.kind == CLIENT


def test_what_jaeger_json_leaves_out_is_zero() -> None:
    """Protobuf's JSON writes no zero: a tag that is false or 0 has its kind alone. Seen in what a
    Collector writes."""

    def told(**tags: dict[str, str]) -> tuple[object, object, object]:
        span = jaeger()["data"][0]["spans"][0]
        marked = [tag for tag in span["tags"] if tag["key"] == MARKED.decode()]
        odd = [{"key": f"delegation.{name}", **tag} for name, tag in tags.items()]
        [hop] = of({**span, "tags": marked + odd}).hops
        return hop.depth, hop.chain_truncated, hop.flags

    bool_ = {"chain.truncated": {"vType": "BOOL"}}
    assert told(depth={"vType": "INT64"}, **bool_, purpose={}) == (0, False, ())
    # Of its API, where each tag has its value, one without says nothing.
    assert told(depth={"type": "int64"}) == (None, None, ())


def test_a_span_of_jaeger_that_says_too_little_is_refused() -> None:
    for missing in ("traceID", "spanID", "startTime"):
        made = jaeger()
        del made["data"][0]["spans"][0][missing]
        decoded = of(made)
        assert decoded.hops == []
        assert [rejected.reason for _, rejected in decoded.rejected] == ["bad_span"]


def test_fixed_fields_do_not_confuse_a_span_with_a_log() -> None:
    """Field 1 of a log record is a time, of a span its trace."""
    record = fixed_field(1, START) + bytes_field(
        6, bytes_field(1, b"delegation.operation.name") + bytes_field(2, bytes_field(1, b"end"))
    )
    data = bytes_field(1, bytes_field(2, bytes_field(2, record)))
    [hop] = decode(data).hops
    assert (hop.operation, hop.time) == ("end", START)


@pytest.mark.parametrize("kind, others", [("traces", 1), ("logs", 0)])
def test_real_records_of_rotel_say_the_same_in_both_of_its_formats(kind: str, others: int) -> None:
    folder = Path(__file__).parents[2] / "data" / "rotel"
    from_json, from_protobuf = (
        decode((folder / f"{kind}.{ending}").read_bytes()) for ending in ("json", "pb")
    )
    assert from_json == from_protobuf
    assert (from_json.rejected, from_json.passed_over) == ([], others)
    [hop] = from_json.hops
    assert hop.flags == ("token_expires_at_normalised",)
    assert (hop.token_expires_at, hop.audiences) == (1_795_000_900, ("a",))
    assert len(hop.required_scopes or ()) == 80
    assert (hop.service, hop.ended) == ("booker", hop.time if kind == "traces" else None)
