"""The shapes ids, numbers and enums have in OTLP JSON, among them those only its readers take.

Ids are hex, 64-bit integers strings, enums numbers; base64 ids, bare numbers and enum names are
taken as well.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from grantline.model.hop import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, UNSPECIFIED
from grantline.wire.otlp_times import NS, of_instant

_KINDS: Final = {
    "INTERNAL": INTERNAL,
    "SERVER": SERVER,
    "CLIENT": CLIENT,
    "PRODUCER": PRODUCER,
    "CONSUMER": CONSUMER,
}
_HEX: Final = re.compile("[0-9a-fA-F]*")
_HALF: Final = 0xFFFFFFFF
_DIGITS: Final = re.compile("-?[0-9]{1,20}")


class NotAValue(Exception):
    """An AnyValue with, say, an object for an intValue."""


def typed(given: Any, kind: type) -> Any:
    """`given` as the `kind` its field in an AnyValue stands for; a plain value of another kind as it
    is, for the converters to judge. Raises `NotAValue`.
    """
    if given.__class__ is kind:
        return given
    if kind is int and (number := _integer(given)) is not None:
        return number
    if kind is float and given.__class__ is int:
        return float(given)
    if kind is float and given in ("NaN", "Infinity", "-Infinity"):
        return float(given)
    if kind is bytes and given.__class__ is str:
        return b""
    if given.__class__ in (str, int, float, bool):
        return given
    raise NotAValue


def id_of(value: Any, digits: int) -> str:
    """An id in lower-case hex; an empty string where it is none."""
    if value.__class__ is not str:
        return ""
    if len(value) == digits + 2 and value.startswith("0x"):
        value = value[2:]
    if len(value) == digits:
        return value.lower() if _HEX.fullmatch(value) else ""
    if len(value) == (digits // 2 + 2) // 3 * 4:
        try:
            return base64.b64decode(value, validate=True).hex()
        except binascii.Error:
            return ""
    return ""


def _integer(value: Any) -> int | None:
    """An integer of any of the shapes JSON has for it."""
    if value.__class__ is int:
        return int(value)
    if value.__class__ is str and _DIGITS.fullmatch(value):
        return int(value)
    if value.__class__ is float and value.is_integer():
        return int(value)
    return None


def number(value: Any) -> int:
    """An integer, 0 where there is none, which is what protobuf has for it."""
    return _integer(value) or 0


def nanoseconds_of(value: Any) -> int:
    """A time, 0 where there is none; JavaScript also writes one as the halves of its 64 bits
    (`low`, `high`), and as [seconds, nanoseconds]; people write dates (RFC 3339).
    """
    if value.__class__ is dict:
        low, high = number(value.get("low")), number(value.get("high"))
        return (high & _HALF) << 32 | low & _HALF
    if value.__class__ is list and len(value) == 2:
        return number(value[0]) * NS + number(value[1])
    if value.__class__ is str and not _DIGITS.fullmatch(value):
        return of_instant(value) or 0
    return number(value)


def kind_of(value: Any) -> int:
    """A SpanKind by number or by name."""
    if value.__class__ is str and not _DIGITS.fullmatch(value):
        return _KINDS.get(value.removeprefix("SPAN_KIND_"), UNSPECIFIED)
    return number(value)
