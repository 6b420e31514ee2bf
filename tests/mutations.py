"""Records of OTLP protobuf, bent: real ones cut, spliced and overwritten, and ones that are legal
but that no stock encoder writes. Everything comes of one `random.Random`, so a seed tells it all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Final

from grantline.wire.otlp_attributes import OPERATION_NAME, RESOURCE, SPAN
from grantline.wire.otlp_values import fingerprint, instant, integer, scopes, texts, truth
from tests.benchmarks.load import make
from tests.otlp import DATA, DIGEST, FAKE_JWT, START, protobuf, span
from tests.wire_format import bytes_field, fixed_field, number_field, tag, varint

NAMES: Final = sorted([*SPAN, *RESOURCE, "x", "gen_ai.prompt"])
TEXTS: Final = (
    b"", b"a", b"b c", b" ", "ü".encode(), b"\xff", b"\xed\xa0\x80", b"use", b"grant", b"true",
    b"42", b"[", b'["a","b"]', b"a,b", b"x" * 125, b"x" * 126, b"x" * 127, b"x" * 128, b"x" * 1024,
    b"x" * 1025, "ü".encode() * 1024, "ü".encode() * 1025, f"sha256:{DIGEST}".encode(),
    f"sha256:{DIGEST.upper()}".encode(), f"SHA256:{DIGEST[:-1]}".encode(),
    f"hmac-sha256:k:{DIGEST}".encode(), b"eyJ", FAKE_JWT.encode(), OPERATION_NAME.encode(),
)  # fmt: skip
_WORDS: Final = tuple(text for text in TEXTS if len(text) < 1_024 and text.isascii())[:-3]
_FINGERPRINTS: Final = tuple(text for text in TEXTS if b"sha256:" in text)
_NAMES: Final = sorted(SPAN.keys() - {OPERATION_NAME})
NUMBERS: Final = (
    0, 1, 2, 5, 6, 127, 128, 1 << 14, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 2,
    (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 946_684_799, 1_795_000_900, 1_795_000_900_000, START,
    253_402_300_799, 253_402_300_800,
)  # fmt: skip
_DEEPEST = 130
"""Beyond the hundred levels that protobuf reads."""


@lru_cache(maxsize=1)
def real() -> Sequence[bytes]:
    """Records of agents' traces as they came from collectors, and of delegation as we simulate it."""
    files = [path.read_bytes() for path in sorted(DATA.glob("*.pb"))]
    return [*files, *make(3, 600, 8).records[:60], protobuf(span(), span(number=2))]


def bent(random: Random) -> bytes:
    """A real record with one to five things wrong."""
    data = bytearray(random.choice(real()))
    for _ in range(random.randint(1, 5)):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.choice((0, 1, 1, 1, 2, 8, 100)))
        data[at:end] = random.choice(_REPLACED)(random, bytes(data[at:end]))
        if random.random() < 0.02:
            del data[random.randrange(len(data) + 1) :]
    return bytes(data)


def _flipped(random: Random, cut: bytes) -> bytes:
    return bytes(byte ^ (1 << random.randrange(8)) for byte in cut)


def _elsewhere(random: Random, cut: bytes) -> bytes:
    other = random.choice(real())
    at = random.randrange(len(other) - len(cut)) if len(other) > len(cut) else 0
    return other[at : at + len(cut)]


_REPLACED: Final[Sequence[Callable[[Random, bytes], bytes]]] = (
    # These leave lengths as they were, so that what is above stays whole.
    _flipped,
    _flipped,
    _flipped,
    _elsewhere,
    lambda random, cut: random.randbytes(len(cut)),
    lambda random, cut: (random.choice(TEXTS) + cut)[: len(cut)],
    # These do not.
    lambda _, cut: cut + cut,
    lambda _random, _cut: b"",
    lambda random, _cut: varint(random.choice(NUMBERS), random.choice((0, 0, 1, 9))),
)


def written(random: Random) -> bytes:
    """A record written field by field: sound, but for what chance has it say otherwise."""
    return b"".join(
        _field(random, 1, _group(random)) for _ in range(random.choice((1, 1, 1, 2, 3)))
    )


def _group(random: Random) -> bytes:
    fields = [_field(random, 2, _scope(random)) for _ in range(random.choice((1, 1, 1, 0, 2)))]
    fields += [_field(random, 1, _resource(random)) for _ in range(random.choice((1, 1, 1, 0, 2)))]
    return _mixed(random, fields)


def _resource(random: Random) -> bytes:
    return _mixed(random, [_field(random, 1, _pair(random)) for _ in range(random.randrange(4))])


def _scope(random: Random) -> bytes:
    return _mixed(random, [_field(random, 2, _span(random)) for _ in range(random.randrange(4))])


def _span(random: Random) -> bytes:
    attributes = random.choice((0, 1, 3, 8, 20))
    if random.random() < 0.005:
        attributes = random.choice((1023, 1024, 1025))
    pair = _pair if random.random() < 0.3 else _honest
    fields = [_field(random, 9, pair(random)) for _ in range(attributes)]
    if random.random() < 0.05:
        fields.append(bytes_field(9, bytes_field(1, b"x") + bytes_field(2, FAKE_JWT.encode())))
    if random.random() < 0.9:
        operation = random.choice((b"use", b"use", b"grant", b"revoke", random.choice(TEXTS)))
        fields.append(
            bytes_field(
                9,
                bytes_field(1, OPERATION_NAME.encode()) + bytes_field(2, bytes_field(1, operation)),
            )
        )
    whole = random.random() < 0.9  # otherwise chance decides
    for number, size in ((1, 16), (2, 8), (4, 8)):
        fields += [
            bytes_field(number, random.choice((b"", bytes(size), b"\1" * size, b"\1" * 7)))
            for _ in range(0 if whole else random.choice((0, 1, 1, 2)))
        ]
    if whole:
        fields += [bytes_field(1, random.randbytes(16)), bytes_field(2, random.randbytes(8))]
        fields.append(fixed_field(7, START))
    fields += [number_field(6, random.choice(NUMBERS)) for _ in range(random.choice((0, 1, 2)))]
    fields += [fixed_field(7, random.choice(NUMBERS)) for _ in range(0 if whole else 1)]
    fields += [number_field(10, random.choice(NUMBERS)) for _ in range(random.choice((0, 0, 1)))]
    fields += [
        _field(random, 15, _mixed(random, [number_field(3, random.choice(NUMBERS))]))
        for _ in range(random.choice((0, 1, 1, 2)))
    ]
    return _mixed(random, fields)


def _pair(random: Random) -> bytes:
    name = random.choice(NAMES).encode()
    fields = [_field(random, 1, name) for _ in range(1 if random.random() < 0.95 else 2)]
    values = 1 if random.random() < 0.9 else random.choice((0, 2))
    fields += [_field(random, 2, _value(random)) for _ in range(values)]
    if random.random() < 0.9:
        return b"".join(fields)
    return _mixed(random, fields)


def _honest(random: Random) -> bytes:
    """An attribute as the convention has it, one way or another."""
    name = random.choice(_NAMES)
    convert = SPAN[name].convert
    if convert in (texts, scopes):
        items = [random.choice(_WORDS) for _ in range(random.choice((0, 1, 2, 3, 3, 64)))]
        whole = b"".join(bytes_field(1, bytes_field(1, item)) for item in items)
        value = bytes_field(5, whole)
    elif convert in (integer, instant):
        value = number_field(3, random.choice(NUMBERS))
    elif convert is truth:
        value = number_field(2, random.randrange(2))
    elif convert is fingerprint:
        value = bytes_field(1, random.choice(_FINGERPRINTS))
    else:
        value = bytes_field(1, random.choice(_WORDS))
    return bytes_field(1, name.encode()) + _field(random, 2, value)


def _value(random: Random, depth: int = 0) -> bytes:
    kind = random.choice((1, 1, 1, 2, 3, 4, 5, 5, 6, 7, 0)) if depth < 3 else 1
    if kind == 0:
        odd = random.randrange(3)
        if odd == 0:
            return b""
        return _nested(random) if odd == 1 else _value(random, 2) + _value(random, 2)
    if kind in (2, 3):
        made = number_field(kind, random.choice(NUMBERS), random.choice((0, 0, 0, 1)))
    elif kind == 4:
        made = fixed_field(4, random.getrandbits(64))
    elif kind in (1, 7):
        made = bytes_field(kind, random.choice(TEXTS))
    else:
        count = random.choice(
            (0, 1, 1, 2, 2, 3, 5, random.choice((63, 64, 65))) if depth == 0 else (0, 1, 2)
        )
        inner = [_value(random, depth + 1) for _ in range(count)]
        if random.random() < 0.6:  # as most emitters do: texts, often in order
            inner = [bytes_field(1, b"s%02d" % number) for number in range(count)]
        if kind == 6:
            inner = [bytes_field(1, b"k") + bytes_field(2, value) for value in inner]
        made = bytes_field(kind, b"".join(bytes_field(1, value) for value in inner))
    return made if random.random() < 0.97 else _mixed(random, [made])


def _nested(random: Random) -> bytes:
    value = bytes_field(1, b"x")
    for _ in range(random.randrange(_DEEPEST)):
        value = bytes_field(5, bytes_field(1, value))
    return value


def _field(random: Random, number: int, value: bytes) -> bytes:
    """A field of a message; now and then with numbers longer than they need to be, or a length
    that is wrong.
    """
    chance = random.random()
    if chance > 0.02:
        return bytes_field(number, value)
    if chance > 0.005:
        return bytes_field(number, value, padded=random.choice((1, 2, 3, 4, 8, 9)))
    return tag(number, 2) + varint(random.choice((len(value) + 1, *NUMBERS))) + value


def _mixed(random: Random, fields: list[bytes]) -> bytes:
    """The fields of a message, in any order, with some that nobody knows."""
    if random.random() < 0.1:
        fields = [*fields, random.choice(_UNKNOWN)(random)]
    if random.random() < 0.3:
        random.shuffle(fields)
    return b"".join(fields)


_UNKNOWN: Final[Sequence[Callable[[Random], bytes]]] = (
    lambda random: number_field(random.choice((11, 99, 3_000, 1 << 20)), random.choice(NUMBERS)),
    lambda random: bytes_field(random.choice((16, 99, 3_000)), random.choice(TEXTS)),
    lambda random: fixed_field(random.choice((5, 99)), random.choice(NUMBERS)),
    lambda _: tag(99, 5) + b"\0\0\0\0",
    lambda _: tag(99, 3) + number_field(1, 1) + tag(99, 4),  # a group
    lambda _: tag(99, 3),  # one that does not end
    lambda _: tag(99, 4),  # one that did not begin
    lambda random: tag(random.choice((1, 2, 3, 9, 15)), random.choice((0, 1, 5))) + b"\1" * 8,
    lambda _: tag(0, 0) + b"\0",  # no field has number 0
    lambda _: tag(99, 6),  # no such wire type
    lambda _: tag(99, 0) + b"\xff" * 9 + b"\x02",  # 65 bits
    lambda _: tag(99, 0) + b"\xff" * 10 + b"\x01",
)
