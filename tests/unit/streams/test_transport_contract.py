"""What our overrides take for granted in Faust, held here so that an upgrade cannot break it
in silence."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import aiokafka
import faust
import pytest
from aiokafka.consumer import group_coordinator
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport import consumer as upstream
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, ConsumerMessage
from faust.worker import Worker
from mode import Service

from grantline.streams import consumer_thread, transport
from grantline.streams.assignor import TopicwiseStickyAssignor
from grantline.streams.merging import MergeScheduler
from grantline.streams.settings import WorkerSettings
from grantline.streams.worker import App, Process, build_app
from tests.deliveries import Line


@pytest.fixture
def app(tmp_path: Path) -> App:
    settings = WorkerSettings(bootstrap="127.0.0.1:1", datadir=tmp_path, web_port=None)
    return build_app(settings)


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    "ours,theirs",
    [
        (transport.Consumer.ack, upstream.Consumer.ack),
        (transport.Consumer._add_gap, upstream.Consumer._add_gap),
        (transport.Consumer._new_offset, upstream.Consumer._new_offset),
        (transport.Consumer._wait_next_records, upstream.Consumer._wait_next_records),
        (transport.Consumer.perform_seek, upstream.Consumer.perform_seek),
        (transport.Consumer.wait_empty, upstream.Consumer.wait_empty),
        (transport.Consumer.commit, upstream.Consumer.commit),
        (
            transport.Consumer.commit_and_end_transactions,
            upstream.Consumer.commit_and_end_transactions,
        ),
        (Process._crash, Worker._crash),
        (Process._schedule_shutdown, Worker._schedule_shutdown),
        (transport.Consumer._commit, driver.Consumer._commit),
        (transport.Consumer._should_commit, upstream.Consumer._should_commit),
        (transport.Consumer.resume_partitions, upstream.Consumer.resume_partitions),
        (consumer_thread.ConsumerThread._commit, driver.AIOKafkaConsumerThread._commit),
        (
            consumer_thread.ConsumerThread.seek_to_committed,
            driver.AIOKafkaConsumerThread.seek_to_committed,
        ),
        (
            transport.Consumer._filter_tps_with_pending_acks,
            upstream.Consumer._filter_tps_with_pending_acks,
        ),
        (transport.Consumer._new_consumer_thread, driver.Consumer._new_consumer_thread),
        (
            consumer_thread.ConsumerThread._create_worker_consumer,
            driver.AIOKafkaConsumerThread._create_worker_consumer,
        ),
        (
            consumer_thread.ConsumerThread._fetch_records,
            driver.AIOKafkaConsumerThread._fetch_records,
        ),
        (transport.Producer.flush, driver.Producer.flush),
        (MergeScheduler.iterate, DefaultSchedulingStrategy.iterate),
    ],
    ids=lambda function: function.__qualname__,
)
def test_what_is_overridden_exists_with_the_same_parameters(
    ours: Callable[..., Any], theirs: Callable[..., Any]
) -> None:
    assert ours is not theirs
    assert _parameters(ours) == _parameters(theirs)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def test_faust_takes_our_transport_and_scheduler(app: App) -> None:
    """Both are found by name: a typo would leave Faust's own in place."""
    assert type(app.transport) is transport.Transport
    assert type(app.producer_transport) is transport.Transport
    assert type(app.consumer) is transport.Consumer
    assert type(app.consumer._thread) is consumer_thread.ConsumerThread
    assert type(app.consumer.scheduler) is MergeScheduler
    assert type(app.producer) is transport.Producer


def test_the_offset_to_commit_is_the_cursor(app: App) -> None:
    """Faust asks for pending partitions, then for the offset of each; both come from custody."""
    consumer: Any = app.consumer
    tp = TP("otlp_spans", 0)
    app.stakes.custody.assign({tp}, {tp: 5})
    consumer._thread.taken[tp] = 5
    assert consumer._filter_committable_offsets(consumer._filter_tps_with_pending_acks()) == {}
    app.stakes.custody.done(tp, 9)
    pending = consumer._filter_tps_with_pending_acks()
    assert consumer._filter_committable_offsets(pending) == {tp: 9}
    assert list(consumer._filter_tps_with_pending_acks({"another"})) == []


def test_what_faust_skips_itself_is_not_committed(app: App) -> None:
    """Faust acknowledges events of an old generation that no agent has seen."""
    consumer: Any = app.consumer
    tp = TP("otlp_spans", 0)
    app.stakes.custody.assign({tp}, {tp: 5})
    message = ConsumerMessage("otlp_spans", 0, 40, 0.0, 1, None, None, b"", None, tp=tp)
    consumer.track_message(message)
    message.incref()
    assert message.ack(consumer)
    assert message not in consumer.unacked
    assert app.stakes.custody.committable(tp) == 5


class _Refusing:
    """A consumer whose commits a rebalance came before."""

    def __init__(self, mine: set[TP]) -> None:
        self.mine = mine
        self.refuses = True
        self.commits: list[dict[Any, Any]] = []

    def assignment(self) -> set[TP]:
        return self.mine

    async def commit(self, commits: dict[Any, Any]) -> None:
        if self.refuses:
            raise CommitFailedError("the group has already rebalanced")
        self.commits.append(commits)


def test_a_commit_counts_once_the_broker_took_it(app: App) -> None:
    """Faust takes a refused one for made; it would not be tried again, and a snapshot stored ahead
    of what is committed. What a commit is for is beside it."""
    consumer: Any = app.consumer
    tp, lost = TP("otlp_spans", 0), TP("otlp_spans", 1)
    app.stakes.topic_ids = {"otlp_spans": "the-id"}
    broker = consumer._thread._consumer = _Refusing({tp})
    assert asyncio.run(consumer._thread._commit({tp: 9, lost: 9})) is False
    assert consumer.committed(tp) == 0
    assert consumer._should_commit(tp, 9)
    broker.refuses = False
    assert asyncio.run(consumer._thread._commit({tp: 9, lost: 9})) is True
    assert broker.commits == [{TopicPartition(*tp): OffsetAndMetadata(9, "the-id")}]
    assert (consumer.committed(tp), consumer.committed(lost)) == (9, 0)
    assert not consumer._should_commit(tp, 9)


@pytest.mark.parametrize(
    "commit,topic_id,end,holds",
    [
        ((9, "this"), "this", 9, 9),
        ((9, "another"), "this", 20, 0),
        ((9, "this"), "this", 4, 4),
        ((9, ""), "this", 4, 0),
        ((9, ""), "this", 9, 9),
        ((9, "this"), "", 9, 9),
        ((9, "this"), "this", None, 9),
        ((-1, ""), "this", None, 0),
    ],
    ids=[
        "of this log", "of a topic that was deleted", "the log lost its end",
        "beyond the end, and nobody knows of which log", "made by another tool",
        "the broker gives no ids", "the broker tells no end", "nothing is committed",
    ],
)  # fmt: skip
def test_how_much_of_a_commit_is_believed(
    commit: tuple[int, str], topic_id: str, end: int | None, holds: int
) -> None:
    assert consumer_thread.believed(("spans", 0), commit, topic_id, end) == holds


async def _crash(app: App) -> None:
    consumer: Any = app.consumer
    consumer.track_message(ConsumerMessage("otlp_spans", 0, 1, 0.0, 1, None, None, b"", None))
    app._crash(RuntimeError("on purpose"))
    assert not await consumer.commit()
    await consumer.wait_empty()
    await app.producer.flush()


def test_a_crashed_worker_waits_for_nobody(app: App) -> None:
    """Neither for an event whose agent is gone, nor for the thread that commits."""
    asyncio.run(asyncio.wait_for(_crash(app), 5))


async def _last_commit(app: App) -> list[str]:
    consumer: Any = app.consumer
    done: list[str] = []

    async def under_way() -> None:
        consumer._commit_fut = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.01)
        done.append("the one under way")
        former, consumer._commit_fut = consumer._commit_fut, None
        former.set_result(None)

    async def force_commit(*_: object, **__: object) -> bool:
        done.append("the last")
        return True

    consumer.force_commit = force_commit
    other = asyncio.create_task(under_way())
    await asyncio.sleep(0)
    await consumer.commit_and_end_transactions()
    await other
    return done


def test_the_last_commit_is_made_though_another_is_under_way(app: App) -> None:
    """Faust waits for the other one and makes none."""
    done = asyncio.run(asyncio.wait_for(_last_commit(app), 5))
    assert done == ["the one under way", "the last"]


def test_faust_flushes_the_producer_before_it_commits() -> None:
    """Results must be safe before the input is committed; the source says so."""
    source = inspect.getsource(upstream.Consumer._commit_offsets)
    assert source.index("producer.flush()") < source.index("self._commit(")


def test_a_flush_waits_for_what_is_gathered_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The offsets that are about to be committed stand behind it already."""
    done: list[str] = []

    async def flush(_: object) -> None:
        done.append("flushed")

    app.stakes.hand_on = lambda: done.append("handed on")
    monkeypatch.setattr(type(app.stakes.outlet), "flush", flush)
    asyncio.run(app.producer.flush())
    assert done == ["handed on", "flushed"]


def test_faust_merges_through_the_scheduler() -> None:
    assert "self.scheduler.iterate(records)" in inspect.getsource(upstream.Consumer.getmany)


def test_faust_seeks_through_perform_seek_when_partitions_were_assigned() -> None:
    from faust.tables.recovery import Recovery

    assert "consumer.perform_seek()" in inspect.getsource(Recovery._resume_streams)


def test_aiokafka_has_what_is_set_on_the_consumer() -> None:
    source = inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source
    assert "assignors=self._partition_assignment_strategy" in source


def test_our_assignor_is_in_the_place_of_fausts(app: App) -> None:
    async def made() -> list[Any]:
        theirs: Any = app.consumer
        consumer = theirs._thread._create_worker_consumer(app.transport)
        return list(consumer._partition_assignment_strategy)

    assert asyncio.run(made()) == [TopicwiseStickyAssignor]


def test_aiokafka_asks_of_an_assignor_what_ours_answers() -> None:
    """Its name is that of the protocol, and the message that of aiokafka's own: both may be in one
    group."""
    assert StickyPartitionAssignor.name == TopicwiseStickyAssignor.name == "sticky"
    assert StickyPartitionAssignor.metadata.__func__ is TopicwiseStickyAssignor.metadata.__func__
    for ours, theirs in (
        (TopicwiseStickyAssignor.assign, StickyPartitionAssignor.assign),
        (TopicwiseStickyAssignor.on_assignment, StickyPartitionAssignor.on_assignment),
    ):
        assert _parameters(ours) == _parameters(theirs)
    coordinator = inspect.getsource(group_coordinator)
    asked = set(re.findall(r"\bassignor\.(\w+)", coordinator))
    assert asked == {"name", "metadata", "assign", "on_assignment"}


def test_aiokafka_tells_what_stands_beside_a_commit() -> None:
    assert _parameters(GroupCoordinator.fetch_committed_offsets) == ["self", "partitions"]


def test_faust_leaves_its_group_after_it_said_that_it_will() -> None:
    """The last snapshots are stored in between: what is at hand is committed, the partitions ours."""
    stop = inspect.getsource(faust.App.on_stop)
    assert stop.index("self._stop_consumer()") < stop.index("self.on_before_shutdown.send()")
    assert "_consumer_wait_empty" in inspect.getsource(faust.App._stop_consumer)
    everything = inspect.getsource(Service.stop)
    assert everything.index("self.on_stop()") < everything.index("self._stop_children()")


def test_aiokafka_lets_go_of_what_was_fetched_as_we_do() -> None:
    """Another fetch of a partition begins only when nothing is left of the one before."""
    source = inspect.getsource(Fetcher.fetched_records)
    assert "if not res_or_error.has_more():" in source
    assert "del self._records[tp]" in source
    assert "self._notify(self._wait_consume_future)" in source
    assert "if tp in self._records:" in inspect.getsource(Fetcher._get_actions_per_node)


class Fetched:
    """What was fetched of one partition: values, unpacked one by one."""

    def __init__(self, *values: bytes) -> None:
        self._values = list(values)

    def getone(self) -> Line | None:
        return Line(0, self._values.pop(0)) if self._values else None

    def has_more(self) -> bool:
        return bool(self._values)


@pytest.mark.parametrize(
    "values,taken",
    [
        ([b"a"] * 3, 3),
        ([bytes(MergeScheduler.max_bytes // 2)] * 5, 2),
        ([b"a", bytes(MergeScheduler.max_bytes), b"b"], 2),
        ([b"a"] * (MergeScheduler.max_records + 5), MergeScheduler.max_records),
    ],
    ids=["all of little", "a delivery of much", "one that is larger", "a delivery of many"],
)
def test_a_poll_unpacks_a_delivery_of_each_partition(values: list[bytes], taken: int) -> None:
    records: list[Any] = []
    fetched = Fetched(*values)
    consumer_thread._fill(records, cast(Any, fetched))
    assert len(records) == taken
    assert fetched.has_more() == (taken < len(values))


def test_records_of_every_compression_can_be_read() -> None:
    """Our producer writes lz4 and Collectors write zstd; aiokafka reads both only with the
    package cramjam, and without it fails at the first such record."""
    from aiokafka import codec

    assert codec.has_lz4()
    assert codec.has_zstd()
    assert codec.has_snappy()


def test_faust_is_of_the_minor_version_this_was_written_for() -> None:
    assert faust.__version__.startswith("0.15.")
