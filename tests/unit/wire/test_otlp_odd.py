"""What is legal or nearly so, each kind of it at each level of a record: both decoders say the same,
and what stock protobuf says where it accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.decoders import built, same
from tests.otlp import BOOKER, DIGEST, FAKE_JWT, START, USE, pairs, span
from tests.wire_format import bytes_field, fixed_field, number_field, tag, varint

pytestmark = built

SPAN = span(status={"message": "x"}, parent_span_id=b"\1" * 8).SerializeToString()
RESOURCE = b"".join(bytes_field(1, pair.SerializeToString()) for pair in pairs(BOOKER))
VALUE = bytes_field(1, b"x")


def record(
    of_span: bytes = b"", of_scope: bytes = b"", of_resource: bytes = b"", of_group: bytes = b""
) -> bytes:
    """A sound record, with more in one of its parts."""
    scope = bytes_field(2, SPAN + of_span) + of_scope
    return bytes_field(1, bytes_field(1, RESOURCE + of_resource) + bytes_field(2, scope) + of_group)


def attribute(name: str, value: bytes, of_pair: bytes = b"") -> bytes:
    return bytes_field(9, bytes_field(1, name.encode()) + bytes_field(2, value) + of_pair)


LEVELS: Mapping[str, Callable[[bytes], bytes]] = {
    "record": lambda odd: record() + odd,
    "group": lambda odd: record(of_group=odd),
    "resource": lambda odd: record(of_resource=odd),
    "scope": lambda odd: record(of_scope=odd),
    "span": record,
    "status": lambda odd: record(bytes_field(15, odd)),
    "attribute": lambda odd: record(attribute("delegation.purpose", VALUE, odd)),
    "unknown attribute": lambda odd: record(attribute("x", VALUE, odd)),
    "value": lambda odd: record(attribute("delegation.purpose", odd)),
    "value of an array": lambda odd: record(
        attribute("delegation.audiences", bytes_field(5, bytes_field(1, odd)))
    ),
    "array": lambda odd: record(attribute("delegation.audiences", bytes_field(5, odd))),
}
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 99, 1_000, 3_000, (1 << 29) - 1, 1 << 29)
AFTER_TAG = (
    b"", b"\0", b"\2", b"\x80", b"\x80\0", b"\1a", b"\x81\0a", b"\2\x18\2", b"\1" * 4, b"\1" * 8,
    b"\x82\x80\x80\x80\0\x18\2", b"\xff" * 4 + b"\x0f", b"\xff" * 9 + b"\1", b"\xff" * 9 + b"\2",
    b"\xff" * 10 + b"\1", varint(1 << 31), varint(1 << 32), varint((1 << 32) + 2),
)  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
def test_any_field_at_any_level(level: str) -> None:
    for number in NUMBERS:
        for wire in range(8):
            for rest in AFTER_TAG:
                same(LEVELS[level](tag(number, wire) + rest))
            same(LEVELS[level](tag(number, wire, padded=1) + b"\1a"))
            same(LEVELS[level](tag(number, wire, padded=9) + b"\1a"))


def array(*items: bytes) -> bytes:
    return bytes_field(5, b"".join(bytes_field(1, bytes_field(1, item)) for item in items))


NAMES = (
    "delegation.purpose", "delegation.depth", "delegation.chain.truncated", "delegation.audiences",
    "delegation.granted_scopes", "delegation.token.fingerprint", "delegation.operation.name",
    "gen_ai.tool.name", "x", "", "x" * 127, "x" * 128,
)  # fmt: skip
TEXTS = (
    *(b"x" * size for size in (0, 1, 70, 71, 72, 121, 125, 126, 127, 128, 1023, 1024, 1025)),
    *("ü".encode() * size for size in (512, 513, 1024, 1025)),
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"use", b"Use", b"true", b"7", b"a b", b'["a"]',
    b"eyJ", FAKE_JWT.encode(), f"sha256:{DIGEST}".encode(), f"sha256:{DIGEST.upper()}".encode(),
    f"sha256:{DIGEST[:-1]}g".encode(), f"sha256:{DIGEST[:-1]}/".encode(),
    f"sha256:{DIGEST[:-1]}:".encode(), f"sha256:{DIGEST[:-1]}`".encode(),
)  # fmt: skip
VALUES: Sequence[bytes] = (
    b"",
    *(bytes_field(1, text) for text in TEXTS),
    *(bytes_field(1, text, padded=1) for text in TEXTS),
    *(bytes_field(7, text) for text in TEXTS[:4]),
    *(tag(2, 0) + rest for rest in AFTER_TAG),
    *(tag(3, 0) + rest for rest in AFTER_TAG),
    *(number_field(3, number) for number in (-1, 1 << 62, 1 << 63, -(1 << 63))),
    fixed_field(4, 0), fixed_field(4, 0x4008 << 48), fixed_field(4, 0)[:-1], fixed_field(4, 0) * 2,
    array(), array(b""), array(b"", b"a"), array(b"a", b"b"), array(b"b", b"a"), array(b"a", b"a"),
    array(b"a", b"aa"), array(b"aa", b"a"), array(b"a b"), array(b" "), array(b"\xff"),
    array(b"a", b"\xff"), array("\uffff".encode(), "\U00010000".encode()),
    *(array(*(b"%02d" % number for number in range(size))) for size in (63, 64, 65)),
    array(b"x" * 1024), array(b"x" * 1025), array(b"a") + array(b"b"), array(b"a") + VALUE,
    VALUE + array(b"a"), VALUE + VALUE, array(b"a")[:-1], VALUE[:-1],
    bytes_field(5, bytes_field(1, b"")), bytes_field(5, bytes_field(1, number_field(3, 1))),
    bytes_field(6, b""), bytes_field(6, bytes_field(1, bytes_field(1, b"k") + bytes_field(2, VALUE))),
    bytes_field(6, b"\xff"),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_value_of_any_kind_of_attribute(name: str) -> None:
    for value in VALUES:
        same(record(attribute(name, value)))
        # Of a name given twice the last one counts, also where it says nothing.
        same(record(attribute(name, bytes_field(1, b"use")) + attribute(name, value)))


def test_spans_that_have_not_what_a_hop_needs() -> None:
    operation = attribute("delegation.operation.name", bytes_field(1, b"use"))
    ids = [(1, 16), (2, 8), (4, 8)]
    for number, right in ids:
        for size in (0, 1, right - 1, right, right + 1):
            for byte in (b"\0", b"\1"):
                others = [bytes_field(n, b"\2" * s) for n, s in ids if n != number]
                mine = bytes_field(number, byte * size)
                whole = b"".join([*others, mine, fixed_field(7, START), operation])
                same(bytes_field(1, bytes_field(2, bytes_field(2, whole))))
    for time in (0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
        same(record(fixed_field(7, time)))
    for name in USE:
        same(record(attribute(name, VALUE)))
