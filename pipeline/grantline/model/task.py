"""A task's id is a weak name: two runs may have the same one, so time decides which is meant.

What names nothing but its task belongs to the latest run that had begun by then. Runs are only
ever added, and each addition only moves a hop to a run that fits better, so the end does not
depend on the order in which they are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import NamedTuple, Self

from grantline.model.death import ANY, SURE, Death, Ends, Kill, first


class Start(NamedTuple):
    """A report of a grant for the task. Ordered by time."""

    time: int
    root_id: str


def fits_better(start: Start, other: Start, time: int) -> bool:
    """Whether what happened at `time` belongs to `start` rather than to `other`.

    The latest that had begun; where none had (clocks differ), the earliest after.
    """
    if (start.time <= time) != (other.time <= time):
        return start.time <= time
    return start > other if start.time <= time else start < other


class Claim(NamedTuple):
    """A revocation that names nothing but a task, as long as it belongs to one run of it."""

    kill: Kill
    soft: bool
    granted_at: int
    clocks: tuple[str, ...] = ()
    """What told it."""


class Claims:
    """The claims on one task of one chain. What is withdrawn never comes back."""

    __slots__ = ("_gone", "_hard", "_known", "_soft")

    def __init__(self) -> None:
        self._known: set[Claim] = set()
        self._gone: set[Claim] = set()
        self._hard: dict[str, list[Claim]] = {}
        """Clock -> what it told, as a heap; what is withdrawn is taken off when it comes first."""
        self._soft: dict[str, list[Claim]] = {}

    @classmethod
    def of(cls, known: Iterable[Claim], gone: Iterable[Claim]) -> Self:
        """What has been `told`."""
        claims = cls()
        claims._gone.update(gone)
        for claim in known:
            claims.add(claim)
        return claims

    @property
    def told(self) -> tuple[list[Claim], list[Claim]]:
        """All that were added, and all that were withdrawn."""
        return sorted(self._known), sorted(self._gone)

    def add(self, claim: Claim) -> None:
        if claim not in self._known:
            self._known.add(claim)
            heaps = self._soft if claim.soft else self._hard
            for clock in (ANY, SURE, *claim.clocks):
                heappush(heaps.setdefault(clock, []), claim)

    def withdraw(self, claim: Claim) -> None:
        self._gone.add(claim)

    @property
    def death(self) -> Death:
        return Death(self._first(self._hard), self._first(self._soft))

    def _first(self, heaps: dict[str, list[Claim]]) -> Ends:
        told: Ends = ()
        for clock, claims in heaps.items():
            while claims and claims[0] in self._gone:
                heappop(claims)
            if claims:
                told = first(told, ((clock, claims[0].kill),))
        return told
