"""Merging: all records of one partition that one poll brought become a single Faust event.

Faust pays about 200 microseconds an event (four asyncio tasks are made and three cancelled for
each), whatever the event holds. Merging what a poll brought pays that once for up to a megabyte.
`MergeScheduler` is handed to Faust through its public setting `ConsumerScheduler`; nothing here
knows what a record means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from grantline.streams.deliveries import Delivery, Record


class Merged:
    """A delivery in the shape of one consumer record, which is what Faust's driver reads."""

    __slots__ = (
        "checksum", "headers", "key", "offset", "partition", "serialized_key_size",
        "serialized_value_size", "timestamp", "timestamp_type", "topic", "value",
    )  # fmt: skip

    def __init__(self, tp: TP, delivery: Delivery, size: int) -> None:
        last: Any = delivery.records[-1]
        self.topic = tp.topic
        self.partition = tp.partition
        self.offset: int = last.offset
        self.timestamp: int = last.timestamp
        self.timestamp_type: int = last.timestamp_type
        self.key: bytes | None = None
        self.value = delivery
        self.headers: Sequence[tuple[str, bytes]] = ()
        self.checksum: int | None = None
        self.serialized_key_size = 0
        self.serialized_value_size = size


class MergeScheduler(DefaultSchedulingStrategy):
    """Merges by partition, then goes round the partitions, so that none starves another."""

    max_records = 1000
    """Records in one delivery at most."""
    max_bytes = 1 << 20
    """Value bytes in one delivery (a single larger record still is one): 10 to 50 ms of work,
    the longest that the web server and the commit have to wait for their turn."""

    def __init__(self) -> None:
        self._handed: dict[TP, int] = {}
        self._waiting: Counter[str] = Counter()

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Round-robin over partitions of what one poll brought.

        The place in each partition is kept at once for the whole poll, not as it is consumed:
        whatever Faust drops on the way (it does when a rebalance begins) then shows as a hole in
        the next delivery, instead of being lost in silence.
        """
        merged = {tp: self._merge(tp, batch) for tp, batch in records.items() if batch}
        self._waiting = Counter(tp.topic for tp, deliveries in merged.items() for _ in deliveries)
        return self._in_turn(super().iterate(merged))

    def waits(self, topics: Iterable[str]) -> bool:
        """Whether the poll at hand holds another delivery of one of them. Faust asks for the next
        when the one before is worked through: none of these is in the agent's channel yet.
        """
        return any(self._waiting[topic] for topic in topics)

    def rewind(self, tp: TP, offset: int) -> None:
        """The consumer was told to read on from `offset`."""
        self._handed[tp] = offset

    def handed(self, tp: TP) -> int | None:
        """The offset after the last record handed out, or where the consumer was sent to."""
        return self._handed.get(tp)

    def _in_turn(self, deliveries: Iterator[tuple[TP, Any]]) -> Iterator[tuple[TP, Any]]:
        for tp, delivery in deliveries:
            self._waiting[tp.topic] -= 1
            yield tp, delivery

    def _merge(self, tp: TP, batch: Sequence[Record]) -> list[Merged]:
        merged: list[Merged] = []
        for chunk, size in self._chunks(batch):
            delivery = Delivery(chunk, self._handed.get(tp))
            self._handed[tp] = delivery.end
            merged.append(Merged(tp, delivery, size))
        return merged

    def _chunks(self, batch: Sequence[Record]) -> Iterator[tuple[list[Record], int]]:
        chunk: list[Record] = []
        size = 0
        for record in batch:
            length = len(record.value or b"")
            if chunk and (len(chunk) >= self.max_records or size + length > self.max_bytes):
                yield chunk, size
                chunk, size = [], 0
            chunk.append(record)
            size += length
        yield chunk, size
