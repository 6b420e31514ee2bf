"""Does it still go on: when an open incident is told of again, and when silence ends it.

Times are of our own clock, milliseconds since the epoch: when something of the incident last came in,
not when a clock elsewhere says that it happened.
"""

from __future__ import annotations

from typing import Literal

import msgspec

_MINUTE = 60


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. Raises `ValueError` unless the intervals grow and all are above 0."""

    intervals: tuple[float, ...] = (1 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE)
    """From one message to the next while it goes on; the last one is repeated."""
    quiet: float = 10 * _MINUTE
    """Without anything new for so long, it is said to be quiet, once."""
    resolved: float = 24 * 60 * _MINUTE
    """Without anything new for so long, it is over; what comes later begins a new episode."""

    def __post_init__(self) -> None:
        times = (0, *self.intervals)
        if not self.intervals or any(a >= b for a, b in zip(times, self.intervals, strict=False)):
            raise ValueError(f"intervals {self.intervals} must be above 0 and grow")
        if not 0 < self.quiet < self.resolved:
            raise ValueError(
                f"quiet ({self.quiet}) must be above 0, resolved ({self.resolved}) more"
            )

    def interval_ms(self, step: int) -> int:
        return int(self.intervals[min(step, len(self.intervals) - 1)] * 1_000)


def due_ms(rhythm: Rhythm, *, told_ms: int, step: int, news: bool, quiet_told: bool,
           changed_ms: int) -> int:  # fmt: skip
    """When there is the next thing to say of an open incident by time alone.

    `news`: something came since the last message, at `told_ms`, the `step`-th of its kind.
    """
    if news:
        return told_ms + rhythm.interval_ms(step)
    silence = rhythm.resolved if quiet_told else rhythm.quiet
    return changed_ms + int(silence * 1_000)


def silent(rhythm: Rhythm, changed_ms: int, now_ms: int) -> Literal["", "quiet", "resolved"]:
    """What the time since anything came in amounts to."""
    waited = now_ms - changed_ms
    if waited >= rhythm.resolved * 1_000:
        return "resolved"
    return "quiet" if waited >= rhythm.quiet * 1_000 else ""
