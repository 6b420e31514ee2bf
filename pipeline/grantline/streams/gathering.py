"""Gathering: hops on their way to the keyed topics, over as many deliveries as wait.

Pure. Whatever is paid for a record is paid by everyone on the way: producer, broker, engine and
writer. One delivery holds a few hundred hops for 24 partitions; several of them that wait for the
worker anyway, gathered, make frames ten times as large. Nothing is held back for that: where no
other delivery waits, what is there goes on at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from grantline.model.hop import Hop
from grantline.ports import RejectedRow
from grantline.streams.frames import Framing
from grantline.streams.ingest import Place, crashed, refusal
from grantline.streams.messages import Addresses
from grantline.streams.outgoing import Outgoing

ENOUGH_HOPS: Final = 4_096
"""Gathered hops that go on though more deliveries wait: what a crash does again stays small, and
so does the time in which the next stage has nothing to do."""
ENOUGH_BYTES: Final = 8 << 20
"""The same, in bytes of the records they came in: hops are of two kilobytes, or of a megabyte."""


class Gathered(NamedTuple):
    """What goes on."""

    frames: Sequence[Outgoing]
    rejected: Sequence[RejectedRow]
    """What no frame can hold, or what could not be routed."""
    hops: int
    """In the frames."""


class Gathering:
    """Hops of one kind of work: those that arrived, or those whose root was found."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._clear()

    def _clear(self) -> None:
        self._framing = Framing(self._addresses)
        self._came: list[tuple[Place, Sequence[Hop]]] = []
        self._rejected: list[RejectedRow] = []
        self._hops = self._bytes = 0

    @property
    def enough(self) -> bool:
        return self._hops >= ENOUGH_HOPS or self._bytes >= ENOUGH_BYTES

    @property
    def empty(self) -> bool:
        return not self._came

    def add(self, place: Place, hops: Sequence[Hop], size: int = 0) -> None:
        """Take in the hops of one record, which had `size` bytes; nothing where it only told the
        root of hops that are in memory. One that cannot be routed costs none of the others.
        """
        self._came.append((place, hops))
        self._bytes += size
        add = self._framing.add
        for index, hop in enumerate(hops):
            try:
                add(hop)
            except Exception as fault:  # noqa: BLE001
                self._rejected.append(crashed(fault, place, -2 - index, hop))
            else:
                self._hops += 1

    def take(self) -> Gathered:
        """All that was gathered; nothing is left."""
        frames = list(self._framing.records())
        gone = list(self._refused())
        gathered = Gathered(frames, [*self._rejected, *gone], self._hops - len(gone))
        self._clear()
        return gathered

    def _refused(self) -> Iterator[RejectedRow]:
        """Rejections of what no frame can hold. How the records were delivered does not show: a
        repetition says the same.
        """
        refused = self._framing.refused
        if not refused:
            return
        for place, hops in self._came:
            for index, hop in enumerate(hops):
                reason = refused.get(hop)
                if reason is not None:
                    yield refusal(reason, place, -2 - index, hop)
