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
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aiokafka
import faust
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from mode.utils.futures import notify

from grantline.streams.assignor import TopicwiseStickyAssignor
from grantline.streams.custody import Custody
from grantline.streams.merging import MergeScheduler
from grantline.streams.metrics import Metrics
from grantline.streams.outlet import Outlet
from grantline.streams.restorer import Restorer

log = logging.getLogger(__name__)

SCHEME = "grantline"
"""URL scheme under which Faust finds this transport."""

FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch that finds nothing."""
PAUSED_SECONDS = 0.02
"""How long to wait when every partition is paused by back-pressure."""


@dataclass(kw_only=True)
class Stakes:
    """What the transport needs of the worker; set on the app as `stakes` before it starts."""

    custody: Custody
    outlet: Outlet
    metrics: Metrics
    restorer: Restorer
    hand_on: Callable[[], None]
    """Hands everything to the outlet that its input was worked through for."""
    topic_ids: Mapping[str, str]


def believed(tp: tuple[str, int], commit: tuple[int, str], topic_id: str, end: int | None) -> int:
    """How much of a commit (offset, and the id of the topic it was made for) holds for this log,
    which ends at `end`: none where the topic was made anew, and nothing beyond the end.
    """
    offset, made_for = commit
    if offset > 0 and made_for and topic_id and made_for != topic_id:
        log.warning(
            "%s[%d] was made anew since %d was committed: read from its beginning", *tp, offset
        )
        return 0
    if end is not None and offset > end:
        # Of another log, as far as anybody can tell, unless the commit says that it is of this one.
        known = end if made_for and made_for == topic_id else 0
        log.warning("%s[%d] ends at %d, but %d is committed: read from %d", *tp, end, offset, known)
        return known
    return max(offset, 0)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker."""

    def __init__(self, consumer: driver.Consumer, **options: Any) -> None:
        self.taken: dict[TP, int] = {}
        """What the broker took, or had when the partition was assigned."""
        super().__init__(consumer, **options)

    @property
    def _topic_ids(self) -> Mapping[str, str]:
        return cast(Stakes, cast(Any, self.app).stakes).topic_ids

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust asks for each offset by itself and has no use for what is committed beside it.
        Nothing is sought here: `Consumer.perform_seek` does, to where custody says.
        """
        found: Mapping[TP, int] = await self.call_thread(self._find_committed)
        self.taken.update(found)
        return found

    async def _find_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        assigned = list(consumer.assignment())
        commits: Mapping[Any, OffsetAndMetadata] = (
            await consumer._coordinator.fetch_committed_offsets(assigned)  # noqa: SLF001
        )
        made = {tp: commit for tp, commit in commits.items() if commit.offset > 0}
        ends = await consumer.end_offsets(list(made)) if made else {}
        return {
            TP(*tp): believed(tp, made[tp], self._topic_ids.get(tp.topic, ""), ends.get(tp))
            if tp in made
            else 0
            for tp in assigned
        }

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Faust commits without the topic's id, and takes a refused commit for one that was made.

        Refused by a rebalance, it is no fault; whatever else stands in the way ends the worker.
        """
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        commits = {
            TopicPartition(*tp): OffsetAndMetadata(offset, self._topic_ids.get(tp.topic, ""))
            for tp, offset in mine.items()
        }
        try:
            await self._ensure_consumer().commit(commits)
        except Exception as why:
            if isinstance(why, CommitFailedError) and "already rebalanced" in str(why):
                return False
            log.exception("the commit failed")
            await self.crash(why)
            return False
        now = asyncio.get_running_loop().time()
        self.tp_last_committed_at.update(dict.fromkeys(mine, now))
        self.taken.update(mine)
        return True

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """Faust hard-codes `fetch_max_wait_ms=1500` and a round-robin assignor.

        One fetch is in flight per broker, so a long poll on an idle derived topic holds up the
        busy source topic. And round-robin moves partitions without need when a worker joins or
        leaves; a partition that moves has to be restored. One strategy only: with several, aiokafka
        joins once for each (its issue 1168).
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        consumer._partition_assignment_strategy = [TopicwiseStickyAssignor]  # noqa: SLF001
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 (Faust's signature)
        max_records: int | None = None,  # noqa: ARG002
    ) -> dict[TP, list[Any]]:
        """Faust takes out all that was fetched, which unpacks it: a backlog of spans becomes ten
        times what `fetch_bytes` says, in every partition at once. Here each partition gives about
        a delivery; the rest stays as it came, and its partition is not fetched from meanwhile.
        """
        first = await super()._fetch_records(consumer, active_partitions, timeout, 1)
        if not first:
            return {}
        taken = dict(first)
        fetcher = consumer._fetcher  # noqa: SLF001
        waiting = fetcher._records  # noqa: SLF001
        for tp in [tp for tp in waiting if tp in active_partitions]:
            # Anything else is an error: the next call raises it, where no records go before.
            if isinstance(fetched := waiting[tp], FetchResult):
                _fill(taken.setdefault(tp, []), fetched)
                if not fetched.has_more():
                    del waiting[tp]
                    fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001
        return {tp: records for tp, records in taken.items() if records}


def _fill(records: list[Any], fetched: FetchResult) -> None:
    """Unpacks until there is a delivery."""
    size = sum(len(record.value or b"") for record in records)
    while size < MergeScheduler.max_bytes and len(records) < MergeScheduler.max_records:
        record = fetched.getone()
        if record is None:
            return
        records.append(record)
        size += len(record.value or b"")


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

__all__ = ["SCHEME", "Consumer", "ConsumerThread", "Producer", "Stakes", "Transport"]
