"""Values from outside made fit for a span: bounded, valid UTF-8, typed, and free of tokens.

What does not fit its type raises `Unfit` (the caller leaves that one attribute out). One bad
string or number would otherwise cost the whole export request its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from grantline.emit.attributes import Form
from grantline.emit.canonical import split_scopes

MAX_TEXT: Final = 1024
"""Characters of a string (convention 1.5)."""
MAX_JSON: Final = 4096
"""Characters of `rar.details` (convention 1.5)."""
MAX_ITEMS: Final = 64
"""Items of an array (convention 1.5)."""
REMOVED: Final = "[token-removed]"
"""Without a space, so that it stays one scope among scopes."""
_INT64: Final = 2**63
# Whole runs of token characters, so that the signature goes with the rest, and in one pass:
# a pattern that starts at each `eyJ` takes quadratic time on a hostile `eyJeyJeyJ...`.
_RUN: Final = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]++")
_JWT_START: Final = "eyJ"
_JWT_DOTS: Final = 2


class Unfit(ValueError):
    """The value has not the type its attribute needs."""


class Notes(Protocol):
    """Where scrubbing and truncation are counted."""

    def note(self, what: str, detail: str) -> None: ...


def scrub(value: str, notes: Notes, secrets: Sequence[str] = ()) -> str:
    """The text without anything that looks like a JWT, and without the given secrets."""
    for secret in reversed(secrets):  # a longer one may begin with a shorter one
        if secret in value:
            value = value.replace(secret, REMOVED)
            notes.note("scrubbed", "a value held a token this call was given")
    if _JWT_START in value:
        clean = _RUN.sub(_without_token, value)
        if clean != value:
            notes.note("scrubbed", "a value held a JWT")
        return clean
    return value


def _without_token(run: re.Match[str]) -> str:
    found = run[0].find(_JWT_START)
    if found < 0 or run[0].count(".", found) < _JWT_DOTS:
        return run[0]
    return REMOVED


def text(value: object, notes: Notes, secrets: Sequence[str] = (), limit: int = MAX_TEXT) -> str:
    """A string of at most `limit` characters, scrubbed before it is cut."""
    if type(value) is not str:
        if not isinstance(value, str):
            raise Unfit("not a string")
        value = str.__str__(value)
    if not value.isascii():
        # A lone surrogate is legal in a Python string and fatal in protobuf.
        value = value.encode("utf-8", "replace").decode("utf-8")
    # The shortest secret comes first: most values are too short to hold any.
    if _JWT_START in value or (secrets and len(value) >= len(secrets[0])):
        value = scrub(value, notes, secrets)
    if len(value) > limit:
        notes.note("truncated", f"a string of more than {limit} characters")
        value = value[:limit]
    return value


def json_text(value: object, notes: Notes, secrets: Sequence[str] = ()) -> str:
    """Text of at most `MAX_JSON` characters."""
    return text(value, notes, secrets, MAX_JSON)


def texts(value: object, notes: Notes, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """At most 64 strings; a single string counts as one."""
    if isinstance(value, str):
        return (text(value, notes, secrets),)
    items = _items(value)
    if len(items) > MAX_ITEMS:
        notes.note("truncated", f"a list of more than {MAX_ITEMS} items")
        items = items[:MAX_ITEMS]
    return tuple([text(item, notes, secrets) for item in items])


def scopes(value: object, notes: Notes, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """At most 64 scopes, split, clean, unique and in byte order.

    Split before they are bounded (a string cut in the middle would end in a scope nobody
    granted), and sorted after they are clean (cleaning may make two of them equal).
    """
    try:
        said = value if isinstance(value, str) else " ".join(_items(value))
    except TypeError:
        raise Unfit("not a list of strings") from None
    found = split_scopes(said)
    fit = tuple([text(scope, notes, secrets) for scope in found])
    if fit == found and len(found) <= MAX_ITEMS:
        return found
    return texts(split_scopes(fit), notes)


def _items(value: object) -> tuple[Any, ...]:
    if isinstance(value, (list, tuple)):  # the usual ones, before the abstract classes are asked
        return tuple(value)
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise Unfit("not a list of strings")
    return tuple(value)


def number(value: object, *_: object) -> int:
    """A whole number that fits 64 bits; NumericDate fractions are cut (RFC 7519 section 2)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit("not a number")
    try:
        whole = int(value)
    except (OverflowError, ValueError):
        raise Unfit("not a finite number") from None
    if not -_INT64 <= whole < _INT64:
        raise Unfit("a number of more than 64 bits")
    return whole


def flag(value: object, *_: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("not true or false")
    return value


FIT: Final[dict[Form, Callable[[object, Notes, Sequence[str]], Any]]] = {
    "text": text,
    "texts": texts,
    "scopes": scopes,
    "number": number,
    "flag": flag,
    "json": json_text,
}
"""What makes a value of each form fit to leave: (value, notes, secrets of the call) -> value."""
