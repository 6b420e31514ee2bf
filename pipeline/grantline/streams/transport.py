"""The transport: Faust's aiokafka driver with some of its decisions replaced.

Each override says what it replaces and why; `tests/unit/streams/test_transport_contract.py`
holds that the replaced methods still exist in Faust with the shape assumed here, because most of
them are private. Faust is held to one minor version for the same reason.

The offsets that are committed and the places where reading starts come from `Custody`; the
producer that is flushed before each commit is the `Outlet`. A commit bears the id of its topic, so
that one of a topic that was deleted is known as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from mode.utils.futures import notify

from grantline.streams.consumer_thread import ConsumerThread
from grantline.streams.merging import MergeScheduler
from grantline.streams.stakes import Stakes

SCHEME = "grantline"
"""URL scheme under which Faust finds this transport."""

PAUSED_SECONDS = 0.02
"""How long to wait when every partition is paused by back-pressure."""


class Consumer(driver.Consumer):
    """Commits what `Custody` says and starts reading where it says."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._seeking = asyncio.Lock()
        self._restoring: asyncio.Future[Any] | None = None
        super().__init__(*args, **options)

    @property
    def stakes(self) -> Stakes:
        return cast(Stakes, cast(Any, self.app).stakes)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Message) -> bool:
        """Faust keeps a list of acknowledged offsets to commit from. Events that it skips itself
        (their generation is over) are in it too, so committing from it loses records. Here an
        acknowledgement only says that the event is no longer being worked on.
        """
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        # Faust wakes a future that is usually None.
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        """Faust asks its list of acknowledgements; the cursors are asked here."""
        held = [TP(*tp) for tp in self.stakes.custody.held()]
        return iter([tp for tp in held if topics is None or tp in topics or tp.topic in topics])

    def _new_offset(self, tp: TP) -> int | None:
        """Faust looks for the first gap among acknowledged offsets: merged deliveries, compaction
        and transaction markers all look like gaps and stall the commit, and one unacknowledged
        record at the head is committed over (upstream issue 606). The cursor knows neither.
        """
        return self.stakes.custody.committable(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust remembers every gap in an interval tree that only `_new_offset` reads."""

    async def _wait_next_records(
        self,
        timeout: float,  # noqa: ASYNC109 (Faust's signature)
    ) -> tuple[Mapping[TP, list[Any]] | None, set[TP] | None]:
        """Faust sleeps a whole second when back-pressure has paused every partition."""
        if self.flow_active and not self._get_active_partitions() and not self.app.client_only:
            await self.sleep(PAUSED_SECONDS)
            return {}, self._get_active_partitions()
        return await super()._wait_next_records(timeout)

    async def perform_seek(self) -> None:
        """Faust seeks to the committed offsets. A keyed partition that stayed goes on where it was
        instead. One that is new here is held back and restored beside the others; then it is read
        from where its state ends. The commit never moves back, for it is of what is live only.
        """
        async with self._seeking:
            await super().perform_seek()
            assigned = self.assignment()
            custody = self.stakes.custody
            starts = custody.assign(assigned, {tp: self.committed(tp) for tp in assigned})
            await self._read_from(starts)
        if custody.waiting and (self._restoring is None or self._restoring.done()):
            self._restoring = self.add_future(self._restore())

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Faust resumes everything at the end of a rebalance; what has no state yet stays paused."""
        custody = self.stakes.custody
        super().resume_partitions({tp for tp in tps if not custody.lacks_state(tp)})

    async def _restore(self) -> None:
        """Until nothing waits for its state, one partition after the other; a rebalance may take
        away what waits, and bring more.
        """
        custody, restorer = self.stakes.custody, self.stakes.restorer
        while custody.waiting:
            tp = TP(*min(custody.waiting))
            fold = await restorer.build(tp)
            async with self._seeking:
                if tp not in custody.waiting:
                    continue
                try:
                    lowest = await self.earliest_offsets(tp)
                    if tp not in custody.waiting:
                        continue
                    start = restorer.adopt(tp, fold, lowest[tp])
                    await self._read_from({tp: start})
                except IllegalStateError:
                    continue  # a rebalance is under way; `perform_seek` comes after it
                self.resume_partitions({tp})

    async def _read_from(self, starts: Mapping[tuple[str, int], int]) -> None:
        targets = {TP(*tp): offset for tp, offset in starts.items()}
        for tp, offset in targets.items():
            cast(MergeScheduler, self.scheduler).rewind(tp, offset)
        # Offset 0 of a topic whose first records are gone is answered by the reset policy.
        if targets:
            await self.seek_wait(targets)

    def last_stable_offset(self, tp: tuple[str, int]) -> int | None:
        """Where an open transaction begins, or the end; None before the first fetch."""
        return cast(ConsumerThread, self._thread).last_stable_offset(TP(*tp))

    def committed(self, tp: tuple[str, int]) -> int:
        """What the broker took, or told us that it has; 0 for nothing yet."""
        return cast(ConsumerThread, self._thread).taken.get(TP(*tp), 0)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Faust goes by what it sent, whether the broker took it or not."""
        return offset > self.committed(tp)

    async def wait_empty(self) -> None:
        """Faust waits until every event is acknowledged. An agent that raised never does it."""
        if not self._crashed_somewhere:
            await super().wait_empty()

    async def commit(
        self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True
    ) -> bool:
        """After a crash the thread that commits may be gone, and Faust would wait for its answer
        for ever. What was not committed is done again.
        """
        if self._crashed_somewhere:
            return False
        return await super().commit(topics, start_new_transaction)

    async def commit_and_end_transactions(self) -> None:
        """The last commit, before partitions are given up. Where another is under way Faust waits
        for it and makes none: what was worked through since would be done again, and has no snapshot.
        """
        while not self._crashed_somewhere and await self.maybe_wait_for_commit_to_finish():
            pass
        await super().commit_and_end_transactions()

    @property
    def _crashed_somewhere(self) -> bool:
        return self.crashed or cast(faust.App, self.app).crashed

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done = await super()._commit(offsets)
        self.stakes.metrics.count(
            "grantline_commits_total" if done else "grantline_commit_failures_total"
        )
        return done


class Producer(driver.Producer):
    """Faust's own producer sends nothing here; its flush is the hook before every commit."""

    async def flush(self) -> None:
        """Faust calls this before each commit, with the offsets decided, and when partitions are
        revoked. Everything that was worked through so far has reached the broker when this
        returns; a delivery that failed raises, so that nothing is committed and the worker starts
        again.
        """
        if cast(faust.App, self.app).crashed:
            return  # nothing is committed any more
        await super().flush()
        stakes = cast(Stakes, cast(Any, self.app).stakes)
        stakes.hand_on()
        await stakes.outlet.flush()


class Transport(driver.Transport):
    """aiokafka, with the classes above."""

    Consumer = Consumer
    Producer = Producer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"

__all__ = ["SCHEME", "Consumer", "Producer", "Transport"]
