"""Timers without a clock: subjects, and when to look at them again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

_S = TypeVar("_S", bound=Hashable)


class Timers(Generic[_S]):
    """Subjects to be looked at again, each at most once at a time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, _S]] = []
        self._set: dict[_S, int] = {}
        self._number = count()

    def set(self, due_ms: int, subject: _S) -> bool:
        """Look at `subject` at `due_ms`, unless that is to happen earlier; True if it had none."""
        known = self._set.get(subject)
        if known is None or due_ms < known:
            self._set[subject] = due_ms
            heappush(self._heap, (due_ms, next(self._number), subject))
        return known is None

    def due(self, now_ms: int) -> Iterator[_S]:
        """Those whose time has come, each taken off its timer first."""
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, _, subject = heappop(self._heap)
            if self._set.get(subject) == due_ms:
                del self._set[subject]
                yield subject

    def next_ms(self) -> int | None:
        """When the next subject is due, if there is one; too early where a timer was moved."""
        return self._heap[0][0] if self._heap else None
