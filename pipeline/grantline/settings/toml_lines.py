"""On which line of a TOML file something stands: tomllib reads values, and forgets their places."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Keys and numbers from the top of the file down, as `("exemptions", 0, "until")`."""

_HEADER = re.compile(r"\s*(\[\[?)(?P<name>.+?)\]\]?\s*(?:#.*)?$")
_LONGEST = 2_000
"""Lines of one value that are looked through for its end."""


def lines(text: str) -> dict[Place, int]:
    """The line, from 1 on, of every key and every table of a valid file."""
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    rows = text.splitlines()
    number = 0
    while number < len(rows):
        row = rows[number]
        header = _HEADER.match(row)
        if header and (keys := _keys(header["name"])) is not None:
            table = _below(keys, counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, number + 1)
            number += 1
            continue
        key, end = _entry(rows, number)
        if key is not None:
            found.setdefault((*table, *key), number + 1)
            for place, line in _items(rows, number, end):
                found.setdefault((*table, *key, *place), line)
        number = end
    return found


def line_of(place: Place, known: dict[Place, int]) -> int | None:
    """The line of `place`, or of the nearest thing around it that has one."""
    for length in range(len(place), 0, -1):
        if place[:length] in known:
            return known[place[:length]]
    # `[issuers."https://a"]` says nothing of `issuers` itself.
    return min((line for each, line in known.items() if each[:1] == place[:1]), default=None)


def _below(keys: tuple[str, ...], counts: dict[Place, int]) -> Place:
    """A table's place: below a list of tables it is in the last of them."""
    place: Place = ()
    for n, key in enumerate(keys):
        place = (*place, key)
        if place in counts and n < len(keys) - 1:
            place = (*place, counts[place])
    return place


def _entry(rows: list[str], number: int) -> tuple[tuple[str, ...] | None, int]:
    """The key that begins at a row, if one does, and the row after its value."""
    row = rows[number].strip()
    if not row or row.startswith("#"):
        return None, number + 1
    for at, character in enumerate(row):
        if character == "=" and (keys := _keys(row[:at])) is not None:
            break
    else:
        return None, number + 1
    value = row[at + 1 :]
    for end in range(number + 1, min(number + _LONGEST, len(rows)) + 1):
        if _value(value) is not None:
            return keys, end
        value += "\n" + rows[end] if end < len(rows) else ""
    return keys, number + 1


def _items(rows: list[str], number: int, end: int) -> Iterator[tuple[Place, int]]:
    """The entries of an array that goes over several rows, where each has a row of its own."""
    count = 0
    for at in range(number + 1, end - 1):
        row = rows[at].split("#")[0].strip().rstrip(",")
        if row and _value(f"[{row}]") is not None:
            yield (count,), at + 1
            count += len(_value(f"[{row}]") or ())


def _keys(text: str) -> tuple[str, ...] | None:
    try:
        table: Any = tomllib.loads(f"{text.strip()} = 0")
    except tomllib.TOMLDecodeError:
        return None
    keys = []
    while isinstance(table, dict):
        key, table = next(iter(table.items()))
        keys.append(key)
    return tuple(keys)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return None
