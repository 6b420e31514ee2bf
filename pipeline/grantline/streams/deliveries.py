"""A delivery: consecutive records of one partition, the unit in which agents are given work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Record(Protocol):
    """What we read of an aiokafka `ConsumerRecord`."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Delivery(NamedTuple):
    """Consecutive records of one partition, in log order; never empty."""

    records: Sequence[Record]
    follows: int | None
    """Everything below this offset was handed out before; None where nobody can say."""

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.records[-1].offset + 1
