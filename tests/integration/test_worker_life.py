"""A worker among brokers that go and topics that grow: it ends when it is told to, and reads what comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from grantline.streams.topics import ensure
from grantline.wire.frames import decode_hops
from tests.brokers import Broker
from tests.otlp import protobuf, span
from tests.stage import Stage, until

pytestmark = pytest.mark.timeout(300)

_PATIENCE_SECONDS = 10
"""What `docker stop` gives before it kills."""


@pytest.fixture
def stage(fresh_broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(fresh_broker.bootstrap, tmp_path, partitions=1)
    ensure(stage.settings)
    yield stage
    stage.close()


@pytest.mark.parametrize("at_work", [False, True], ids=["idle", "at work"])
def test_a_worker_whose_broker_is_gone_ends_within_ten_seconds(
    fresh_broker: Broker, stage: Stage, at_work: bool
) -> None:
    """What it could not deliver is not committed: the next one does it again."""
    worker = stage.worker("slow" if at_work else "real")
    until(lambda: worker.get("ready")[0] == 200, 60, "the worker")
    if at_work:
        stage.send(protobuf(span(number=n)) for n in range(1, 500))
        until(lambda: worker.figure("grantline_records_total") > 0, 60, "its work")
    fresh_broker.kill()
    time.sleep(1)
    began = time.monotonic()
    assert worker.stop(60) == 0
    assert "ended without a last commit" in worker.last_words()
    assert time.monotonic() - began < _PATIENCE_SECONDS, worker.last_words()


def test_partitions_that_are_added_to_an_input_are_read_within_a_minute(
    fresh_broker: Broker, stage: Stage
) -> None:
    worker = stage.worker()
    until(lambda: worker.get("ready")[0] == 200, 60, "the worker")
    admin = AdminClient({"bootstrap.servers": fresh_broker.bootstrap, "log_level": 0})
    for done in admin.create_partitions([NewPartitions(stage.input, 2)]).values():
        done.result(timeout=20)
    stage.hand_over(protobuf(span(number=7)), partition=1)
    stage.flush()
    log = stage.log_of(stage.settings.topics.hops)
    until(
        lambda: any(decode_hops(message.value() or b"") for message in log.read()),
        60,
        "the span of the new partition",
    )


def test_an_input_that_is_made_bears_the_brokers_clock_and_another_is_told_of(
    fresh_broker: Broker, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """When a span was taken in must not depend on the clock of who sent it."""
    made = f"{stage.input}-made"
    ensure(msgspec.structs.replace(stage.settings, input_topics=(made,)))
    admin = AdminClient({"bootstrap.servers": fresh_broker.bootstrap, "log_level": 0})
    asked = ConfigResource(ResourceType.TOPIC, made)
    until(lambda: made in admin.list_topics(timeout=10).topics, 20, "the topic")
    [answer] = admin.describe_configs([asked]).values()
    assert answer.result(timeout=20)["message.timestamp.type"].value == "LogAppendTime"
    ensure(stage.settings)
    assert f"topic {stage.input} has message.timestamp.type=CreateTime" in caplog.text
