"""The transport: Faust's aiokafka driver with some of its decisions replaced.

Each override says what it replaces and why; `tests/unit/streams/test_transport_contract.py`
holds that the replaced methods still exist in Faust with the shape assumed here, because most of
them are private. Faust is held to one minor version for the same reason.

The offsets that are committed and the places where reading starts come from `Custody`; the
producer that is flushed before each commit is the `Outlet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import aiokafka
import faust
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from mode.utils.futures import notify

from grantline.streams.custody import Custody
from grantline.streams.merging import MergeScheduler
from grantline.streams.metrics import Metrics
from grantline.streams.outlet import Outlet

SCHEME = "grantline"
"""URL scheme under which Faust finds this transport."""

FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch that finds nothing."""
PAUSED_SECONDS = 0.02
"""How long to wait when every partition is paused by back-pressure."""


class Stakes:
    """What the transport needs of the worker; set on the app as `stakes` before it starts."""

    def __init__(self, custody: Custody, outlet: Outlet, metrics: Metrics) -> None:
        self.custody = custody
        self.outlet = outlet
        self.metrics = metrics


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """Faust hard-codes `fetch_max_wait_ms=1500` and a round-robin assignor.

        One fetch is in flight per broker, so a long poll on an idle derived topic holds up the
        busy source topic. And round-robin moves partitions without need when a worker joins or
        leaves; a partition that moves has to be folded again from its beginning.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        consumer._partition_assignment_strategy = [StickyPartitionAssignor]  # noqa: SLF001
        return consumer


class Consumer(driver.Consumer):
    """Commits what `Custody` says and starts reading where it says."""

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
        """Faust seeks to the committed offsets. A keyed partition that is new here is read from
        its beginning instead, because its state is folded from the log; one that stayed goes on
        where it was. The commit never moves back: Faust commits only beyond what is committed.
        """
        await super().perform_seek()
        assigned = self.assignment()
        custody = self.stakes.custody
        unfolded = [TP(*tp) for tp in custody.unfolded(assigned)]
        lowest = await self.earliest_offsets(*unfolded) if unfolded else {}
        starts = custody.assign(
            assigned,
            {tp: self._committed_offset[tp] for tp in assigned},
            {TP(tp.topic, tp.partition): offset for tp, offset in lowest.items()},
        )
        scheduler = cast(MergeScheduler, self.scheduler)
        targets = {TP(*tp): start.offset for tp, start in starts.items()}
        for tp, offset in targets.items():
            scheduler.rewind(tp, offset)
        # Offset 0 of a topic whose first records are gone is answered by the reset policy.
        await self.seek_wait(targets)

    def committed(self, tp: tuple[str, int]) -> int | None:
        """The offset that the broker was last told, or told us; None for none yet."""
        offset: int | None = self._committed_offset.get(TP(*tp))
        return offset

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
        """Faust calls this before each commit and when partitions are revoked. Everything that
        was handed to the outlet so far has reached the broker when this returns; a delivery that
        failed raises, so that nothing is committed and the worker starts again.
        """
        if cast(faust.App, self.app).crashed:
            return  # nothing is committed any more
        await super().flush()
        stakes = cast(Stakes, cast(Any, self.app).stakes)
        await stakes.outlet.flush()


class Transport(driver.Transport):
    """aiokafka, with the classes above."""

    Consumer = Consumer
    Producer = Producer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"

__all__ = ["SCHEME", "Consumer", "ConsumerThread", "Producer", "Stakes", "Transport"]
