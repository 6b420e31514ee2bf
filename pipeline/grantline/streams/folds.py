"""Folds: the state of one keyed partition, and which of its words were said before.

A fold is the engine of one partition of `delegation.hops` or `delegation.tokens` together with
its place in that log. Its state is a pure function of the records below `next_offset`: after a
restart it is folded again from a snapshot on, or from the beginning of the topic. What is folded
below `live_from` (the committed offset) was said before the restart: it is drained and dropped. Refuses records out of order. Knows neither Kafka nor Faust.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from grantline.lineage.tiers import Bounds, Dump
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.streams.outcome import Outcome
from grantline.streams.policy_change import PolicyChange

__all__ = ["Change", "Engine", "Fold", "News", "Outcome", "Snapshot"]

_T = TypeVar("_T")
_In_contra = TypeVar("_In_contra", contravariant=True)


Change = Literal["opened", "amended", "retracted"]

REMEMBERED = 100_000
"""Open findings of one partition whose ids are kept to tell `amended` from `opened`. Beyond it
the oldest may be called opened a second time; id and revision tell it all the same."""


class News(NamedTuple):
    """What one record, or the passing of time, brought that was not said before."""

    findings: Sequence[tuple[Change, Finding]] = ()
    hops: Sequence[Hop] = ()


NOTHING = News()


class Engine(Protocol[_In_contra]):
    """What a fold asks of an engine; both engines are brought to this shape below."""

    def add(self, items: Iterable[_In_contra], /) -> None: ...
    def advance(self, now_ms: int, /) -> None: ...
    def settle(self, revision: int, /) -> Outcome: ...
    def next_due_ms(self) -> int | None:
        """When time alone may bring something next; None for never."""
        ...

    def stats(self) -> dict[str, int]: ...
    def bound(self, bounds: Bounds, /) -> None:
        """How much may be kept from now on."""
        ...

    def dump(self) -> Dump:
        """All that is held; only after `settle`."""
        ...

    def load(self, dump: Dump, now_ms: int, /) -> None: ...


class Snapshot(NamedTuple):
    """A fold as it was after a record: what is needed to go on from there."""

    next_offset: int
    time_ms: int
    said: list[str]
    """Ids of the findings last said to be open."""
    state: Dump


class Fold(Generic[_T]):
    """The state of one partition and its place in the log."""

    def __init__(
        self,
        engine: Engine[_T],
        decode: Callable[[bytes], list[_T]],
        next_offset: int = 0,
    ) -> None:
        """`next_offset`: what the engine has folded already (a snapshot); 0 for nothing."""
        self.engine = engine
        self.decode = decode
        self.next_offset = next_offset
        self.live_from = next_offset
        self.kept_at = next_offset
        """What the last snapshot holds: the one it began from, or one stored since."""
        self.time_ms = 0
        """The broker's clock, as far as this log tells it."""
        self._open: OrderedDict[str, None] = OrderedDict()
        self.change: PolicyChange[_T] | None = None
        """What was said was said under another policy, and what differs is still to be said."""

    @property
    def replaying(self) -> bool:
        """What comes next was said before."""
        return self.next_offset < self.live_from

    @property
    def changed(self) -> bool:
        """There is something that a snapshot would keep."""
        if self.change is not None:
            return False
        return not self.replaying and self.next_offset > self.kept_at

    def take(self, offset: int, timestamp_ms: int, items: Sequence[_T]) -> News:
        """Folds the record at `offset`; `timestamp_ms` is when the broker took it.

        Revisions depend on nothing but the log: what the clock alone brings before this record
        has revision `2 * offset`, what the record brings `2 * offset + 1`.
        """
        if offset < self.next_offset:
            raise ValueError(f"record {offset} was folded before; the next is {self.next_offset}")
        said, change = offset < self.live_from, self.change
        self._advance(timestamp_ms)
        outcome = self.engine.settle(2 * offset)
        if change is not None:
            change.hear(outcome.findings)
            if said:
                change.fold(offset, self.time_ms, items)
            else:
                outcome = outcome._replace(findings=change.differences(2 * offset))
                self._open = OrderedDict.fromkeys(change.said)
                self.change = None
        early = self._news(outcome)
        self.engine.add(items)
        outcome = self.engine.settle(2 * offset + 1)
        if change is not None and said:
            change.hear(outcome.findings)
        late = self._news(outcome)
        self.next_offset = offset + 1
        if said:
            return NOTHING
        return News((*early.findings, *late.findings), (*early.hops, *late.hops))

    def snapshot(self) -> Snapshot:
        """The present state, of use as long as the log holds what comes after it."""
        return Snapshot(self.next_offset, self.time_ms, list(self._open), self.engine.dump())

    def restore(self, snapshot: Snapshot) -> None:
        """Begin from `snapshot` instead of from nothing."""
        self.next_offset, self.time_ms = snapshot.next_offset, snapshot.time_ms
        self.kept_at = snapshot.next_offset
        self._open = OrderedDict.fromkeys(snapshot.said)
        self.engine.load(snapshot.state, snapshot.time_ms)

    def due(self, now_ms: int) -> bool:
        """Time alone would bring something by now, were it told.

        Time is told by the log only: whoever asks sends an empty frame, and the broker's stamp
        on it is the time. So what absence brings has its place in the log like everything else,
        and a replay says the same, once.
        """
        if self.change is not None and not self.replaying:
            return True  # the frame is where the present policy takes over
        due_ms = self.engine.next_due_ms()
        return not self.replaying and due_ms is not None and due_ms <= now_ms

    def caught_up(self) -> None:
        """The log ends here, though the committed offset is beyond: compaction or a transaction
        marker took the last offsets.
        """
        self.live_from = min(self.live_from, self.next_offset)

    def _advance(self, now_ms: int) -> None:
        # Broker timestamps may step back by a little when the leader changes.
        self.time_ms = max(self.time_ms, now_ms)
        self.engine.advance(self.time_ms)

    def _news(self, outcome: Outcome) -> News:
        if not outcome.findings:
            return News((), outcome.hops) if outcome.hops else NOTHING
        return News(
            [(self._change(finding), finding) for finding in outcome.findings], outcome.hops
        )

    def _change(self, finding: Finding) -> Change:
        if finding.status == "retracted":
            self._open.pop(finding.id, None)
            return "retracted"
        known = finding.id in self._open
        self._open[finding.id] = None
        self._open.move_to_end(finding.id)
        if len(self._open) > REMEMBERED:
            self._open.popitem(last=False)
        return "amended" if known else "opened"
