"""Records in every form that is read, made of one `random.Random`: spans and log records with sound and odd
attributes, wrapped as some program wraps them, and how many there are in each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from grantline.model.hop import OPERATIONS
from grantline.wire.otlp_attributes import OPERATION_NAME, SPAN
from tests.otlp import BOOKER, DIGEST, FAKE_JWT, START, any_value
from tests.wire_format import bytes_field, fixed_field, varint

NAMES: Final = sorted([*SPAN, "x", "gen_ai.prompt"])
TEXTS: Final = (
    "", "a", "a b", "a,b", "['a', 'b']", '["a", "b"]', "['a', 'b", "[a, b]", "true", "1", "42", "soon",
    "1795000900", "1795000900.5", "1795000900000", "2026-11-18T11:21:40Z", "ü" * 300, "x" * 1025,
    f"sha256:{DIGEST}", f"SHA256:{DIGEST}", f"md5:{DIGEST}", DIGEST, "opaque-token", OPERATION_NAME,
    "a\\u0000b", "\ud7ff", "eyJ", FAKE_JWT,
)  # fmt: skip
NUMBERS: Final = (0, 1, -1, 7, 1_795_000_900, 1_795_000_900_000, (1 << 63) - 1, -(1 << 63))
DOUBLES: Final = (0.5, 1.0, 1795000900.5, 1e300, -1.0, float("nan"), float("inf"))
STARTS: Final = (START, START, START, START, START, 0, 1, 1_795_000_000, 1_795_000_000_000, 1 << 63)


class Made(NamedTuple):
    """One record."""

    form: str
    data: bytes
    items: int
    """Spans and log records in it."""


class Item(NamedTuple):
    """A span or a log record, in plain values."""

    attributes: Sequence[tuple[str, Any]]
    trace_id: bytes
    span_id: bytes
    start: int


def made(random: Random) -> Made:
    """A record in some form."""
    form = random.choice(sorted(FORMS))
    items = [_item(random) for _ in range(random.choice((1, 1, 2, 3, 5)))]
    if form in _ALONE:
        # By itself only a delegation span is told from anything else.
        items = [_marked(random)]
    return Made(form, FORMS[form](random, items), len(items))


def _item(random: Random) -> Item:
    attributes = [
        (random.choice(NAMES), _value(random, 0)) for _ in range(random.choice((0, 1, 4, 9)))
    ]
    if random.random() < 0.8:
        named = random.choice([*sorted(OPERATIONS)] * 3 + ["steal", 7])
        attributes.insert(random.randrange(len(attributes) + 1), (OPERATION_NAME, named))
    whole = random.random() < 0.9
    return Item(
        attributes,
        random.randbytes(16 if whole else random.choice((0, 15, 16))),
        random.randbytes(8 if whole else random.choice((0, 7, 8))),
        random.choice(STARTS),
    )


def _marked(random: Random) -> Item:
    found = _item(random)
    while FAKE_JWT in repr(found) or "eyJ" in repr(found):
        found = _item(random)
    others = [pair for pair in found.attributes if pair[0] != OPERATION_NAME]
    return Item(
        [(OPERATION_NAME, "use"), *others], random.randbytes(16), random.randbytes(8), START
    )


def _value(random: Random, depth: int) -> Any:
    kind = random.randrange(8 if depth < _DEEPEST else 5)
    if kind < len(_PLAIN):
        return random.choice(_PLAIN[kind])
    if kind == len(_PLAIN):
        return {"k": _value(random, depth + 1)}
    if random.random() < 0.05:
        return [f"s{number}" for number in range(random.choice((64, 65, 80, 1_024, 1_025)))]
    return [_value(random, depth + 1) for _ in range(random.randrange(4))]


_DEEPEST: Final = 2
_PLAIN: Final[Sequence[Sequence[Any]]] = (TEXTS, TEXTS, NUMBERS, DOUBLES, (True, False, None))


# OTLP JSON


def _proto(value: Any) -> AnyValue:
    if isinstance(value, dict):
        values = [KeyValue(key=name, value=_proto(inner)) for name, inner in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=values))
    return any_value([*map(_proto, value)] if isinstance(value, list) else value)


def _any(value: Any) -> dict[str, Any]:
    told: dict[str, Any] = MessageToDict(_proto(value))
    return told


def _pairs(attributes: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _any(value)} for name, value in attributes]


def _span(item: Item) -> dict[str, Any]:
    return {
        "traceId": item.trace_id.hex(), "spanId": item.span_id.hex(), "kind": 3,
        "startTimeUnixNano": str(item.start), "endTimeUnixNano": str(item.start + 5),
        "attributes": _pairs(item.attributes),
    }  # fmt: skip


def _record(item: Item) -> dict[str, Any]:
    return {
        "traceId": item.trace_id.hex(), "spanId": item.span_id.hex(),
        "timeUnixNano": str(item.start), "attributes": _pairs(item.attributes),
    }  # fmt: skip


RESOURCE: Final = {"attributes": _pairs(tuple(BOOKER.items()))}


def _group(items: Sequence[Item], name: str = "scopeSpans") -> dict[str, Any]:
    return {"resource": RESOURCE, name: [{"spans": [_span(item) for item in items]}]}


def _logs(items: Sequence[Item]) -> dict[str, Any]:
    scope = {"logRecords": [_record(item) for item in items]}
    return {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [scope]}]}


def _text(document: object) -> bytes:
    return json.dumps(document).encode()


def _lines(random: Random, items: Sequence[Item]) -> bytes:
    between = random.choice((b"\n", b"", b" ", b"\r\n"))
    return between.join(_text({"resourceSpans": [_group([item])]}) for item in items)


def _jaeger(item: Item) -> dict[str, Any]:
    tags = [
        {"key": name, "value": json.dumps(value) if isinstance(value, (list, dict)) else value}
        for name, value in item.attributes
        if not (isinstance(value, float) and abs(value) > 1e308) and value == value  # noqa: PLR0124
    ]
    return {
        "traceID": item.trace_id.hex(), "spanID": item.span_id.hex(), "operationName": "x",
        "startTime": item.start // 1_000, "duration": 7, "tags": tags, "processID": "p",
    }  # fmt: skip


# OTLP protobuf


def _pair(number: int, pair: tuple[str, Any]) -> bytes:
    name, value = pair
    return bytes_field(
        number, bytes_field(1, name.encode()) + bytes_field(2, _proto(value).SerializeToString())
    )


def _span_pb(item: Item) -> bytes:
    return (
        bytes_field(1, item.trace_id)
        + bytes_field(2, item.span_id)
        + bytes_field(5, b"x")
        + fixed_field(7, item.start)
        + b"".join(_pair(9, pair) for pair in item.attributes)
    )


def _record_pb(item: Item) -> bytes:
    return (
        fixed_field(1, item.start)
        + b"".join(_pair(6, pair) for pair in item.attributes)
        + bytes_field(9, item.trace_id)
        + bytes_field(10, item.span_id)
    )


RESOURCE_PB: Final = b"".join(_pair(1, pair) for pair in BOOKER.items())


def _group_pb(items: Sequence[Item], one: Callable[[Item], bytes] = _span_pb, at: int = 2) -> bytes:
    scope = b"".join(bytes_field(2, one(item)) for item in items)
    return bytes_field(1, RESOURCE_PB) + bytes_field(at, scope)


def _delimited(_: Random, items: Sequence[Item]) -> bytes:
    bodies = [bytes_field(1, _group_pb([item])) for item in items]
    return b"".join(varint(len(body)) + body for body in bodies)


FORMS: Final[Mapping[str, Callable[[Random, Sequence[Item]], bytes]]] = {
    "JSON": lambda _, items: _text({"resourceSpans": [_group(items)]}),
    "JSON of old": lambda _, items: _text(
        {"resourceSpans": [_group(items, "instrumentationLibrarySpans")]}
    ),
    "rotel": lambda _, items: _text([_group(items)]),
    "Tempo": lambda _, items: _text({"batches": [_group(items)]}),
    "Tempo v2": lambda _, items: _text({"trace": {"resourceSpans": [_group(items)]}}),
    "Jaeger": lambda _, items: _text(
        {"data": [{"spans": [*map(_jaeger, items)], "processes": {"p": {"serviceName": "booker"}}}]}
    ),
    "several": _lines,
    "logs in JSON": lambda _, items: _text(_logs(items)),
    "protobuf": lambda _, items: bytes_field(1, _group_pb(items)),
    "protobuf of old": lambda _, items: bytes_field(1, _group_pb(items, at=1_000)),
    "logs in protobuf": lambda _, items: bytes_field(1, _group_pb(items, _record_pb)),
    "delimited": _delimited,
    "bare ResourceSpans": lambda _, items: _group_pb(items),
    "bare span": lambda _, items: _span_pb(items[0]),
}
_ALONE: Final = {"bare span", "bare ResourceSpans", "delimited"}
"""Forms that are looked for only where the mark is."""
