"""The consumer's thread: fetches by the delivery, commits with the topic's id, says what was taken.

Overrides of Faust's aiokafka driver, like `transport`, which it belongs to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from grantline.streams.assignor import TopicwiseStickyAssignor
from grantline.streams.merging import MergeScheduler
from grantline.streams.stakes import Stakes

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch that finds nothing."""


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
