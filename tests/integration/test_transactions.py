"""Spans that came in Kafka's transactions: what was taken back is no evidence, what is open is waited for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from grantline.streams.topics import ensure
from grantline.wire.frames import decode_hops
from tests.brokers import Broker
from tests.otlp import protobuf, span
from tests.processes import Worker
from tests.stage import Log, Stage, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    if not broker.restartable:
        pytest.skip(f"no transactions with {broker.name}")
    stage = Stage(broker.bootstrap, tmp_path, partitions=1)
    ensure(stage.settings)
    yield stage
    stage.close()


@pytest.fixture
def transactions(stage: Stage) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": stage.bootstrap,
            "transactional.id": f"exporter-{uuid.uuid4().hex[:8]}",
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    return producer


def _begin(stage: Stage, producer: Producer, number: int) -> None:
    producer.begin_transaction()
    producer.produce(stage.input, protobuf(span(number=number)))
    producer.flush(30)


def _spans(log: Log) -> list[str]:
    """The ids of the spans that were handed on, without their leading zeros."""
    return [
        hop.span_id.lstrip("0")
        for message in log.read()
        for hop in decode_hops(message.value() or b"")
    ]


def _says(worker: Worker, words: str, seconds: float = 60) -> None:
    until(lambda: words in worker.log.read_text(errors="replace"), seconds, words)


def test_only_what_was_committed_is_read(stage: Stage, transactions: Producer) -> None:
    for number, end in ((1, "commit"), (2, "abort"), (3, "commit")):
        _begin(stage, transactions, number)
        getattr(transactions, f"{end}_transaction")(30)
    stage.send([protobuf(span(number=4))])
    stage.worker()
    log = stage.log_of(stage.settings.topics.hops)
    until(lambda: "4" in _spans(log), 60, "the last span")
    assert _spans(log) == ["1", "3", "4"]


def test_an_open_transaction_is_waited_for_and_told(stage: Stage, transactions: Producer) -> None:
    """With the partition and the place; what came before it is judged meanwhile."""
    stage.send([protobuf(span(number=1))])
    _begin(stage, transactions, 2)
    stage.send([protobuf(span(number=3))])
    worker = stage.worker("impatient")
    log = stage.log_of(stage.settings.topics.hops)
    until(lambda: _spans(log) == ["1"], 60, "the first span")
    _says(worker, f"{stage.input}[0] is held back at offset 1 by a transaction")
    _says(worker, "2 records wait behind it")
    assert _spans(log) == ["1"]
    transactions.commit_transaction(30)
    until(lambda: _spans(log) == ["1", "2", "3"], 30, "what waited")


def test_what_was_committed_beyond_an_open_transaction_is_not_read_again(
    stage: Stage, transactions: Producer
) -> None:
    """A worker of before read on through what was open: its commit is beyond the last stable
    offset, and still of this log.
    """
    stage.send([protobuf(span(number=1))])
    _begin(stage, transactions, 2)
    stage.send([protobuf(span(number=3))])
    before = Consumer(
        {"bootstrap.servers": stage.bootstrap, "group.id": stage.settings.application}
    )
    before.commit(offsets=[TopicPartition(stage.input, 0, 3)], asynchronous=False)
    before.close()
    worker = stage.worker()
    log = stage.log_of(stage.settings.topics.hops)
    until(lambda: worker.get("ready")[0] == 200, 60, "the worker")
    time.sleep(2)
    transactions.abort_transaction(30)
    stage.send([protobuf(span(number=4))])
    until(lambda: "4" in _spans(log), 60, "the next span")
    assert _spans(log) == ["4"]
    assert "read from" not in worker.log.read_text(errors="replace")
