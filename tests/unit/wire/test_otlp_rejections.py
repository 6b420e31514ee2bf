"""What the decoder refuses: each reason, what it costs, and what it never says."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from grantline.model.rejected import Rejected
from grantline.wire.otlp import RECORD, Limits, decode
from tests.otlp import DIGEST, USE, as_json, both, json_of, pairs, protobuf, request, span

pytestmark = pytest.mark.usefixtures("decoder")

VALUE = "a-value-that-may-be-a-secret"


def refused(data: bytes) -> Rejected:
    """The rejection of a record's second span, whose neighbours came through."""
    decoded = decode(data)
    assert [hop.span_id[-1] for hop in decoded.hops] == ["1", "3"]
    [(index, rejected)] = decoded.rejected
    assert index == 1
    assert VALUE not in rejected.detail
    return rejected


def amid(attributes: dict[str, Any], **fields: Any) -> tuple[bytes, bytes]:
    """A span that differs from a good one in `attributes`, between two good ones."""
    return both([span(number=1), span({**USE, **attributes}, 2, **fields), span(number=3)])


def whole(data: bytes, limits: Limits = RECORD) -> Rejected:
    """The rejection of a record as a whole."""
    decoded = decode(data, limits=limits)
    assert decoded.hops == []
    [(index, rejected)] = decoded.rejected
    assert index == -1
    return rejected


@pytest.mark.parametrize("name", ["steal", "Use", " use", VALUE])
def test_an_operation_that_is_none_of_the_eight(name: str) -> None:
    for data in amid({"delegation.operation.name": name}):
        rejected = refused(data)
        assert rejected.reason == "unknown_operation"
        assert "delegate" in rejected.detail


@pytest.mark.parametrize("value", ["1795000930", 1795000930, 1795000930.0])
def test_an_integer_attribute_may_come_as_text_or_as_a_double(value: object) -> None:
    for data in both([span({**USE, "delegation.token.expires_at": value})]):
        assert decode(data).hops[0].token_expires_at == 1795000930


@pytest.mark.parametrize("value", ["true", "True", True])
def test_a_boolean_attribute_may_come_as_text(value: object) -> None:
    for data in both([span({**USE, "delegation.token.single_use": value})]):
        assert decode(data).hops[0].token_single_use is True


@pytest.mark.parametrize("value", [None, ""])
def test_an_operation_without_a_value_is_no_span_to_pass_over(value: str | None) -> None:
    for data in amid({"delegation.operation.name": value}):
        assert refused(data).reason in ("missing_attribute", "unknown_operation")


def test_attributes_at_the_limits_are_taken() -> None:
    long, many = "ü" * 1024, [f"s{n:02}" for n in range(64)]
    attributes = {**USE, "delegation.purpose": long, "delegation.granted_scopes": many}
    for data in both([span(attributes)]):
        [hop] = decode(data).hops
        assert hop.purpose == long
        assert hop.granted_scopes == tuple(many)


def test_text_of_every_length_arrives() -> None:
    """Protobuf writes lengths from 128 bytes on in two bytes, which the short way must not read."""
    for length in range(1, 300):
        for data in both([span({"delegation.operation.name": "use", "error.type": "x" * length})]):
            assert decode(data).hops[0].error_type == "x" * length


def test_rich_authorization_details_are_kept_up_to_their_own_bound() -> None:
    told = '[{"type":"payment_initiation","note":"' + "n" * 4_000 + '"}]'
    for data in both([span({**USE, "delegation.rar.details": told})]):
        [hop] = decode(data).hops
        assert hop.rar_details == told
    for data in both([span({**USE, "delegation.rar.details": VALUE * 500})]):
        assert VALUE not in repr(decode(data).rejected)


@pytest.mark.parametrize("value", [VALUE, f"Bearer {DIGEST}", "ghp_0000", DIGEST[:31]])
def test_a_fingerprint_that_is_none_may_be_the_token_itself_and_is_not_taken(value: str) -> None:
    for data in amid({"delegation.token.parent_fingerprint": value}):
        rejected = refused(data)
        assert rejected.reason == "bad_attribute"
        assert "sha256:<64 hex digits>" in rejected.detail


@pytest.mark.parametrize(
    "digest",
    [
        DIGEST.upper(),
        base64.b64encode(bytes.fromhex(DIGEST)).decode(),
        base64.urlsafe_b64encode(bytes.fromhex(DIGEST)).decode(),
        base64.urlsafe_b64encode(bytes.fromhex(DIGEST)).decode().rstrip("="),
    ],
)
@pytest.mark.parametrize("prefix", ["sha256:", "hmac-sha256:k1:"])
def test_fingerprints_leave_in_lower_case_hex(prefix: str, digest: str) -> None:
    for data in both([span({**USE, "delegation.token.fingerprint": prefix + digest})]):
        assert decode(data).hops[0].token_fingerprint == prefix + DIGEST


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": b""},
        {"trace_id": b"\x01" * 15},
        {"trace_id": bytes(16)},
        {"span_id": b"\x01" * 9},
        {"span_id": bytes(8)},
        {"start_time_unix_nano": 0},
        {"start_time_unix_nano": 1 << 63},
    ],
)
def test_ids_and_times_that_identify_nothing(fields: dict[str, Any]) -> None:
    for data in amid({}, **fields):
        assert refused(data).reason == "bad_span"


def test_a_span_is_numbered_over_all_resources_of_its_record() -> None:
    made = request(span(number=1), span({}, number=2))
    made.MergeFrom(request(span(number=3), span({"delegation.operation.name": 7}, number=4)))
    for data in (made.SerializeToString(), json.dumps(as_json(made)).encode()):
        assert [index for index, _ in decode(data).rejected] == [3]


def test_a_resource_that_says_nothing_is_fine() -> None:
    for data in both([span()], resource={"telemetry.sdk.language": "python"}):
        [hop] = decode(data).hops
        assert (hop.service, hop.service_instance, hop.environment) == (None, None, None)


def test_an_unknown_span_kind_is_unspecified() -> None:
    for data in both([span(kind=77)]):
        assert decode(data).hops[0].kind == 0


@pytest.mark.parametrize(
    "others, action",
    [
        ({"delegation.action.name": "a", "gen_ai.tool.name": "t", "mcp.method.name": "m"}, "a"),
        ({"mcp.method.name": "m", "gen_ai.tool.name": "t"}, "t"),
        ({"mcp.method.name": "m"}, "m"),
        ({}, None),
    ],
)
def test_the_action_is_named_by_the_most_particular_attribute(
    others: dict[str, str], action: str | None
) -> None:
    for data in both([span({"delegation.operation.name": "use", **others})]):
        assert decode(data).hops[0].action_name == action


def test_of_an_attribute_given_twice_the_last_one_counts() -> None:
    twice = span()
    twice.attributes.extend(pairs({"delegation.id": "d-last"}))
    for data in both([twice]):
        assert decode(data).hops[0].id == "d-last"


# Bytes that are not what they seem


def test_a_truncated_record_is_lost_as_a_whole() -> None:
    for data in both([span(number=n) for n in range(1, 5)]):
        for end in (2, len(data) // 3, len(data) // 2, len(data) - 1):
            assert whole(data[:end]).reason in ("truncated", "not_otlp")
        assert whole(data[:-1]).reason == "truncated"


def test_protobuf_broken_inside_one_span_costs_that_span() -> None:
    made = request(span(number=1), span(number=2), span(number=3)).SerializeToString()
    bad = made.replace(b"\x12" + (2).to_bytes(8), b"\x12\x7f" + bytes(7)).replace(
        b"\x12\x08" + (2).to_bytes(8), b"\x12\x7f" + (2).to_bytes(8)
    )
    assert bad != made
    rejected = refused(bad)
    assert (rejected.reason, rejected.span_id) == ("bad_span", None)


def test_text_that_is_not_utf_8_in_what_is_not_read_costs_nothing() -> None:
    data = protobuf(span({**USE, "prompt": "pp"}))
    assert len(decode(data.replace(b"\x0a\x02pp", b"\x0a\x02\xff\xfe")).hops) == 1
    assert len(decode(json_of(span({**USE, "x": "pp"})).replace(b'"pp"', b'"\xff"')).hops) == 1


def test_json_in_another_encoding_is_rejected() -> None:
    assert whole(b'{"\xff\xfe": }').reason == "bad_encoding"
    assert whole(json_of(span()).decode().encode("utf-16")).reason == "not_otlp"


def test_half_a_surrogate_pair_costs_no_one() -> None:
    data = json_of(span(number=1), span({**USE, "prompt": "HALF"}, 2))
    decoded = decode(data.replace(b"HALF", rb"\ud83d and \\ud83d and \ud83d\ude00"))
    assert len(decoded.hops) == 2


def delimited(field: int, data: bytes) -> bytes:
    """`data` as length-delimited field `field` of a protobuf message."""
    length, rest = bytearray(), len(data)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([field << 3 | 2, *length, rest]) + data


@pytest.mark.parametrize(
    "data",
    [
        b'{"resourceSpans":' + b"[" * 100_000,
        b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"resourceSpans":[{"resource":' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}]}",
        b"\x0a" * 100_000,
        b"\x0b" * 100_000,
    ],
    ids=["open", "arrays", "objects", "resource", "lengths", "groups"],
)
def test_depth_alone_is_no_danger(data: bytes) -> None:
    decoded = decode(data)
    assert decoded.hops == []


def test_a_record_above_the_size_limit_is_not_looked_at() -> None:
    rejected = whole(b"\x0a" + bytes(RECORD.size))
    assert rejected.reason == "too_large"
    assert str(RECORD.size) in rejected.detail


def test_a_record_of_too_many_spans_is_not_read() -> None:
    for data in both([span(number=n) for n in (1, 2, 3)]):
        assert whole(data, Limits(size=1 << 20, spans=2)).reason == "too_large"
        assert len(decode(data, limits=Limits(size=1 << 20, spans=3)).hops) == 3


@pytest.mark.parametrize("data", [b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":null}'])
def test_an_empty_request_holds_nothing(data: bytes) -> None:
    decoded = decode(data)
    assert (decoded.hops, decoded.passed_over) == ([], 0)
    assert [r.reason for _, r in decoded.rejected] == (["not_otlp"] if data == b"{}" else [])


def test_json_of_another_kind_is_rejected() -> None:
    assert decode(b'{"resourceLogs": []}') == ([], [], 0)
    assert whole(b'{"resourceSpans": {}}').reason == "not_otlp"
    assert whole(b'{"resourceSpans": [{"scopeSpans": [{"spans": "x"}]}]}').reason == "not_otlp"


def test_a_json_span_of_the_wrong_shape_costs_itself() -> None:
    made = as_json(request(span(number=1), span(number=2), span(number=3)))
    spans = made["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[1]["attributes"] = {"delegation.operation.name": VALUE}
    assert refused(json.dumps(made).encode()).reason == "bad_span"
    spans[1] = [VALUE, "delegation.operation.name"]
    assert refused(json.dumps(made).encode()).reason == "bad_span"


def test_hostile_text_takes_time_in_proportion_to_its_length() -> None:
    """Backtracking or quadratic scans would take minutes here."""
    began = time.process_time()
    for data in (
        protobuf(span({**USE, "x": "eyJ" * 300_000})),
        protobuf(span({**USE, "x": "eyJa." * 200_000})),
        b'{"x":"' + rb"\"" * 500_000,
        b'{"a":' * 2000 + b'"' + rb"\"" * 500_000,
        b'{"x":"' + rb"\u0065\\" * 200_000 + b'"}',
        b"\n" * 1_000_000 + b"{",
        b"{}" * 500_000,
        b"{}\n" * 500_000,
        b"[" + b"[]," * 300_000 + b"[]]",
        b'{"data":[{"spans":['
        + b'{"traceID":"1"},' * 20_000
        + b'{}],"processes":{'
        + b",".join(b'"p%d":{}' % number for number in range(20_000))
        + b"}}]}",
        b" " * 1_000_000 + b"x",
    ):
        decode(data)
    assert time.process_time() - began < 20
