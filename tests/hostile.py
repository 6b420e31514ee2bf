"""Records of OTLP that are not as they should be, and what must be said of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from grantline.model.rejected import Reason
from tests.otlp import FAKE_JWT, USE, json_of, protobuf, span

WHOLE_RECORD = -1
BROKER_LIMIT = 1_048_588
"""Apache Kafka's default `message.max.bytes`, of a batch after compression."""
SECRETS = (FAKE_JWT, *FAKE_JWT.split("."))


class Hostile(NamedTuple):
    """One record."""

    value: bytes
    rejected: Mapping[int, Reason]
    """Span index -> why."""
    hops: int = 0
    """Good spans beside them."""


def _between(bad: Mapping[str, Any], reason: Reason, **fields: Any) -> Hostile:
    """A bad span between two good ones."""
    spans = [span(number=1), span({**USE, **bad}, number=2, **fields), span(number=3)]
    return Hostile(protobuf(*spans), {1: reason}, hops=2)


def _odd(odd: Mapping[str, Any], number: int) -> Hostile:
    """A span with an attribute that is dropped, between two good ones. It is taken, so its number is its
    own: of two spans of one id it is left to chance which is stored.
    """
    spans = [span(number=1), span({**USE, **odd}, number=number), span(number=3)]
    return Hostile(protobuf(*spans), {}, hops=3)


def _nested(depth: int) -> bytes:
    """OTLP JSON whose second span has an array in an array in an array ..."""
    made = json.loads(json_of(span(number=1), span(number=41), span(number=3)))
    spans = made["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[1]["attributes"].append({"key": "delegation.purpose", "value": "DEEP"})
    deep = '{"arrayValue":{"values":[' * depth + "]}}" * depth
    return json.dumps(made).replace('"DEEP"', deep).encode()


def _large(characters: int) -> dict[str, Any]:
    """Arrays that are all allowed and together are more than a frame may hold."""
    entries = [f"{number:02}" + "\U0001f511" * (characters - 2) for number in range(64)]
    names = ("audiences", "granted_scopes", "required_scopes", "chain.actors", "rar.types")
    return {f"delegation.{name}": entries for name in names}


RECORDS: Mapping[str, Hostile] = {
    "empty": Hostile(b"", {WHOLE_RECORD: "not_otlp"}),
    "not OTLP": Hostile(b"\xff\xfe\xfd", {WHOLE_RECORD: "not_otlp"}),
    "framing cut off": Hostile(b"\x00\xff\xfe", {WHOLE_RECORD: "truncated"}),
    "another shape of JSON": Hostile(b'{"resourceSpans":7}', {WHOLE_RECORD: "not_otlp"}),
    "JSON cut off": Hostile(json_of(span())[:-9], {WHOLE_RECORD: "truncated"}),
    "protobuf cut off": Hostile(protobuf(span())[:-9], {WHOLE_RECORD: "truncated"}),
    "a length that lies": Hostile(b"\x0a\xff\xff\xff\xff\x0f", {WHOLE_RECORD: "truncated"}),
    "brackets": Hostile(b"{" * 10_000, {WHOLE_RECORD: "not_otlp"}),
    "an attribute nested deeply": Hostile(_nested(5_000), {}, hops=3),
    "JSON that is not UTF-8": Hostile(
        json_of(span()).replace(b'"use"', b'"us\xff"'), {0: "bad_encoding"}
    ),
    "a name that is not UTF-8": Hostile(
        json_of(span(number=42)).replace(b"booker", b"b\xffoker"), {}, hops=1
    ),
    "text that is not UTF-8": Hostile(
        protobuf(span(number=1), span({**USE, "delegation.purpose": "WHAT"}, 43)).replace(
            b"WHAT", b"\xff\xfe\xfd\xfc"
        ),
        {},
        hops=2,
    ),
    "a raw token": _between({"delegation.purpose": f"because {FAKE_JWT}"}, "raw_token"),
    "a raw token for a fingerprint": _between(
        {"delegation.token.fingerprint": FAKE_JWT}, "raw_token"
    ),
    "a raw token in the resource": Hostile(
        protobuf(span(), resource={"service.name": FAKE_JWT}), {0: "raw_token"}
    ),
    "an unknown operation": _between(
        {"delegation.operation.name": "impersonate"}, "unknown_operation"
    ),
    "no span id": _between({}, "bad_span", span_id=b""),
    "no time": _between({}, "bad_span", start_time_unix_nano=0),
    "a number for a name": _odd({"delegation.actor.id": 7}, 44),
    "no fingerprint": _between({"delegation.token.fingerprint": "secret"}, "bad_attribute"),
    "as large as the broker takes": _odd({"delegation.purpose": "x" * (BROKER_LIMIT - 2_000)}, 45),
    "larger than is read": Hostile(
        protobuf(span({**USE, "other": "x" * (8 << 20)})), {WHOLE_RECORD: "too_large"}
    ),
    "larger than a frame": Hostile(
        protobuf(span(number=1), span({**USE, **_large(1024)}, 2), span(number=3)),
        {-3: "too_large"},
        hops=2,
    ),
}
