"""Records of every source, made of one `random.Random`: its sample's, with fields that are missing, odd or
another's, in the envelopes that logs come in; and the same bytes damaged.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from grantline.sources import SOURCES
from tests.otlp import FAKE_JWT

SAMPLES: Final = Path(__file__).parents[1] / "schemas" / "examples" / "sources"
ODD: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1_773_734_400, 1_773_734_400_000, 10**30, 0.5, 1e300, "", " ", "a", "a b,c", "null",
    "0", "2026-11-30T10:00:00Z", "2026-11-30T10:00:00", "soon", "ü" * 700, "x" * 1_025, "\ud800", FAKE_JWT,
    "{", "[]", '{"a": 1}', "[1", "a@example.test", "https://as.example.com/", [], {}, ["a", None, 7], [[]],
    {"id": "x", "type": "User"},
)  # fmt: skip
"""In the place of any value."""
_LOG_LINE: Final = "2026-11-30 10:00:0{second},12{second} DEBUG [org.keycloak.events] (t) {told}"


class Made(NamedTuple):
    """A log."""

    source: str
    records: Sequence[Any]
    data: bytes
    """The records in some envelope, and in the order they are here."""


@lru_cache
def sample(name: str) -> Sequence[Any]:
    """The records of a source's sample."""
    found = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return tuple(found["Records"] if isinstance(found, dict) else found)


def made(random: Random) -> Made:
    """Some records of some source, in some envelope."""
    name = random.choice(sorted(SOURCES))
    records = [_record(random, name) for _ in range(random.choice((1, 1, 2, 3, 8)))]
    wrap = random.choice((_array, _lines, _joined, *_WRAPS.get(name, ())))
    return Made(name, records, wrap(records))


def bent(random: Random, data: bytes) -> bytes:
    """The same with one to four things wrong."""
    found = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found) + 1)
        end = min(len(found), at + random.choice((0, 1, 1, 2, 9, 60)))
        cut = bytes(found[at:end])
        found[at:end] = random.choice(
            (
                b"",
                cut + cut,
                cut[::-1],
                random.randbytes(len(cut)),
                b"[",
                b"{",
                b"\0",
                b"\n",
                b'"',
                b"null",
            )
        )
    return bytes(found)


def packed(random: Random, data: bytes) -> bytes:
    """As a file: gzip or not, now and then cut off."""
    found = gzip.compress(data, 1) if random.random() < 0.5 else data
    return found[: random.randrange(len(found) + 1)] if random.random() < 0.3 else found


def _record(random: Random, name: str) -> Any:
    record = json.loads(json.dumps(random.choice(sample(name))))
    if random.random() < 0.03:
        return random.choice([one for one in ODD if not isinstance(one, list)])
    if random.random() < 0.03:
        return json.loads(json.dumps(random.choice(sample(random.choice(sorted(SOURCES))))))
    for _ in range(random.choice((0, 0, 1, 1, 2, 5))):
        _odd(random, record)
    return record


def _odd(random: Random, record: Any) -> None:
    """One value, anywhere below, is gone, odd, or moved."""
    while isinstance(record, dict | list) and record:
        key = (
            random.choice(list(record))
            if isinstance(record, dict)
            else random.randrange(len(record))
        )
        inner = record[key]
        if isinstance(inner, dict | list) and inner and random.random() < 0.7:
            record = inner
            continue
        if random.random() < 0.3:
            del record[key]
        else:
            record[key] = json.loads(json.dumps(random.choice(ODD)))
        return


def text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


def _array(records: Sequence[Any]) -> bytes:
    return text(list(records))


def _lines(records: Sequence[Any]) -> bytes:
    return b"\n".join(map(text, records))


def _joined(records: Sequence[Any]) -> bytes:
    """As Firehose writes them: one after another."""
    return b" ".join(map(text, records))


def _in(name: str, **beside: Any) -> Callable[[Sequence[Any]], bytes]:
    return lambda records: text({name: list(records), **beside})


_WRAPS: Final[dict[str, tuple[Callable[[Sequence[Any]], bytes], ...]]] = {
    "auth0": (_in("logs"),),
    "authgent": (_in("items"), _in("entries", total=1)),
    "cloudtrail": (
        _in("Records"),
        lambda records: text({"logEvents": [{"message": json.dumps(one)} for one in records]}),
        lambda records: text({"Events": [{"CloudTrailEvent": json.dumps(one)} for one in records]}),
    ),
    "entra": (_in("value"), _in("records")),
    "gcp": (
        _in("entries"),
        lambda records: text(
            [
                {"message": {"data": base64.b64encode(json.dumps(one).encode()).decode()}}
                for one in records
            ]
        ),
    ),
}


def server_log(random: Random) -> bytes:
    """Keycloak's own log, with events among its lines."""
    lines = []
    for second in range(random.randint(1, 6)):
        record = random.choice(sample("keycloak"))
        pairs = {"type": record.get("type", "LOGIN"), **record.get("details", {})}
        if random.random() < 0.5:
            pairs[random.choice(list(pairs))] = (
                str(random.choice(ODD)).encode("utf-8", "replace").decode()
            )
        told = ", ".join(f'{key}="{value}"' for key, value in pairs.items())
        lines.append(_LOG_LINE.format(second=second, told=told).replace("\n", " "))
        if random.random() < 0.3:
            lines.append(
                random.choice(("\tat a.B(C.java:1)", "Caused by: x.Y", "", "what", "{", "[0m"))
            )
    return "\n".join(lines).encode()
