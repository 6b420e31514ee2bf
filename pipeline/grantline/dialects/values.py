"""Values of other people's JSON: numbers as text, fractional and huge dates, lists as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

MAX_ITEMS: Final = 4_096
"""Entries of a list that are read: a token of 16 kB holds fewer, an answer may hold more."""
_INT64: Final = 2**63
_NUMBER: Final = re.compile(
    r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(e[+]?[0-9]{1,2})?", re.ASCII | re.IGNORECASE
)
_MAX_DATE: Final = 40
_COMMA: Final = re.compile(r"[,\s]+")
# A comma is a character of a scope (RFC 6749 section 3.3), and separates all the same: at GitHub,
# Slack, Shopify and others. Inside a query or brackets it is part of the name.
_ONE_NAME: Final = re.compile(r"[?(\[{\"']")


def whole(value: object) -> int | None:
    """A number as an int, its fraction cut, also where it is text; None for what is none.

    RFC 7519 section 2 allows fractions in a NumericDate; Laravel and others write text. A number
    of more than 64 bits is no date of anybody's.
    """
    if isinstance(value, str):
        text = value.strip()
        number = _NUMBER.fullmatch(text)
        if number is None:
            return None
        found = int(float(text)) if number[1] else int(text.partition(".")[0])
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    else:
        try:
            found = int(value)
        except (OverflowError, ValueError):
            return None
    return found if -_INT64 <= found < _INT64 else None


def moment(value: object) -> int | None:
    """A point in time as NumericDate seconds: a number, text of one, a datetime, RFC 3339 text.

    A datetime without a zone, as boto3 never and google-auth always gives it, is UTC.
    """
    if type(value) is int and -_INT64 <= value < _INT64:  # nearly all of them
        return value
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        try:
            return int(aware.timestamp())
        except (OverflowError, ValueError, OSError):
            return None
    found = whole(value)
    if found is None and isinstance(value, str) and "-" in value and len(value) <= _MAX_DATE:
        try:
            return moment(datetime.fromisoformat(value.strip()))
        except ValueError:
            return None
    return found


def scope_list(value: object) -> tuple[str, ...] | None:
    """Scopes as their issuer lists them: text or a list of texts; None for anything else.

    Split on white space; on commas, too, where they separate: in a text without spaces, or with a
    space after each comma.
    """
    if isinstance(value, str):
        return tuple(value.split() if "," not in value else filter(None, _split(value)))
    listed = texts(value)
    if listed is None:
        return None
    return tuple(name for item in listed for name in item.split())


def _split(text: str) -> list[str]:
    if _ONE_NAME.search(text):
        return text.split()
    words = text.split()
    if len(words) == 1 or all(word.endswith(",") for word in words[:-1]):
        return _COMMA.split(text.strip())
    return words


def texts(value: object) -> tuple[str, ...] | None:
    """The texts of a list, whatever else is in it; None where it is no list."""
    if not isinstance(value, (list, tuple)):
        return None
    return tuple(item for item in value[:MAX_ITEMS] if isinstance(item, str))


def text(value: object) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def member(value: object, *path: str) -> Any:
    """What is at a path of nested objects; None where one of them is missing or no object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
