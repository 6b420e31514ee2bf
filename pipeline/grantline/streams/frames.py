"""Framing: hops gathered by target partition, and cut into records that a broker takes.

Pure. One frame a target partition and delivery, so that what is paid for a record is paid for
hundreds of hops. A hop that no frame can hold is handed back, never sent and never lost in
silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from grantline.lineage.partition import partition_of
from grantline.lineage.route import route
from grantline.model.hop import Hop
from grantline.model.rejected import Reason
from grantline.model.sighting import Sighting
from grantline.streams.messages import Addresses
from grantline.streams.outgoing import MAX_RECORD_BYTES, Outgoing
from grantline.wire.frames import CONTENT_TYPE, encode_hops, encode_sightings

FRAME_BYTES = 900_000
"""Above this a frame is halved: below every default limit, with room for headers."""

_T = TypeVar("_T", Hop, Sighting)
FRAME_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE)]


class Framing:
    """Gathers the hops of one delivery."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._hops: dict[int, list[Hop]] = {}
        self._sightings: dict[int, list[Sighting]] = {}
        self.refused: dict[Hop, Reason] = {}
        """What no frame can hold -> why; filled by `records`. The hop itself, for anybody may send
        another one under its span id.
        """

    def add(self, hop: Hop) -> None:
        """Routes one hop; adds all of it or, when `route` raises, nothing."""
        key, sightings = route(hop)
        count = self._addresses.partitions
        self._hops.setdefault(partition_of(key, count), []).append(hop)
        self._sight(sightings)

    def _sight(self, sightings: Iterable[Sighting]) -> None:
        count = self._addresses.partitions
        for sighting in sightings:
            self._sightings.setdefault(partition_of(sighting.key, count), []).append(sighting)

    def records(self) -> Iterator[Outgoing]:
        """The frames, ready to send."""
        yield from self._pack(self._addresses.hops, self._hops, encode_hops)
        if self.refused:
            # A hop that is not stored must not be found guilty either.
            self._sightings = {}
            for hop in self._all():
                if hop not in self.refused:
                    self._sight(route(hop).sightings)
        yield from self._pack(self._addresses.tokens, self._sightings, encode_sightings)

    def _pack(
        self, topic: str, gathered: dict[int, list[_T]], encode: Callable[[Sequence[_T]], bytes]
    ) -> Iterator[Outgoing]:
        for partition, items in gathered.items():
            for value in self._frames(items, encode):
                yield Outgoing(topic, partition, None, value, FRAME_HEADERS)

    def _frames(self, items: list[_T], encode: Callable[[Sequence[_T]], bytes]) -> Iterator[bytes]:
        todo: list[list[_T]] = [items]
        while todo:
            part = todo.pop()
            alone = len(part) == 1
            try:
                value = encode(part)
            except UnicodeEncodeError:
                # JSON may hold half of a surrogate pair, which no other text format can.
                if alone:
                    self._refuse(part[0], "bad_encoding")
                    continue
            else:
                if len(value) <= FRAME_BYTES or (alone and len(value) <= MAX_RECORD_BYTES):
                    yield value
                    continue
                if alone:
                    self._refuse(part[0], "too_large")
                    continue
            middle = len(part) // 2
            todo += [part[middle:], part[:middle]]

    def _refuse(self, item: Hop | Sighting, reason: Reason) -> None:
        if isinstance(item, Hop):
            self.refused[item] = reason
        elif item.hop is not None:
            self.refused[item.hop] = reason
        else:
            # A part of its hop, and yet larger: nobody knows how, and so whose it is.
            self.refused |= {hop: reason for hop in self._all() if hop.span_id == item.span_id}

    def _all(self) -> Iterator[Hop]:
        return chain.from_iterable(self._hops.values())
