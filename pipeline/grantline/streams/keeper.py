"""The keeper: takes snapshots of the folds in turn, and stores each once it is committed.

A snapshot holds what was said up to its offset. Stored before that offset is committed, it would
make a restarted worker believe that it had said what it had not: so a snapshot waits for the
commit, and what a killed worker had not stored is folded from the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from grantline.streams.custody import TP, Custody
from grantline.streams.folds import Snapshot
from grantline.streams.metrics import Metrics
from grantline.streams.snapshots import Snapshots

log = logging.getLogger(__name__)

_LEAST_RECORDS = 20
"""A partition that took in fewer records since its last snapshot is folded as fast as loaded."""


class Keeper:
    """Snapshots of what one worker holds."""

    def __init__(
        self,
        custody: Custody,
        snapshots: Snapshots,
        metrics: Metrics,
        committed: Callable[[TP], int | None],
        seconds: float,
    ) -> None:
        """`seconds`: between two snapshots of one partition."""
        self._custody = custody
        self._snapshots = snapshots
        self._metrics = metrics
        self._committed = committed
        self._seconds = seconds
        self._waiting: dict[TP, Snapshot] = {}
        self._stored: dict[TP, int] = {}
        self._turn = 0.0

    async def tick(self, seconds: float) -> None:
        """`seconds` after the last one: take the snapshots whose turn it is, store what may be."""
        folds = self._custody.folds
        self._turn += len(folds) * seconds / self._seconds
        for tp in sorted(folds, key=lambda tp: (self._stored.get(tp, -1), tp)):
            if self._turn < 1:
                break
            if self._take(tp):
                self._turn -= 1
        self._turn = min(self._turn, 1.0)
        for tp, snapshot in list(self._waiting.items()):
            if tp not in folds:
                del self._waiting[tp]
            elif (self._committed(tp) or 0) >= snapshot.next_offset:
                del self._waiting[tp]
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, self._store, tp, snapshot)

    def leave(self) -> None:
        """The worker ends in order: store all that is committed, so that the next one begins at
        once.
        """
        for tp, fold in self._custody.folds.items():
            if not fold.replaying and (self._committed(tp) or 0) >= fold.next_offset:
                self._store(tp, fold.snapshot())

    def _take(self, tp: TP) -> bool:
        fold = self._custody.folds[tp]
        since = fold.next_offset - self._stored.get(tp, 0)
        if fold.replaying or tp in self._waiting or since < _LEAST_RECORDS:
            return False
        self._waiting[tp] = fold.snapshot()
        return True

    def _store(self, tp: TP, snapshot: Snapshot) -> None:
        try:
            size = self._snapshots.write(*tp, snapshot)
        except OSError as why:
            log.warning("no snapshot of %s[%d]: %s; a restart folds the log", *tp, why)
            self._metrics.count("grantline_snapshot_failures_total")
            return
        self._stored[tp] = snapshot.next_offset
        self._metrics.count("grantline_snapshots_total")
        self._metrics.show("grantline_snapshot_bytes", size, topic=tp[0], partition=str(tp[1]))
