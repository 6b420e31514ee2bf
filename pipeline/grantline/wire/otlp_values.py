"""What one attribute's value may look like, and what a hop holds of it.

A converter takes the plain value of an OTLP `AnyValue` (str, int, bool, float, list, bytes, `Nested`
for a key-value list, `Garbled` for a text that is no UTF-8) and gives what `Hop` has, or a `Mended` one.
It raises `Wrong` for a value to drop, and `Refused` for one that costs the span.
"""

from __future__ import annotations

import re
from typing import Any, Final

from grantline.model.hop import OPERATIONS, SCOPES_TRUNCATED
from grantline.wire.otlp_fingerprints import fingerprint
from grantline.wire.otlp_lists import bracketed, flattened
from grantline.wire.otlp_plain import (
    Garbled,
    GarbledOperation,
    Mended,
    Refused,
    UnknownOperation,
    Wrong,
    kind_of,
)
from grantline.wire.otlp_times import EARLIEST, FOREVER, of_date, seconds

__all__ = [
    "details",
    "fingerprint",
    "instant",
    "integer",
    "operation",
    "scopes",
    "text",
    "texts",
    "truth",
]

MAX_TEXT: Final = 1024
"""Characters in one string (convention 1.5)."""
MAX_DETAILS: Final = 4096
"""Characters of `rar.details` (convention 1.5)."""
MAX_ITEMS: Final = 1024
"""Entries in one array. The convention (1.5) has emitters send 64; tokens of large tenants hold more,
and what part of a list is missing nobody can judge."""
_MAX_FLATTENED = 64 * (MAX_TEXT + 4)
"""Characters of an array that came as one string."""
_INT64 = 1 << 63
_EXACT = 1 << 53
"""From here on a double is not one integer, but several."""

_DIGITS = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"[0-9]{1,19}\.[0-9]{1,19}")
_TRUTHS: Final = {"true": True, "false": False}
_NUMBERS_AS_TRUTH: Final = {"1": True, "0": False, 1: True, 0: False}


def text(value: Any) -> Any:
    """A string of at most 1024 characters; an empty one says nothing. A whole number and an array of
    one string are mended.
    """
    if value.__class__ is str:
        if len(value) > MAX_TEXT:
            raise Wrong
        return value or None
    if value.__class__ is list:
        said = [item for item in value if item is not None and item != ""]
        if not said:
            return None
        if len(said) == 1 and said[0].__class__ is str:
            return Mended(text(said[0]))
    return Mended(_written(value))


def _written(value: Any) -> str:
    """A whole number as text."""
    if value.__class__ is float and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if value.__class__ is not int:
        raise Wrong
    return str(value)


def details(value: Any) -> str | None:
    """JSON as text, at most 4096 characters; it is kept as it came."""
    if value.__class__ is not str or len(value) > MAX_DETAILS:
        raise Wrong
    return value or None


def operation(value: Any) -> str:
    """One of the eight operations. Raises `Refused` for anything else."""
    if value.__class__ is Garbled:
        raise GarbledOperation("is not UTF-8; encode it before it is set")
    if value.__class__ is not str:
        raise Refused(f"is {kind_of(value)}; send a string")
    if value not in OPERATIONS:
        raise UnknownOperation(f"is none of {', '.join(sorted(OPERATIONS))}")
    return str(value)


def integer(value: Any) -> int | None:
    """A 64-bit integer; a string of digits and a double without a fraction are taken, too."""
    if value.__class__ is str:
        if not value:
            return None
        if not _DIGITS.fullmatch(value):
            raise Wrong
        value = int(value)
    elif value.__class__ is float and value.is_integer():
        value = int(value)
    if value.__class__ is not int or not -_INT64 <= value < _INT64:
        raise Wrong
    return int(value)


def instant(value: Any) -> Any:
    """A NumericDate of 2000 to 9999, in whole seconds. A fraction is cut off (RFC 7519 section 2
    allows one); milli-, micro- and nanoseconds and RFC 3339 dates are mended.
    """
    if value.__class__ is int and EARLIEST <= value <= FOREVER:
        return value
    mended = False
    if value.__class__ is str and not _DIGITS.fullmatch(value):
        if not value:
            return None
        found = int(value.partition(".")[0]) if _DECIMAL.fullmatch(value) else of_date(value)
        if found is None:
            raise Wrong
        value, mended = found, True
    elif value.__class__ is float and not value.is_integer():
        if not EARLIEST <= value < _EXACT:  # NaN is neither
            raise Wrong
        value, mended = int(value), True
    number = integer(value)
    if number is not None and EARLIEST <= number <= FOREVER:
        return Mended(number) if mended else number
    number = seconds(number or 0)
    if number is None:
        raise Wrong
    return Mended(number)


def truth(value: Any) -> Any:
    """A boolean; `true` and `false` as strings are taken, too, and 1 and 0 are mended."""
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ is str:
        if not value:
            return None
        if (said := _TRUTHS.get(value.lower())) is not None:
            return said
    if value.__class__ in (str, int) and (said := _NUMBERS_AS_TRUTH.get(value)) is not None:
        return Mended(said)
    raise Wrong


def texts(value: Any) -> Any:
    """An array of strings, in order; a JSON array in a string, or one bare string, is one, too.
    Entries that are empty or null say nothing. What is not whole says nothing either.
    """
    mended = False
    if value.__class__ is str:
        told = flattened(_bounded(value))
        if told is None:
            value = [value]
        elif not told.whole:
            raise Wrong
        else:
            value, mended = told.items, told.normalised
    items, whole, numbers = _entries(value)
    if not whole:
        raise Wrong
    return Mended(tuple(items)) if mended or numbers else tuple(items)


def scopes(value: Any) -> Any:
    """Scopes split on spaces, unique and byte-sorted; a string may separate them by commas, too. What
    is not whole is flagged as `scopes_truncated`.
    """
    whole, mended = True, False
    if value.__class__ is str:
        if len(value) > _MAX_FLATTENED:
            return Mended(None, SCOPES_TRUNCATED)
        told = flattened(value)
        if told is not None:
            value, whole, mended = told
        else:
            inner = bracketed(value)
            mended = inner is not None
            value = (value if inner is None else inner).replace(",", " ").split(" ")
    if value.__class__ is not list:
        return Mended(None, SCOPES_TRUNCATED)
    items, readable, numbers = _entries(value)
    # Code points sort as their UTF-8 bytes do.
    found = tuple(sorted({scope for item in items for scope in item.split(" ") if scope}))
    if not (whole and readable) or len(found) > MAX_ITEMS:
        return Mended(found[:MAX_ITEMS] or None, SCOPES_TRUNCATED)
    return Mended(found) if mended or numbers else found


def _bounded(value: str) -> str:
    if len(value) > _MAX_FLATTENED:
        raise Wrong
    return value


def _entries(value: Any) -> tuple[list[str], bool, bool]:
    """The texts in an array, whether these are all that it has, and whether some were numbers."""
    if value.__class__ is not list:
        raise Wrong
    items: list[str] = []
    whole, numbers = len(value) <= MAX_ITEMS, False
    for item in value[:MAX_ITEMS]:
        if item.__class__ is str:
            if len(item) > MAX_TEXT:
                whole = False
            elif item:
                items.append(item)
        elif item.__class__ is int:
            numbers = True
            items.append(str(item))
        elif item is not None:
            whole = False
    return items, whole, numbers
