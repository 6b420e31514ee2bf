"""Records of the lineage topics into what the store keeps. No consumer, no connection.

A record that cannot be read becomes a rejection that names its place and what is wrong with
its form, never one of its values: those may be secrets.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import msgspec
from pydantic import ValidationError

from grantline.model import action, incident
from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.incident import IncidentRecord
from grantline.model.rejected import StoreReason
from grantline.ports import Batch, Position, RejectedRow
from grantline.store.columns import FramedHops, no_hops
from grantline.store.incident_rows import action_table, incident_table
from grantline.store.rows import Unstorable, finding_table, hop_table, rejected_table
from grantline.wire import rejections
from grantline.wire.frames import BadFrame, decode_hops

WHOLE_RECORD: Final = -1
"""`span_index` of a rejection that speaks of a record and not of one of its spans."""

MAX_DETAIL: Final = 500
UNREADABLE: Final[StoreReason] = "unreadable_record"

_UNREADABLE: Final = (
    BadFrame, rejections.BadRejection, ValidationError, msgspec.DecodeError, action.Unactionable,
)  # fmt: skip
_T = TypeVar("_T")


class Record(NamedTuple):
    """One record of a log and its place there."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


class Topics(NamedTuple):
    """What the topics are called."""

    hops: str = "delegation.hops"
    findings: str = "delegation.findings"
    rejected: str = "delegation.rejected"
    incidents: str = "delegation.incidents"
    actions: str = "delegation.actions"


@dataclass
class Intake:
    """A batch in the making: add records, take the batch."""

    topics: Topics
    hops: list[Hop] | FramedHops = field(default_factory=no_hops)
    """As frames, until one comes that only the plain code can read."""
    findings: list[Finding] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    incidents: list[IncidentRecord] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    size: int = 0
    """Of the records that were added, bytes."""
    _records: list[tuple[tuple[int, ...], Record]] = field(default_factory=list)
    """Each record with how many of each kind there were before it (`_counts`)."""

    @property
    def rows(self) -> int:
        return sum(self._counts())

    def add(self, record: Record) -> RejectedRow | None:
        """Take in one record; the rejection, where it could not be read."""
        self.next_offsets[record.topic, record.partition] = record.offset + 1
        self.size += len(record.value or b"")
        if record.value is None:  # a compacted topic's tombstone says nothing to keep
            return None
        before = self._counts()
        try:
            self._decode(record.topic, record.value)
        except _UNREADABLE as why:
            row = _rejection(record, WHOLE_RECORD, _without_values(why))
            self.rejected.append(row)
            return row
        self._records.append((before, record))
        return None

    def batch(self) -> Batch:
        """What was added since the intake was made."""
        positions = [Position(*place, offset) for place, offset in self.next_offsets.items()]
        return Batch(
            self.hops, self.findings, self.rejected, positions, self.incidents, self.actions
        )

    def drop_unstorable(self) -> list[RejectedRow]:
        """Turn what no column can hold into rejections; says which."""
        dropped: list[RejectedRow] = []
        if not isinstance(self.hops, FramedHops):  # those are columns already
            self.hops = self._storable(self.hops, hop_table, 0, dropped)
        self.findings = self._storable(self.findings, finding_table, 1, dropped)
        self.rejected = self._storable(self.rejected, rejected_table, 2, dropped)
        self.incidents = self._storable(self.incidents, incident_table, 3, dropped)
        self.actions = self._storable(self.actions, action_table, 4, dropped)
        self.rejected.extend(dropped)
        return dropped

    def _storable(
        self,
        items: list[_T],
        table: Callable[[Sequence[_T]], object],
        kind: int,
        dropped: list[RejectedRow],
    ) -> list[_T]:
        bad = dict(_unstorable(items, 0, table))
        for index, why in bad.items():
            at = bisect_right(self._records, index, key=lambda entry: entry[0][kind]) - 1
            before, record = self._records[at]
            dropped.append(_rejection(record, index - before[kind], why))
        return [item for index, item in enumerate(items) if index not in bad]

    def _decode(self, topic: str, value: bytes) -> None:
        if topic == self.topics.hops:
            self._decode_hops(value)
        elif topic == self.topics.findings:
            self.findings.append(Finding.model_validate_json(value))
        elif topic == self.topics.incidents:
            self.incidents.append(incident.decode(value))
        elif topic == self.topics.actions:
            self.actions.append(action.decode(value))
        else:
            self.rejected.append(rejections.decode(value))

    def _counts(self) -> tuple[int, ...]:
        kinds = (self.hops, self.findings, self.rejected, self.incidents, self.actions)
        return tuple(map(len, kinds))

    def _decode_hops(self, value: bytes) -> None:
        if isinstance(self.hops, FramedHops):
            if self.hops.add(value):
                return
            more = decode_hops(value)
            self.hops = [*self.hops, *more]
        else:
            self.hops.extend(decode_hops(value))


def _unstorable(
    items: Sequence[_T], first: int, table: Callable[[Sequence[_T]], object]
) -> Iterator[tuple[int, str]]:
    """(index, why) of the items that `table` refuses, by halving: the good ones cost little."""
    if not items:
        return
    try:
        table(items)
    except Unstorable as why:
        if len(items) == 1:
            yield first, f"{why.field} cannot be stored"
            return
        half = len(items) // 2
        yield from _unstorable(items[:half], first, table)
        yield from _unstorable(items[half:], first + half, table)


def _rejection(record: Record, span_index: int, detail: str) -> RejectedRow:
    return RejectedRow(
        UNREADABLE,
        detail[:MAX_DETAIL],
        record.topic,
        record.partition,
        record.offset,
        span_index,
    )


def _without_values(why: Exception) -> str:
    if isinstance(why, ValidationError):
        errors = why.errors(include_input=False, include_url=False, include_context=False)
        return "not a finding: " + "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['type']}" for error in errors
        )
    if isinstance(why, msgspec.DecodeError):
        # "Expected `int`, got `str` - at `$.revision`": types and places, no values. What does not
        # say so quotes the message.
        said = str(why)
        return said if said.startswith("Expected") else "not a message of this topic"
    return str(why)
