"""A delegation span that carries a raw JWT anywhere is quarantined, and nothing of it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from grantline.wire.credentials import carries_jwt
from grantline.wire.otlp import Decoded, decode
from tests.otlp import BOOKER, FAKE_JWT, USE, as_json, both, pairs, request, span

pytestmark = pytest.mark.usefixtures("decoder")

PLACES: dict[str, dict[str, Any]] = {
    "a known attribute": {"attributes": {**USE, "delegation.actor.id": FAKE_JWT}},
    "an unknown attribute": {"attributes": {**USE, "http.header": f"Bearer {FAKE_JWT}"}},
    "an array": {"attributes": {**USE, "x": ["a", f"<{FAKE_JWT}>"]}},
    "an attribute's name": {"attributes": {**USE, FAKE_JWT: 1}},
    "a fingerprint": {"attributes": {**USE, "delegation.token.fingerprint": FAKE_JWT}},
    "the name": {"name": FAKE_JWT},
    "the status message": {"status": Status(message=f"bad token {FAKE_JWT}")},
    "an event": {"events": [Span.Event(name="x", attributes=pairs({"t": FAKE_JWT}))]},
    "a link": {"links": [Span.Link(attributes=pairs({"t": FAKE_JWT}))]},
    "the trace state": {"trace_state": FAKE_JWT},
}


def quarantined(decoded: Decoded) -> None:
    assert [hop.span_id[-1] for hop in decoded.hops] == ["1", "3"]
    [(index, rejected)] = decoded.rejected
    assert (index, rejected.reason) == (1, "raw_token")
    assert rejected.span_id == "0000000000000002"
    assert "eyJ" not in repr(decoded)


@pytest.mark.parametrize("place", PLACES)
def test_a_jwt_anywhere_in_a_span_quarantines_that_span(place: str) -> None:
    for data in both([span(number=1), span(number=2, **PLACES[place]), span(number=3)]):
        quarantined(decode(data))


@pytest.mark.parametrize("escaped", ["e", "eyJ", "."])
def test_json_escapes_hide_no_jwt(escaped: str) -> None:
    hidden = FAKE_JWT.replace(escaped, "".join(rf"\u{ord(c):04x}" for c in escaped))
    data = both([span(number=1), span({**USE, "x": "HERE"}, 2), span(number=3)])[1]
    quarantined(decode(data.replace(b"HERE", hidden.encode())))


def test_json_escapes_hide_no_delegation_span() -> None:
    data = both([span()])[1]
    hidden = data.replace(b"delegation.op", rb"dele\u0067ation\u002eop")
    assert hidden != data
    assert decode(hidden) == decode(data)


def test_bad_text_beside_an_escaped_jwt_does_not_let_it_through() -> None:
    data = both([span(number=1), span({**USE, "x": "HERE", "y": "BAD"}, 2), span(number=3)])[1]
    hidden = FAKE_JWT.replace("e", r"\u0065").encode()
    quarantined(decode(data.replace(b"HERE", hidden).replace(b"BAD", b"\xff")))


def test_a_jwt_in_the_resource_quarantines_its_delegation_spans() -> None:
    for name in ("service.name", "process.command_line"):
        for data in both([span(), span({"a": "b"})], resource={**BOOKER, name: FAKE_JWT}):
            decoded = decode(data)
            assert (decoded.hops, decoded.passed_over) == ([], 1)
            assert [rejected.reason for _, rejected in decoded.rejected] == ["raw_token"]
            assert "eyJ" not in repr(decoded)


def test_a_jwt_in_a_span_that_is_not_ours_is_passed_over() -> None:
    for data in both([span({"http.header": FAKE_JWT})]):
        assert decode(data) == ([], [], 1)


def test_a_jwt_in_json_of_the_wrong_shape_is_not_repeated() -> None:
    made = as_json(request(span()))
    first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first["attributes"] = {FAKE_JWT: ["delegation.operation.name"]}
    made["resourceSpans"].append({FAKE_JWT: FAKE_JWT, "scopeSpans": []})
    decoded = decode(json.dumps(made).encode())
    assert [rejected.reason for _, rejected in decoded.rejected] == ["raw_token"]
    made["resourceSpans"] = {FAKE_JWT: FAKE_JWT}
    decoded = decode(json.dumps(made).encode())
    assert "eyJ" not in repr(decoded)


@pytest.mark.parametrize(
    "text, found",
    [
        (FAKE_JWT, True),
        ("xeyJa.b.", True),
        ("eyJa.eyJb.c.", True),
        ("eyJa eyJb.c.d", True),
        ("eyJa.b", False),
        ("eyJ.b.c", False),
        ("eyJa..c", False),
        ("ey.Ja.b.c", False),
        ("", False),
    ],
)
def test_the_pattern_is_the_conventions(text: str, found: bool) -> None:
    assert carries_jwt(text.encode()) is found
