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
        self._set: set[_S] = set()
        self._number = count()

    def set(self, due_ms: int, subject: _S) -> None:
        """Look at `subject` at `due_ms`; nothing if a timer is set for it already."""
        if subject not in self._set:
            self._set.add(subject)
            heappush(self._heap, (due_ms, next(self._number), subject))

    def due(self, now_ms: int) -> Iterator[_S]:
        """Those whose time has come, each taken off its timer first."""
        while self._heap and self._heap[0][0] <= now_ms:
            subject = heappop(self._heap)[2]
            self._set.remove(subject)
            yield subject

    def next_ms(self) -> int | None:
        """When the next subject is due, if there is one."""
        return self._heap[0][0] if self._heap else None
