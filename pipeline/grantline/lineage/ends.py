"""When packed state is over, to the minute: names in the order of their ends.

A name may be listed more than once, each time its state was packed with another end; whoever takes
it off asks the state itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from grantline.lineage.digests import DIGEST

_GRAIN_MS = 60_000


class Ends:
    """Names by the minute of their end."""

    def __init__(self) -> None:
        self._at: dict[int, bytearray] = {}
        """The names of a minute, one after the other."""
        self._least = 0
        """No minute before this one is listed."""

    def set(self, minute: int, name: bytes) -> None:
        """`minute`: since the epoch."""
        if not self._at or minute < self._least:
            self._least = minute
        names = self._at.get(minute)
        if names is None:
            names = self._at[minute] = bytearray()
        names += name

    def due(self, now_ms: int) -> Iterator[bytes]:
        """Those whose minute has passed, each taken off."""
        while self._at and self._first() < now_ms // _GRAIN_MS:
            yield from self.earliest()

    def earliest(self) -> Iterator[bytes]:
        """Those that end first, taken off; none where nothing is listed."""
        names = bytes(self._at.pop(self._first())) if self._at else b""
        return (names[at : at + DIGEST] for at in range(0, len(names), DIGEST))

    def _first(self) -> int:
        if self._least not in self._at:
            self._least = min(self._at)
        return self._least
