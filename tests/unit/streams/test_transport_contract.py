"""What our overrides take for granted in Faust, held here so that an upgrade cannot break it
in silence."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faust.transport import consumer as upstream
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, ConsumerMessage
from faust.worker import Worker

from grantline.streams import transport
from grantline.streams.merging import MergeScheduler
from grantline.streams.settings import WorkerSettings
from grantline.streams.worker import App, Process, build_app


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
        (Process._crash, Worker._crash),
        (transport.Consumer._commit, driver.Consumer._commit),
        (
            transport.Consumer._filter_tps_with_pending_acks,
            upstream.Consumer._filter_tps_with_pending_acks,
        ),
        (transport.Consumer._new_consumer_thread, driver.Consumer._new_consumer_thread),
        (
            transport.ConsumerThread._create_worker_consumer,
            driver.AIOKafkaConsumerThread._create_worker_consumer,
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
    assert type(app.consumer._thread) is transport.ConsumerThread
    assert type(app.consumer.scheduler) is MergeScheduler
    assert type(app.producer) is transport.Producer


def test_the_offset_to_commit_is_the_cursor(app: App) -> None:
    """Faust asks for pending partitions, then for the offset of each; both come from custody."""
    consumer: Any = app.consumer
    tp = TP("otlp_spans", 0)
    app.stakes.custody.assign({tp}, {tp: 5}, {})
    consumer._committed_offset[tp] = 5
    assert consumer._filter_committable_offsets(consumer._filter_tps_with_pending_acks()) == {}
    app.stakes.custody.done(tp, 9)
    pending = consumer._filter_tps_with_pending_acks()
    assert consumer._filter_committable_offsets(pending) == {tp: 9}
    assert list(consumer._filter_tps_with_pending_acks({"another"})) == []


def test_what_faust_skips_itself_is_not_committed(app: App) -> None:
    """Faust acknowledges events of an old generation that no agent has seen."""
    consumer: Any = app.consumer
    tp = TP("otlp_spans", 0)
    app.stakes.custody.assign({tp}, {tp: 5}, {})
    message = ConsumerMessage("otlp_spans", 0, 40, 0.0, 1, None, None, b"", None, tp=tp)
    consumer.track_message(message)
    message.incref()
    assert message.ack(consumer)
    assert message not in consumer.unacked
    assert app.stakes.custody.committable(tp) == 5


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


def test_faust_flushes_the_producer_before_it_commits() -> None:
    """Results must be safe before the input is committed; the source says so."""
    source = inspect.getsource(upstream.Consumer._commit_offsets)
    assert source.index("producer.flush()") < source.index("self._commit(")


def test_faust_merges_through_the_scheduler() -> None:
    assert "self.scheduler.iterate(records)" in inspect.getsource(upstream.Consumer.getmany)


def test_faust_seeks_through_perform_seek_when_partitions_were_assigned() -> None:
    from faust.tables.recovery import Recovery

    assert "consumer.perform_seek()" in inspect.getsource(Recovery._resume_streams)


def test_aiokafka_has_what_is_set_on_the_consumer() -> None:
    source = inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source
    assert "assignors=self._partition_assignment_strategy" in source
    assert issubclass(StickyPartitionAssignor, AbstractPartitionAssignor)


def test_records_of_every_compression_can_be_read() -> None:
    """Our producer writes lz4 and Collectors write zstd; aiokafka reads both only with the
    package cramjam, and without it fails at the first such record."""
    from aiokafka import codec

    assert codec.has_lz4()
    assert codec.has_zstd()
    assert codec.has_snappy()


def test_faust_is_of_the_minor_version_this_was_written_for() -> None:
    assert faust.__version__.startswith("0.15.")
