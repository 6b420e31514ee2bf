"""When packed state is over, to the minute: names in the order of their ends.

A name may be listed more than once, each time its state was packed with another end; whoever takes
it off asks the state itself.
"""

from __future__ import annotations

from collections.abc import Iterator

_GRAIN_MS = 60_000


class Ends:
    """Names by the minute of their end."""

    def __init__(self) -> None:
        self._at: dict[int, list[bytes]] = {}
        self._least = 0
        """No minute before this one is listed."""

    def set(self, end_ms: int, name: bytes) -> None:
        minute = end_ms // _GRAIN_MS
        if not self._at or minute < self._least:
            self._least = minute
        self._at.setdefault(minute, []).append(name)

    def due(self, now_ms: int) -> Iterator[bytes]:
        """Those whose minute has passed, each taken off."""
        while self._at and self._first() < now_ms // _GRAIN_MS:
            yield from self.earliest()

    def earliest(self) -> list[bytes]:
        """Those that end first, taken off; empty where nothing is listed."""
        return self._at.pop(self._first()) if self._at else []

    def _first(self) -> int:
        if self._least not in self._at:
            self._least = min(self._at)
        return self._least
