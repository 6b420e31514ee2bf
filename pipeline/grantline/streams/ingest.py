"""Ingest: records of OTLP in, hops and rejections out. Pure; the agent around it sends.

One bad span or record never costs its neighbours. Whatever goes wrong in reading one record,
even a fault of ours, ends as one rejection that names where the record is still to be found.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple, Protocol

from grantline.lineage.route import mark_late
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.rejected import Reason, Rejected
from grantline.ports import RejectedRow
from grantline.streams.deliveries import Record
from grantline.wire import rejections
from grantline.wire.detection import content_type_of

log = logging.getLogger(__name__)

_flags = attrgetter("flags")

_CURES: Mapping[str, str] = {
    "too_large": "the span alone is larger than a record may be; shorten its attributes",
    "bad_encoding": "an attribute holds half of a surrogate pair; send valid Unicode",
}


class Decoded(Protocol):
    """What `grantline.wire.otlp.decode` gives."""

    @property
    def hops(self) -> Sequence[Hop]: ...
    @property
    def rejected(self) -> Sequence[tuple[int, Rejected]]: ...
    @property
    def passed_over(self) -> int: ...


Place = tuple[str, int, int]
"""(topic, partition, offset)."""
Decode = Callable[[bytes, str | None, int], Decoded]


class Taken(NamedTuple):
    """What some records of OTLP came to."""

    hops: Sequence[tuple[Place, Sequence[Hop], int]]
    """Record by record: where it is, its hops, its bytes."""
    rejected: Sequence[RejectedRow]
    passed_over: int
    flags: Mapping[str, int]
    """How many hops have which quality flag."""


class Ingest:
    """Reads deliveries of the inputs."""

    def __init__(
        self, decode: Decode, policy: Policy, sources: Mapping[str, Decode] | None = None
    ) -> None:
        """`sources`: of topics that hold a foreign log instead of OTLP, what reads it."""
        self._decode = decode
        self._sources = sources or {}
        self._policy = policy

    def take(self, topic: str, partition: int, records: Sequence[Record]) -> Taken:
        """Everything that comes of `records` of one partition."""
        came: list[tuple[Place, Sequence[Hop], int]] = []
        rows: list[RejectedRow] = []
        flags: Counter[str] = Counter()
        passed_over = 0
        decode = self._sources.get(topic, self._decode)
        for record in records:
            place = (topic, partition, record.offset)
            value = record.value or b""
            try:
                decoded = decode(value, content_type_of(record.headers), record.timestamp)
                hops = [mark_late(hop, self._policy) for hop in decoded.hops]
            except Exception as fault:  # noqa: BLE001 (the record must not stop the worker)
                rows.append(crashed(fault, place, -1))
                continue
            rows += [rejections.row(index, why, *place) for index, why in decoded.rejected]
            passed_over += decoded.passed_over
            if hops:
                flags.update(chain.from_iterable(map(_flags, hops)))
                came.append((place, hops, len(value)))
        return Taken(came, rows, passed_over, flags)


def refusal(reason: Reason, place: Place, index: int, hop: Hop) -> RejectedRow:
    """A hop that no frame can hold."""
    return RejectedRow(
        reason, _CURES[reason], *place, index, hop.trace_id, hop.span_id, hop.service
    )


def crashed(fault: BaseException, place: Place, index: int, hop: Hop | None = None) -> RejectedRow:
    """A fault of ours met by one record. The fault's text may quote the record, so only its
    kind and its place in the code are told.
    """
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    where = f"{type(fault).__name__} at {frame.name}, line {frame.lineno}"
    log.error("record %s[%d] offset %d rejected: %s; please report", *place, where)
    return RejectedRow(
        "crashed", f"a fault in reading it: {where}; please report", *place, index,
        hop.trace_id if hop else None, hop.span_id if hop else None,
        hop.service if hop else None,
    )  # fmt: skip
