"""What the pure part asks of the world: three protocols, their contracts in prose.

One conformance suite per port lives in `tests/conformance`; every implementation, the
in-memory ones included, passes the same suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.incident import IncidentRecord
from grantline.model.page import Page


class Position(NamedTuple):
    """A place in a Kafka log: everything before `next_offset` has been taken."""

    topic: str
    partition: int
    next_offset: int


class RejectedRow(NamedTuple):
    """One record of `delegation.rejected`, with where its input came from."""

    reason: str
    detail: str
    source_topic: str
    source_partition: int
    source_offset: int
    span_index: int
    trace_id: str | None = None
    span_id: str | None = None
    service: str | None = None


class Batch(NamedTuple):
    """What one transaction stores."""

    hops: Sequence[Hop] = ()
    findings: Sequence[Finding] = ()
    rejected: Sequence[RejectedRow] = ()
    positions: Sequence[Position] = ()
    incidents: Sequence[IncidentRecord] = ()
    actions: Sequence[Action] = ()


class LineageStore(Protocol):
    """Keeps lineage.

    `write` is atomic: after a crash at any moment either the whole batch with its positions is
    there or nothing of it. It is idempotent: the same hop (trace id, span id, time), the same
    finding or incident (id, revision), the same action (id, state) or the same rejection (source
    position, index) written again changes nothing. A hop whose root was resolved later replaces the one without a root; a finding with a
    higher revision replaces the lower, never the other way round, and of two that claim the same
    revision the first stays. It may block; it returns only when the batch is durable.
    """

    def write(self, batch: Batch) -> None: ...

    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the next offset to read."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class Notifier(Protocol):
    """Tells one destination about one state of one incident.

    Returns when the destination has taken it. Raises `Retry` when the same call may go through
    later, by itself (refused connection, time-out, 429, 5xx) or once somebody has mended the
    destination (a wrong key, a moved URL), and `Refused` when the answer says that this very alert
    is unacceptable (400, 413, 422): nothing else. May block for its own time-out at most. Called
    again with the same page, the destination must be able to tell that it is the same
    (`Page.dedup_key`).
    """

    name: str

    def notify(self, page: Page) -> None: ...


class Retry(Exception):
    """The edge is in trouble; the same call may succeed later."""

    def __init__(self, why: str, after_seconds: float | None = None, *, mend: bool = False) -> None:
        """`mend`: waiting alone will not help; `why` says what somebody has to do."""
        super().__init__(why)
        self.after_seconds = after_seconds
        self.mend = mend


class Refused(Exception):
    """The destination says that it will not take this, while it may take everything else."""


class Clock(Protocol):
    """Milliseconds since the epoch, never going backwards within one process."""

    def now_ms(self) -> int: ...


class SteppedClock:
    """A clock that stands still until it is told to go on; for tests and replay."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def step(self, milliseconds: int) -> None:
        if milliseconds < 0:
            raise ValueError(f"a clock cannot go back by {-milliseconds} ms")
        self._now_ms += milliseconds


__all__ = [
    "Batch",
    "Clock",
    "LineageStore",
    "Notifier",
    "Position",
    "Refused",
    "RejectedRow",
    "Retry",
    "SteppedClock",
]
