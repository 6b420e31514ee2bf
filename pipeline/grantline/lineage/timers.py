"""Timers without a clock: subjects, and when to look at them again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

_S = TypeVar("_S", bound=Hashable)


class Timers(Generic[_S]):
    """Subjects to be looked at again, each at most once at a time, by the key of their state.

    State that is packed has no subjects. It keeps one timer, without a subject, that goes off when
    the first of its own would have.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        """(due, number): a timer that was moved or cancelled keeps nothing alive."""
        self._set: dict[int, tuple[str, _S | None]] = {}
        self.of: dict[str, dict[_S | None, tuple[int, int]]] = {}
        """By key, (due, number) of each subject; a key without timers is not in it. To be read."""
        self._number = count()

    def set(self, due_ms: int, key: str, subject: _S | None) -> None:
        """Look at `subject` at `due_ms`, unless that is to happen earlier; None: at all of `key`."""
        of = self.of.get(key)
        if of is None:
            of = self.of[key] = {}
        known = of.get(subject)
        if known is not None:
            if due_ms >= known[0]:
                return
            del self._set[known[1]]
        number = next(self._number)
        of[subject] = due_ms, number
        self._set[number] = key, subject
        heappush(self._heap, (due_ms, number))

    def cancel(self, key: str, subject: _S) -> None:
        """`subject` is not to be looked at any more."""
        of = self.of.get(key)
        known = of.pop(subject, None) if of is not None else None
        if known is None:
            return
        del self._set[known[1]]
        if not of:
            del self.of[key]

    def sleep(self, key: str) -> None:
        """The state of `key` is packed, or gone."""
        of = self.of.pop(key, None)
        if of is not None:
            self._forget(of)
            self.set(_first(of), key, None)

    def drop(self, key: str) -> None:
        """Nothing of `key` is to be looked at any more."""
        of = self.of.pop(key, None)
        if of is not None:
            self._forget(of)

    def wake(self, key: str) -> bool:
        """The state of `key` is unpacked; whether its subjects have to be asked for their timers."""
        of = self.of.get(key)
        if of is None or None not in of:
            return False
        self._forget(self.of.pop(key))
        return True

    def due(self, now_ms: int) -> Iterator[tuple[str, _S | None]]:
        """Those whose time has come, each taken off its timer first."""
        while self._heap and self._heap[0][0] <= now_ms:
            _, number = heappop(self._heap)
            found = self._set.pop(number, None)
            if found is not None:
                key, subject = found
                of = self.of[key]
                del of[subject]
                if not of:
                    del self.of[key]
                yield found

    def next_ms(self) -> int | None:
        """When the next subject is due, if there is one."""
        while self._heap and self._heap[0][1] not in self._set:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def firsts(self) -> list[tuple[str, int]]:
        """When each key is due first: what it keeps when its state is packed."""
        return [(key, _first(of)) for key, of in self.of.items()]

    def _forget(self, of: dict[_S | None, tuple[int, int]]) -> None:
        for _, number in of.values():
            del self._set[number]


def _first(of: dict[_S | None, tuple[int, int]]) -> int:
    return min(due_ms for due_ms, _ in of.values())
