"""The keeper: takes snapshots of the folds in turn, and stores each once it is committed.

A snapshot holds what was said up to its offset. Stored before that offset is committed, it would
make a restarted worker believe that it had said what it had not: so a snapshot waits until the
broker has taken the commit, and what a killed worker had not stored is folded from the log. A commit
is taken from the holder of a partition only, so nobody overwrites what its next holder stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from grantline.streams.custody import TP, Custody
from grantline.streams.folds import Fold, Snapshot
from grantline.streams.metrics import Metrics
from grantline.streams.snapshots import Snapshots

log = logging.getLogger(__name__)


class Keeper:
    """Snapshots of what one worker holds."""

    def __init__(
        self,
        custody: Custody,
        snapshots: Snapshots,
        metrics: Metrics,
        committed: Callable[[TP], int],
        seconds: float,
    ) -> None:
        """`committed`: what the broker took. `seconds`: between two snapshots of one partition."""
        self._custody = custody
        self._snapshots = snapshots
        self._metrics = metrics
        self._committed = committed
        self._seconds = seconds
        self._waiting: dict[TP, tuple[Fold[Any], Snapshot]] = {}
        self._taken: dict[TP, int] = {}
        """The number of each partition's last snapshot: who waits longest is next."""
        self._number = 0
        self._turn = 0.0
        self._storing = asyncio.Lock()
        self._leaving = False

    async def tick(self, seconds: float) -> None:
        """`seconds` after the last one: take the snapshots whose turn it is, store what may be."""
        async with self._storing:
            if not self._leaving:
                self._take_turns(seconds)
                await self._store_committed()

    async def leave(self) -> None:
        """The worker ends in order, and still holds its partitions: store all that is committed,
        so that whoever holds them next begins there.
        """
        self._leaving = True
        async with self._storing:
            for tp, fold in list(self._custody.folds.items()):
                if fold.changed and self._committed(tp) >= fold.next_offset:
                    await self._store(tp, fold, fold.snapshot())

    def _take_turns(self, seconds: float) -> None:
        folds = self._custody.folds
        self._turn += len(folds) * seconds / self._seconds
        for tp in sorted(folds, key=lambda tp: (self._taken.get(tp, 0), tp)):
            if self._turn < 1:
                break
            if self._take(tp, folds[tp]):
                self._turn -= 1
        self._turn = min(self._turn, 1.0)

    async def _store_committed(self) -> None:
        for tp, (fold, snapshot) in list(self._waiting.items()):
            if self._leaving:
                return
            if self._custody.folds.get(tp) is not fold:
                del self._waiting[tp]
            elif self._committed(tp) >= snapshot.next_offset:
                del self._waiting[tp]
                await self._store(tp, fold, snapshot)

    def _take(self, tp: TP, fold: Fold[Any]) -> bool:
        if tp in self._waiting or not fold.changed:
            return False
        self._waiting[tp] = (fold, fold.snapshot())
        self._number += 1
        self._taken[tp] = self._number
        return True

    async def _store(self, tp: TP, fold: Fold[Any], snapshot: Snapshot) -> None:
        # One at a time: what is written is in memory twice.
        loop = asyncio.get_running_loop()
        try:
            size = await loop.run_in_executor(None, self._snapshots.write, *tp, snapshot)
        except OSError as why:
            log.warning(
                "no snapshot of %s[%d]: %s; a restart folds the log (see GRANTLINE_SNAPSHOT_DIR)",
                *tp,
                why,
            )
            self._metrics.count("grantline_snapshot_failures_total")
            return
        fold.kept_at = snapshot.next_offset
        self._metrics.count("grantline_snapshots_total")
        self._metrics.show("grantline_snapshot_bytes", size, topic=tp[0], partition=str(tp[1]))
