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
        self._heap: list[tuple[int, int]] = []
        """(due, number): a timer that was moved or cancelled keeps nothing alive."""
        self._subjects: dict[int, _S] = {}
        self._set: dict[_S, tuple[int, int]] = {}
        self._number = count()

    def set(self, due_ms: int, subject: _S) -> bool:
        """Look at `subject` at `due_ms`, unless that is to happen earlier; True if it had none."""
        known = self._set.get(subject)
        if known is not None:
            if due_ms >= known[0]:
                return False
            del self._subjects[known[1]]
        number = next(self._number)
        self._set[subject] = due_ms, number
        self._subjects[number] = subject
        heappush(self._heap, (due_ms, number))
        return known is None

    def cancel(self, subject: _S) -> bool:
        """Nothing is to be looked at any more; False if it had no timer."""
        known = self._set.pop(subject, None)
        if known is None:
            return False
        del self._subjects[known[1]]
        return True

    def due(self, now_ms: int) -> Iterator[_S]:
        """Those whose time has come, each taken off its timer first."""
        while self._heap and self._heap[0][0] <= now_ms:
            _, number = heappop(self._heap)
            if number in self._subjects:
                subject = self._subjects.pop(number)
                del self._set[subject]
                yield subject

    def next_ms(self) -> int | None:
        """When the next subject is due, if there is one."""
        while self._heap and self._heap[0][1] not in self._subjects:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
