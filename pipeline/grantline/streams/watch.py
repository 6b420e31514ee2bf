"""The watch: looks at each partition once a second and tells what it sees.

Has the time told where a log is read to its end, tells the progress of a replay in the log, sets the
gauges, and says what holds the worker up. Reads only; what it finds is acted on elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import cast

import faust
from faust.types import TP

from grantline.streams.merging import MergeScheduler
from grantline.streams.restorer import Restorer
from grantline.streams.topology import Agents
from grantline.streams.transport import Consumer

log = logging.getLogger(__name__)

_TELL_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_IDLE_SECONDS = 30.0
"""Without a partition, after which, and then each time, a worker says so."""
_HELD_SECONDS = 30.0
"""The same for a partition that an open transaction holds back."""


class Watch:
    """Watches one app."""

    def __init__(self, app: faust.App, agents: Agents, restorer: Restorer) -> None:
        self._app = app
        self._agents = agents
        self._restorer = restorer
        self._told = 0.0
        self._shed = 0
        self._idle_told = time.monotonic()
        self._held: dict[TP, tuple[int, float]] = {}
        """Partition -> where an open transaction holds it back, and when that was first seen, or
        last told."""

    async def look(self) -> None:
        """One look at everything that is ours."""
        custody = self._agents.custody
        if not custody.assigned_once:
            self._tell_idle()
        if self._app.rebalancing:
            return
        consumer = cast(Consumer, self._app.consumer)
        lag: dict[TP, int] = {}
        for tp in [TP(*tp) for tp in custody.held()]:
            end = await self._end(consumer, tp)
            cursor = custody.cursor(tp)
            if end is None or cursor is None:
                continue
            lag[tp] = max(end - cursor, 0)
            self._tell_held(consumer, tp, cursor, lag[tp])
            if end == cursor:
                self._agents.tell_time(tp)
        self._show(lag)
        self._tell()

    def _tell_idle(self) -> None:
        now = time.monotonic()
        if now - self._idle_told >= _IDLE_SECONDS:
            self._idle_told = now
            log.warning(
                "no partitions yet: group %s has given this worker none; is the group still being "
                "joined, does the broker answer, and may this user READ the group and the topics? "
                "Waiting for it", self._app.conf.id,
            )  # fmt: skip

    def _tell_held(self, consumer: Consumer, tp: TP, cursor: int, lag: int) -> None:
        """Nothing behind the first record of an open transaction is readable, whoever sent it."""
        stable = consumer.last_stable_offset(tp)
        if not lag or stable is None or stable > cursor or consumer.highwater(tp) <= stable:
            self._held.pop(tp, None)
            return
        now = time.monotonic()
        at, since = self._held.get(tp, (-1, 0.0))
        if at != stable:
            self._held[tp] = (stable, now)
        elif now - since >= _HELD_SECONDS:
            self._held[tp] = (stable, now)
            topic, partition = tp
            log.warning(
                "%s[%d] is held back at offset %d by a transaction that its producer has neither "
                "committed nor aborted: %d records wait behind it. It ends with the producer's "
                "transaction.timeout.ms; to see whose it is: kafka-transactions.sh describe-producers "
                "--topic %s --partition %d; to end it: kafka-transactions.sh abort --topic %s "
                "--partition %d --start-offset %d",
                topic, partition, stable, lag, topic, partition, topic, partition, stable,
            )  # fmt: skip

    async def _end(self, consumer: Consumer, tp: TP) -> int | None:
        """The offset that `Custody`'s cursor has when nothing is left to read; None if unknown.

        The end of the log is not enough: its last offsets may be markers of transactions, which
        no reader is ever given. Where the fetcher has passed them, what was handed out is all.
        """
        high = consumer.highwater(tp)
        handed = cast(MergeScheduler, consumer.scheduler).handed(tp)
        # Faust's annotation says int; before the first fetch there is none.
        if handed is None or cast("int | None", high) is None:
            return None
        if handed >= high:
            return handed
        try:
            position = await asyncio.wait_for(consumer.position(tp), _ANSWER_SECONDS)
        except TimeoutError:
            return None
        return handed if position is not None and position >= high else high

    def _show(self, lag: Mapping[TP, int]) -> None:
        """All at once: who asks in between would find gauges gone."""
        custody, metrics = self._agents.custody, self._agents.metrics
        metrics.forget("grantline_lag_records")
        for (topic, partition), records in lag.items():
            metrics.show("grantline_lag_records", records, topic=topic, partition=str(partition))
        metrics.forget("grantline_live")
        metrics.forget("grantline_replay_remaining_records")
        live: Counter[tuple[str, str]] = Counter()
        for (topic, partition), fold in custody.folds.items():
            for kind, number in fold.engine.stats().items():
                live[topic, kind] += number
            metrics.show(
                "grantline_replay_remaining_records", max(fold.live_from - fold.next_offset, 0),
                topic=topic, partition=str(partition),
            )  # fmt: skip
        for (topic, kind), number in live.items():
            metrics.show("grantline_live", number, topic=topic, kind=kind)
        self._tell_shed(sum(number for (_, kind), number in live.items() if kind == "shed"))

    def _tell_shed(self, shed: int) -> None:
        if shed > self._shed:
            log.warning(
                "live state is above memory_ceiling_mb: %d chains and tokens, those that end first, "
                "were let go before their time, and what still comes of them is judged without them; "
                "raise the ceiling, add workers or lower the policy's lateness_seconds",
                shed - self._shed,
            )  # fmt: skip
        self._shed = shed

    def _tell(self) -> None:
        """Progress of what is restored, in the log, and how it came out."""
        custody = self._agents.custody
        if custody.ready:
            if (words := self._restorer.report()) is not None:
                log.info("%s", words)
            return
        if not custody.assigned_once:
            return
        replaying = [fold for fold in custody.folds.values() if fold.replaying]
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            left = sum(fold.live_from - fold.next_offset for fold in replaying)
            done = sum(fold.next_offset for fold in replaying)
            log.info(
                "rebuilding state: %d of %d records folded; partitions to go: %d, and %d unread",
                done, done + left, len(replaying), len(custody.waiting),
            )  # fmt: skip
