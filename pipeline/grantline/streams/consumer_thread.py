"""The consumer's thread: fetches by the delivery, commits with the topic's id, says what was taken.

Overrides of Faust's aiokafka driver, like `transport`, which it belongs to.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiokafka
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from grantline.streams.assignor import TopicwiseStickyAssignor
from grantline.streams.merging import MergeScheduler
from grantline.streams.stakes import Stakes

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch that finds nothing."""
LEAVE_SECONDS = 5.0
"""How long a broker may take to let the consumer go; what is not committed is done again."""


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
        ends = await _high_watermarks(consumer, list(made)) if made else {}
        return {
            TP(*tp): believed(tp, made[tp], self._topic_ids.get(tp.topic, ""), ends.get(tp))
            if tp in made
            else 0
            for tp in assigned
        }

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        hand_on = coordinator._push_error_to_user  # noqa: SLF001

        async def told(why: Exception) -> None:
            # aiokafka keeps it for whoever next asks for records; Faust does not ask before it
            # has partitions, so that a worker that may not join its group would wait for ever.
            if isinstance(why, GroupAuthorizationFailedError):
                group = self.app.conf.id
                log.error(
                    "group %s: the broker does not let this user join it; give the worker's "
                    "principal READ on the group, or set GRANTLINE_APPLICATION to one it may join",
                    group,
                )
                await self.crash(why)
            await hand_on(why)

        coordinator._push_error_to_user = told  # noqa: SLF001

    async def on_thread_stop(self) -> None:
        """Faust waits a minute for a broker that does not answer."""
        try:
            await asyncio.wait_for(super().on_thread_stop(), LEAVE_SECONDS)
        except TimeoutError:
            log.warning(
                "the broker did not answer within %g s; the group learns by the session's end that "
                "this worker is gone", LEAVE_SECONDS,
            )  # fmt: skip

    def last_stable_offset(self, tp: TP) -> int | None:
        """Up to where the partition can be read: the first record of a transaction that is still
        open, else the end. None before the first fetch.
        """
        consumer = self._consumer
        if consumer is None or TopicPartition(*tp) not in consumer.assignment():
            return None
        return cast("int | None", consumer.last_stable_offset(TopicPartition(*tp)))

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
        """Faust hard-codes `fetch_max_wait_ms=1500`, a round-robin assignor, and that records of
        aborted and open transactions are read, too: what an exporter took back is no evidence.

        One fetch is in flight per broker, so a long poll on an idle derived topic holds up the
        busy source topic. And round-robin moves partitions without need when a worker joins or
        leaves; a partition that moves has to be restored. One strategy only: with several, aiokafka
        joins once for each (its issue 1168).
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
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
        try:
            first = await super()._fetch_records(consumer, active_partitions, timeout, 1)
        except TopicAuthorizationFailedError as why:
            log.error(  # noqa: TRY400 - the crash that follows shows where
                "topic %s: the broker does not let this user read it; give the worker's principal "
                "READ on the topic",
                *why.args[:1],
            )
            raise
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


async def _high_watermarks(
    consumer: aiokafka.AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Where the logs end. Asked at the consumer's own isolation level, the answer is where the
    first open transaction begins: a commit may be beyond that, in the very same log.
    """
    asking = copy.copy(consumer._fetcher)  # noqa: SLF001
    asking._isolation_level = READ_UNCOMMITTED  # noqa: SLF001
    ends: Mapping[TopicPartition, int] = await asking.end_offsets(
        list(partitions),
        consumer._request_timeout_ms,  # noqa: SLF001
    )
    return ends


def _fill(records: list[Any], fetched: FetchResult) -> None:
    """Unpacks until there is a delivery."""
    size = sum(len(record.value or b"") for record in records)
    while size < MergeScheduler.max_bytes and len(records) < MergeScheduler.max_records:
        record = fetched.getone()
        if record is None:
            return
        records.append(record)
        size += len(record.value or b"")
