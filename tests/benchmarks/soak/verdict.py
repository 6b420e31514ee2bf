"""What a soak says: whether anything grows, and whether everything that was sent came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import sqrt
from statistics import median
from typing import Any, Final, NamedTuple

LEAST_MINUTES = 6
"""Fewer tell nothing of a slope."""
_Z = 1.96
"""Of a two-sided confidence of 95 %."""


class Slope(NamedTuple):
    """Of a straight line through values, and between which it lies with a confidence of 95 %."""

    at: float
    least: float
    most: float


def theil_sen(values: Sequence[float]) -> Slope:
    """A step, of values that are one step apart: the median of all slopes between two of them,
    which a third of outliers does not move; its confidence from Kendall's variance (Sen 1968).
    """
    pairs = combinations(enumerate(values), 2)
    slopes = sorted((b - a) / (j - i) for (i, a), (j, b) in pairs)
    count = len(values)
    spread = _Z * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    lower = max(0, round((len(slopes) - spread) / 2))
    upper = min(len(slopes) - 1, round((len(slopes) + spread) / 2))
    return Slope(median(slopes), slopes[lower], slopes[upper])


class Drift(NamedTuple):
    """What one figure did over the window; a share of its median there."""

    level: float
    """Its median."""
    rise: float
    least: float
    most: float
    allowed: float

    @property
    def drifts(self) -> bool:
        """It rises by more than is allowed, and that is no chance."""
        return self.rise > self.allowed and self.least > 0

    def in_words(self) -> str:
        verdict = f"drifts, {self.allowed:.0%} would do" if self.drifts else "steady"
        return f"{self.rise:+.1%} ({self.least:+.1%} to {self.most:+.1%}): {verdict}"


def window(minutes: int, settled: int) -> slice | None:
    """The minutes that are judged: the second half, once state has settled. None where that
    leaves too few.
    """
    first = max(minutes // 2, settled)
    return slice(first, minutes) if minutes - first >= LEAST_MINUTES else None


def drift(values: Sequence[float], allowed: float) -> Drift:
    """Of one figure over the window."""
    level = median(values)
    over = (len(values) - 1) / level if level else 0.0
    slope = theil_sen(values)
    return Drift(level, slope.at * over, slope.least * over, slope.most * over, allowed)


class Accounted(NamedTuple):
    """What was sent against what came out, at the end."""

    sent: int
    """Different spans."""
    rows: int
    same_rows: bool
    """They are the rows of these spans."""
    planted: int
    missing: int
    """Planted, and in no open finding of the database."""
    unplanned: int
    """In an open finding, and not planted."""
    rejected: int
    lag: Mapping[str, int]
    """Whose group -> records it had yet to commit."""

    @property
    def whole(self) -> bool:
        return (
            self.same_rows
            and self.sent == self.rows
            and not (self.missing or self.unplanned or self.rejected or any(self.lag.values()))
        )

    def in_words(self) -> str:
        return (
            f"{self.sent:,} spans sent, {self.rows:,} rows stored"
            f"{'' if self.same_rows else ' (not the same)'}; {self.planted:,} planted, "
            f"{self.missing} missing, {self.unplanned} not planted; {self.rejected} rejected; "
            f"lag at the end {', '.join(f'{name} {lag}' for name, lag in self.lag.items())}"
        )


class Verdict(NamedTuple):
    """Both."""

    accounted: Accounted
    judged: tuple[int, int] | None
    """First and last minute of the window; None where the run was too short to judge drift."""
    drifts: dict[str, Drift]

    @property
    def good(self) -> bool:
        """Latency is not asked: others on the machine may have made it."""
        return self.accounted.whole and not any(
            each.drifts for name, each in self.drifts.items() if name in MEMORY
        )


MEMORY: Mapping[str, float] = {"worker MiB": 0.10, "writer MiB": 0.10, "live hops": 0.10}
"""Figure -> the rise over the window that is let pass."""
LATENCY: Mapping[str, float] = {
    "finding p50 ms": 0.25, "finding p99 ms": 0.5, "row p50 ms": 0.25, "row p99 ms": 0.5,
}  # fmt: skip
CPU: Final = "CPU µs"
"""How the names of figures end that tell CPU time a span. The load's is a yardstick: it does the
same all the time, and its rise is the machine's."""
_CPU_RISE: Final = 0.10


def judge(series: Mapping[str, Sequence[float]], accounted: Accounted, settled: int) -> Verdict:
    """`series`: figure -> one value a minute; those of `MEMORY`, `LATENCY` and `CPU` are judged."""
    minutes = len(next(iter(series.values())))
    chosen = window(minutes, settled)
    if chosen is None:
        return Verdict(accounted, None, {})
    cpu = {name: _CPU_RISE for name in series if name.endswith(CPU)}
    allowed = {**MEMORY, **LATENCY, **cpu}
    drifts = {name: drift(series[name][chosen], allowed[name]) for name in allowed}
    return Verdict(accounted, (chosen.start + 1, minutes), drifts)


def as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "good": verdict.good,
        "accounted": {**verdict.accounted._asdict(), "whole": verdict.accounted.whole},
        "judged_minutes": verdict.judged,
        "drifts": {
            name: {**each._asdict(), "drifts": each.drifts} for name, each in verdict.drifts.items()
        },
    }
