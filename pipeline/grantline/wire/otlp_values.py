"""What one attribute's value may look like, and what a hop holds of it.

A converter takes the plain value of an OTLP `AnyValue` (str, int, bool, float, list, bytes, or
`Nested` for a key-value list) and gives what `Hop` has, or raises `Wrong`. It says what is wrong
and how to mend it, never the value: a value in the wrong place may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgspec

from grantline.model.hop import OPERATIONS
from grantline.model.rejected import Reason

MAX_TEXT: Final = 1024
"""Characters in one string (convention 1.5)."""
MAX_DETAILS: Final = 4096
"""Characters of `rar.details` (convention 1.5)."""
MAX_ITEMS: Final = 64
"""Entries in one array (convention 1.5)."""
_MAX_FLATTENED = MAX_ITEMS * (MAX_TEXT + 4)
"""Characters of an array that came as one string, as Jaeger and Zipkin make them."""
_INT64 = 1 << 63

_DIGITS = re.compile(r"-?[0-9]{1,19}")
_FINGERPRINT = re.compile(r"(sha256:|hmac-sha256:[^:\s]{1,128}:)([A-Za-z0-9+/_-]{43,64}=?)")
_CANONICAL = re.compile(r"sha256:[0-9a-f]{64}")
_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_URL_TO_STANDARD = str.maketrans("-_", "+/")
_ARRAY = msgspec.json.Decoder(list[Any])


class Nested:
    """A key-value list: no attribute of the convention is one."""


class Wrong(ValueError):
    """A value the convention does not allow. `args[0]` reads on after the attribute's name."""

    reason: Reason = "bad_attribute"


class UnknownOperation(Wrong):
    reason: Reason = "unknown_operation"


def text(value: Any) -> str | None:
    """A string of at most 1024 characters; an empty one says nothing."""
    if value.__class__ is not str:
        raise Wrong(f"is {_kind(value)}; send a string")
    if len(value) > MAX_TEXT:
        raise Wrong(f"is longer than {MAX_TEXT} characters; shorten it")
    return value or None


def details(value: Any) -> str | None:
    """JSON as text, at most 4096 characters; it is kept as it came."""
    if value.__class__ is not str:
        raise Wrong(f"is {_kind(value)}; send its JSON as a string")
    if len(value) > MAX_DETAILS:
        raise Wrong(
            f"is longer than {MAX_DETAILS} characters; leave it out, its hash tells as much"
        )
    return value or None


def operation(value: Any) -> str | None:
    """One of the eight operations."""
    name = text(value)
    if name not in OPERATIONS:
        raise UnknownOperation(f"is none of {', '.join(sorted(OPERATIONS))}")
    return name


def integer(value: Any) -> int | None:
    """A 64-bit integer; a string of digits and a double without a fraction are taken, too."""
    numeric = _DIGITS.fullmatch(value) if value.__class__ is str else value.__class__ is float
    if numeric and (value.__class__ is str or value.is_integer()):
        value = int(value)
    if value.__class__ is not int:
        raise Wrong(f"is {_kind(value)}; send an integer")
    if not -_INT64 <= value < _INT64:
        raise Wrong("does not fit 64 bits; send an int64")
    return int(value)


def truth(value: Any) -> bool | None:
    """A boolean; `true` and `false` as strings are taken, too."""
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ is str and value.lower() in ("true", "false"):
        return bool(value.lower() == "true")
    raise Wrong(f"is {_kind(value)}; send a boolean")


def texts(value: Any) -> tuple[str, ...]:
    """An array of strings, in order; a JSON array in a string, or one bare string, is one, too."""
    return tuple(_array(value, lambda alone: [alone] if alone else []))


def scopes(value: Any) -> tuple[str, ...]:
    """Scopes split on spaces, unique and byte-sorted; a string may separate them by commas, too."""
    items = _array(value, lambda flat: list(filter(None, flat.replace(",", " ").split(" "))))
    # Code points sort as their UTF-8 bytes do.
    found = tuple(sorted({scope for item in items for scope in item.split(" ") if scope}))
    return found if len(found) <= MAX_ITEMS else _too_many()


def fingerprint(value: Any) -> str | None:
    """`sha256:<hex>` or `hmac-sha256:<kid>:<hex>` in lower-case hex; base64 digests are turned."""
    whole = text(value)
    if whole is None or _CANONICAL.fullmatch(whole):
        return whole
    match = _FINGERPRINT.fullmatch(whole)
    digest = _hex(match[2]) if match else None
    if match is None or digest is None:
        raise Wrong("is no fingerprint; send sha256:<64 hex digits> or hmac-sha256:<kid>:<hex>")
    return match[1] + digest


def _hex(digest: str) -> str | None:
    if _HEX_DIGEST.fullmatch(digest):
        return digest.lower()
    if len(digest) not in (43, 44):
        return None
    standard = digest.translate(_URL_TO_STANDARD).ljust(44, "=")
    try:
        return base64.b64decode(standard, validate=True).hex()
    except binascii.Error:
        return None


def _array(value: Any, split: Callable[[str], list[str]]) -> list[str]:
    if value.__class__ is str:
        if len(value) > _MAX_FLATTENED:
            raise Wrong(f"is longer than {_MAX_FLATTENED} characters; send an array")
        flattened = _flattened(value)
        value = split(value) if flattened is None else flattened
    if value.__class__ is not list:
        raise Wrong(f"is {_kind(value)}; send an array of strings")
    if len(value) > MAX_ITEMS:
        _too_many()
    for item in value:
        if item.__class__ is not str:
            raise Wrong(f"has an entry that is {_kind(item)}; send an array of strings")
        if len(item) > MAX_TEXT:
            raise Wrong(f"has an entry longer than {MAX_TEXT} characters; shorten it")
    return list(value)


def _too_many() -> NoReturn:
    raise Wrong(f"has more than {MAX_ITEMS} entries; send fewer")


def _flattened(value: str) -> list[Any] | None:
    """The array that `value` is the JSON text of, if it is one."""
    if not value.startswith("["):
        return None
    try:
        return _ARRAY.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None


_KINDS = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    float: "a double",
    list: "an array",
    bytes: "bytes",
    Nested: "a key-value list",
}


def _kind(value: Any) -> str:
    return _KINDS.get(value.__class__, "of an unknown type")
