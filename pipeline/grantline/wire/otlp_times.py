"""Units of time that emitters mix up. https://opentelemetry.io/docs/specs/otlp/ has nanoseconds for
a span, RFC 7519 section 2 (NumericDate) seconds for a token, fractions allowed.

A number is taken for another unit only where it cannot be meant otherwise: read in that unit it is
of this age, and the ages of two units are centuries apart.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

EARLIEST: Final = 946_684_800
"""2000-01-01, in seconds since the epoch: nobody delegated before."""
LATEST: Final = 7_258_118_400
"""2200-01-01: a start from then on is no start of a span."""
FOREVER: Final = 253_402_300_799
"""The end of the year 9999: the last expiry that is one. Issuers write it for "never"."""
NS: Final = 1_000_000_000
FIRST_START: Final = EARLIEST * NS
LAST_START: Final = LATEST * NS - 1

_FINER: Final = (1_000, 1_000_000, 1_000_000_000)
_LONGEST_DATE: Final = 40
_FRACTION: Final = re.compile(r"\.([0-9]{1,9})")


def seconds(number: int) -> int | None:
    """The instant that `number` (s, ms, µs or ns since the epoch) stands for, in seconds; None where
    it is of no age that a token is.
    """
    if EARLIEST <= number <= FOREVER:
        return number
    for unit in _FINER:
        if EARLIEST <= number // unit < LATEST:
            return number // unit
    return None


def nanoseconds(number: int) -> int | None:
    """The instant that `number` (s, ms, µs or ns since the epoch) stands for, in nanoseconds; None
    where it is not of this age.
    """
    for unit in (1, *_FINER):
        if EARLIEST * unit <= number < LATEST * unit:
            return number * (NS // unit)
    return None


def of_date(text: str) -> int | None:
    """The instant of a date and time with its offset (RFC 3339), in seconds; else None."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else int(instant.timestamp() // 1)


def of_instant(text: str) -> int | None:
    """As `of_date`, in nanoseconds, as finely as it is told."""
    seconds, fraction = of_date(text), _FRACTION.search(text)
    if seconds is None:
        return None
    return seconds * NS + (int(fraction[1].ljust(9, "0")) if fraction else 0)
