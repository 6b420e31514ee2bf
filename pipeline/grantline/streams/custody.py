"""Custody: what this worker holds, partition by partition, and how far it has come.

The one place that owns cursors and folds. Commits are taken from the cursors, never from Faust's
acknowledgements: Faust also acknowledges what it merely skips when a rebalance begins, and its
bookkeeping of gaps neither understands merged deliveries nor compacted topics. A cursor moves
only when the records before it were worked through and their results handed to the producer, or
gathered, to be handed to it before the cursor is committed.
Knows neither Kafka nor Faust: partitions are (topic, number) pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from grantline.lineage.tiers import Bounds
from grantline.streams.deliveries import Delivery, Record
from grantline.streams.folds import Engine, Fold

TP = tuple[str, int]
WORKER_BOUNDS = Bounds()
_LEAST_HOT = 500
"""Hops that even one of very many partitions keeps as objects."""


class Hole(Exception):
    """Records were fetched but never reached the agent. The worker must start again from what is
    committed; going on would lose them.
    """


class Custody:
    """Cursors of every assigned partition, and the folds of the keyed ones."""

    def __init__(
        self,
        folds: Mapping[str, Callable[[int], Fold[Any]]],
        bounds: Bounds = WORKER_BOUNDS,
    ) -> None:
        """`folds`: keyed topic -> what makes the fold of one of its partitions. `bounds`: of all
        of them together.
        """
        self._make = folds
        self._bounds = bounds
        self._cursors: dict[TP, int] = {}
        self._folds: dict[TP, Fold[Any]] = {}
        self._waiting: dict[TP, int] = {}
        self.assigned_once = False

    @property
    def folds(self) -> Mapping[TP, Fold[Any]]:
        return self._folds

    @property
    def waiting(self) -> Mapping[TP, int]:
        """Keyed partitions that are ours and have no state yet, and what is committed of each."""
        return self._waiting

    def lacks_state(self, tp: TP) -> bool:
        """A keyed partition without state cannot be worked on, whosever it is."""
        return tp[0] in self._make and tp not in self._folds

    @property
    def ready(self) -> bool:
        """Every partition of the assignment is live; a worker without partitions is, too."""
        replaying = any(fold.replaying for fold in self._folds.values())
        return self.assigned_once and not self._waiting and not replaying

    def assign(self, assigned: Collection[TP], committed: Mapping[TP, int | None]) -> dict[TP, int]:
        """Takes the new assignment over; returns where to read on in what can be worked on at once.

        What is no longer assigned is dropped. A keyed partition that stays keeps its state and
        place, even where another worker had it in between: its state is a function of the log. One
        that is new waits until it is adopted.
        """
        for tp in [tp for tp in self._cursors if tp not in set(assigned)]:
            self.drop(tp)
        self._waiting = {tp: committed.get(tp) or 0 for tp in assigned if self.lacks_state(tp)}
        starts = {
            tp: self._start(tp, committed.get(tp) or 0)
            for tp in assigned
            if tp not in self._waiting
        }
        self._cursors.update(starts)
        self._share()
        self.assigned_once = True
        return starts

    def _start(self, tp: TP, committed: int) -> int:
        fold = self._folds.get(tp)
        if fold is None:
            return max(committed, self._cursors.get(tp, 0))
        # Never lowered: what was said stays said, whatever a late commit of another worker tells.
        fold.live_from = max(fold.live_from, committed)
        return fold.next_offset

    def make(self, tp: TP) -> Fold[Any]:
        """An empty fold for `tp`, within its bounds; nobody knows of it yet."""
        fold = self._make[tp[0]](tp[1])
        fold.engine.bound(self._fair_share())
        return fold

    def bound(self, engine: Engine[Any]) -> None:
        """Give an engine beside a fold the same bounds."""
        engine.bound(self._fair_share())

    def adopt(self, tp: TP, fold: Fold[Any], lowest: int) -> int:
        """Gives `tp`, which waits for it, its state; where to read on. `lowest`: first of the log."""
        committed = self._waiting.pop(tp)
        fold.next_offset = max(fold.next_offset, lowest)
        fold.live_from = max(fold.next_offset, committed)
        self._folds[tp] = fold
        self._cursors[tp] = fold.next_offset
        return fold.next_offset

    def _share(self) -> None:
        """Folds share what the worker may keep, evenly: keys are spread by a hash."""
        for fold in self._folds.values():
            fold.engine.bound(self._fair_share())

    def _fair_share(self) -> Bounds:
        folds = max(len(self._folds) + len(self._waiting), 1)
        return self._bounds._replace(
            hot=max(self._bounds.hot // folds, _LEAST_HOT), ceiling=self._bounds.ceiling // folds
        )

    def drop(self, tp: TP) -> None:
        self._cursors.pop(tp, None)
        self._folds.pop(tp, None)
        self._waiting.pop(tp, None)

    def take(self, tp: TP, delivery: Delivery) -> Sequence[Record]:
        """The records of `delivery` that are still to be worked through.

        None of them where the partition is no longer ours. Raises `Hole` when records before
        this delivery are missing, or the log was made anew under us. A gap inside the log itself
        (compaction, transactions) is none: the delivery says what it follows.
        """
        cursor = self._cursors.get(tp)
        if cursor is None:
            return ()
        if delivery.follows is not None and delivery.records[0].offset < delivery.follows:
            raise Hole(
                f"{tp[0]}[{tp[1]}]: read up to offset {delivery.follows}, but the next delivery "
                f"begins at {delivery.records[0].offset}: the log was cut or its topic made anew; "
                "the worker starts again"
            )
        if delivery.follows is not None and delivery.follows > cursor:
            raise Hole(
                f"{tp[0]}[{tp[1]}]: worked through up to offset {cursor}, but the next delivery "
                f"follows {delivery.follows}; the worker starts again from the committed offset"
            )
        if delivery.records[0].offset >= cursor:
            return delivery.records
        return [record for record in delivery.records if record.offset >= cursor]

    def done(self, tp: TP, next_offset: int) -> None:
        """Everything below `next_offset` is worked through."""
        if tp in self._cursors:
            self._cursors[tp] = max(next_offset, self._cursors[tp])

    def cursor(self, tp: TP) -> int | None:
        return self._cursors.get(tp)

    def committable(self, tp: TP) -> int | None:
        """The offset that may be committed, None for nothing.

        A fold that is being replayed stands below what is committed. Faust would not commit
        backwards, but it forgets what is committed while partitions are revoked.
        """
        fold = self._folds.get(tp)
        if fold is not None and fold.replaying:
            return None
        return self._cursors.get(tp) or None

    def held(self) -> Collection[TP]:
        """Every partition that is ours."""
        return self._cursors.keys()
