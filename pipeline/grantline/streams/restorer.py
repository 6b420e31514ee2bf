"""The restorer: gives keyed partitions that are new here their state, from a snapshot where one fits.

Reading and unpacking happen beside the event loop, one partition after the other: those that have
their state are worked on meanwhile. Says, once all are live, what came from where.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from grantline.streams.custody import TP, Custody
from grantline.streams.folds import Engine, Fold, Snapshot
from grantline.streams.policy_change import PolicyChange


class Restorer:
    """Restores what one worker's custody waits for."""

    def __init__(
        self,
        custody: Custody,
        recall: Callable[[str, int], Snapshot | None],
        former: Callable[[str, int], Engine[Any] | None] = lambda _topic, _partition: None,
    ) -> None:
        """`recall`: what finds the snapshot of a partition. `former`: an engine under the policy by
        which its log was judged so far, where that was another one.
        """
        self._custody = custody
        self._recall = recall
        self._former = former
        self._began = 0.0
        self._partitions = 0
        self._from_snapshots = 0
        self._spared = 0
        self._folded = 0

    async def build(self, tp: TP) -> Fold[Any]:
        """The state of `tp` as far as a snapshot has it; nobody knows of it yet."""
        if not self._partitions:
            self._began = time.monotonic()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._build, tp, self._custody.waiting[tp])

    def adopt(self, tp: TP, fold: Fold[Any], lowest: int) -> int:
        """Hands the state over; where to read on. `lowest` is the first offset of the log."""
        start = self._custody.adopt(tp, fold, lowest)
        self._partitions += 1
        self._from_snapshots += fold.kept_at > 0
        self._spared += max(fold.kept_at - lowest, 0)
        self._folded += max(fold.live_from - start, 0)
        return start

    def report(self) -> str | None:
        """What was restored since the last report, in words; None for nothing."""
        if not self._partitions:
            return None
        words = (
            f"state of {self._partitions} partitions rebuilt in "
            f"{time.monotonic() - self._began:.1f} s: {self._from_snapshots} from snapshots, which "
            f"spared {self._spared} records; {self._folded} records were folded again"
        )
        self._partitions = self._from_snapshots = self._spared = self._folded = 0
        return words

    def _build(self, tp: TP, committed: int) -> Fold[Any]:
        fold = self._custody.make(tp)
        snapshot = self._recall(*tp)
        # What lies beyond the commit was perhaps never said: it has to be folded anew.
        if snapshot is not None and snapshot.next_offset <= committed:
            fold.restore(snapshot)
        elif (former := self._former(*tp)) is not None:
            self._custody.bound(former)
            fold.change = PolicyChange(former)
        return fold
