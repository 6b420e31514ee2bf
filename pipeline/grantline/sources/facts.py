"""From what a record says to fields of a hop: bounded text, times, ids that are the same each time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from grantline.model.hop import Hop
from grantline.sources.source import Json, Origin, Unreadable

MAX_TEXT: Final = 1_024
MAX_SCOPES: Final = 1_024
_NS: Final = 1_000_000_000
_MS: Final = 1_000_000
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")
# 2000 to 2100: what lies outside is no time of a log, but a unit that was mistaken.
_FIRST: Final = 946_684_800
_LAST: Final = 4_102_444_800


def text(value: Any) -> str | None:
    """A string or a number as text, at most 1024 characters; None for nothing, for anything else, and
    for what looks like a token: a log should not hold one, and what it holds is not handed on.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = _sound(str(value).strip())
    if not found or len(found) > MAX_TEXT or _JWT.search(found):
        return None
    return found


def _sound(said: str) -> str:
    """Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark."""
    return said if said.isascii() else said.encode("utf-8", "replace").decode("utf-8")


def at(record: Any, *path: str) -> Any:
    """What stands at `path` in nested objects, None where anything on the way is missing."""
    for name in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(name)
    return record


def scopes(value: Any) -> tuple[str, ...] | None:
    """Scopes of a string (by spaces) or a list, unique and byte-sorted; None where nothing is said."""
    if isinstance(value, str):
        names = _sound(value).split()
    elif isinstance(value, list):
        names = [name for item in value if (one := text(item)) for name in one.split()]
    else:
        return None
    found = sorted({name for name in names if len(name) <= MAX_TEXT and not _JWT.search(name)})
    return tuple(found[:MAX_SCOPES])


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of strings, or one string, in order; None where nothing is said."""
    items = value if isinstance(value, list) else [value]
    found = tuple(one for item in items if (one := text(item)))
    return found or None


def instant(value: Any, field: str) -> int:
    """A time as nanoseconds since the epoch: RFC 3339 (without a zone it is UTC), or seconds or
    milliseconds since the epoch. Raises `Unreadable` that names `field`.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            value = _number(value)
        else:
            moment = moment.replace(tzinfo=moment.tzinfo or UTC)
            if _FIRST <= (whole := int(moment.timestamp())) < _LAST:
                return whole * _NS + moment.microsecond * 1_000
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _FIRST <= value < _LAST:
            return int(value * _MS) * 1_000
        if _FIRST <= value / 1_000 < _LAST:
            return int(value) * _MS
    raise Unreadable(f"{field} is no time: RFC 3339, or seconds or milliseconds since 1970")


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def seconds(time_ns: int) -> int:
    """A time as a NumericDate."""
    return time_ns // _NS


def inside(unwrap: Callable[[Any], Iterable[Any] | None], documents: Iterable[Any]) -> list[Any]:
    """The records in each of several documents; what is none stays, to be rejected by its name."""
    found: list[Any] = []
    for one in documents:
        records = unwrap(one)
        found += [one] if records is None else records
    return found


class Event(NamedTuple):
    """What of a record every hop of it has."""

    log: str
    identity: str
    """What the log calls its record by: it makes the hop's ids, so that the same record told twice
    is one hop."""
    time: int
    """Nanoseconds since the epoch."""
    origin: Origin


def made(operation: str, event: Event, service: str | None = None, **fields: Any) -> Hop:
    """The hop that a record tells. `service` is who tells, where that is not the log itself."""
    named = f"{event.log}\x00{event.identity}\x00{operation}".encode("utf-8", "replace")
    digest = hashlib.sha256(named).hexdigest()
    return Hop(
        span_id=digest[:16], trace_id=digest[16:48], operation=operation, time=event.time,
        received=event.origin.received, evidence="issuer", service=service or event.log, **fields,
    )  # fmt: skip


def need_issuer(origin: Origin, log: str) -> str:
    """The issuer, of a log whose records do not name it."""
    if origin.issuer is None:
        raise Unreadable(
            f"{log} does not say which issuer it is of: name it (--issuer URL)",
            "missing_attribute",
        )
    return origin.issuer


def need(record: Json, *path: str) -> str:
    """The text at `path`. Raises `Unreadable` with its name."""
    found = text(at(record, *path))
    if found is None:
        raise Unreadable(f"{'.'.join(path)} is missing", "missing_attribute")
    return found
