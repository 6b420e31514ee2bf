"""Framing: hops gathered by target partition, and cut into records that a broker takes.

Pure. One frame a target partition and delivery, so that what is paid for a record is paid for
hundreds of hops. A hop that does not fit a record even alone is handed back, never sent and
never lost in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from grantline.lineage.partition import partition_of
from grantline.lineage.route import route
from grantline.model.hop import Hop
from grantline.model.sighting import Sighting
from grantline.streams.messages import Addresses
from grantline.streams.outgoing import MAX_RECORD_BYTES, Outgoing
from grantline.wire.frames import CONTENT_TYPE, encode_hops, encode_sightings

FRAME_BYTES = 900_000
"""Above this a frame is halved: below every default limit, with room for headers."""

_T = TypeVar("_T", Hop, Sighting)
_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE)]


class Framing:
    """Gathers the hops of one delivery."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._hops: dict[int, list[Hop]] = {}
        self._sightings: dict[int, list[Sighting]] = {}
        self.oversized: list[str] = []
        """Span ids of what fits no record; filled by `records`."""

    def add(self, hop: Hop) -> None:
        """Routes one hop; adds all of it or, when `route` raises, nothing."""
        key, sightings = route(hop)
        count = self._addresses.partitions
        self._hops.setdefault(partition_of(key, count), []).append(hop)
        for sighting in sightings:
            self._sightings.setdefault(partition_of(sighting.key, count), []).append(sighting)

    def records(self) -> Iterator[Outgoing]:
        """The frames, ready to send."""
        yield from self._pack(self._addresses.hops, self._hops, encode_hops)
        yield from self._pack(self._addresses.tokens, self._sightings, encode_sightings)

    def _pack(
        self, topic: str, gathered: dict[int, list[_T]], encode: Callable[[Sequence[_T]], bytes]
    ) -> Iterator[Outgoing]:
        for partition, items in gathered.items():
            for value in self._frames(items, encode):
                yield Outgoing(topic, partition, None, value, _HEADERS)

    def _frames(self, items: list[_T], encode: Callable[[Sequence[_T]], bytes]) -> Iterator[bytes]:
        todo: list[list[Any]] = [items]
        while todo:
            part = todo.pop()
            value = encode(part)
            if len(value) <= FRAME_BYTES or (len(part) == 1 and len(value) <= MAX_RECORD_BYTES):
                yield value
            elif len(part) == 1:
                self.oversized.append(part[0].span_id)
            else:
                middle = len(part) // 2
                todo += [part[middle:], part[:middle]]
