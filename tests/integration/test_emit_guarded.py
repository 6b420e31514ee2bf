"""An agent on a Kafka that asks who it is: the variable of every process, and nothing in the log."""

from __future__ import annotations

import json
import logging
import time
import uuid

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclOperation,
    AdminClient,
    ResourceType,
)

from grantline.emit import Emitter, Settings
from tests.brokers import create_topic
from tests.brokers.guarded import PASSWORD, GuardedKafka
from tests.unit.emit.vectors import T0, T1


@pytest.fixture
def topic(kafka: GuardedKafka) -> str:
    name = f"spans-{uuid.uuid4().hex[:8]}"
    create_topic(kafka.bootstrap, name, 1)
    kafka.allow(ResourceType.TOPIC, name, AclOperation.WRITE)
    client = AdminClient({**kafka.security, "bootstrap.servers": kafka.guarded, "log_level": 0})
    until = time.monotonic() + 20
    while client.list_topics(name, timeout=10).topics[name].error and time.monotonic() < until:
        time.sleep(0.1)  # the broker takes a moment to apply a right it has taken down
    return name


def told(dl: Emitter) -> None:
    dl.grant(T0)
    dl.delegate(T1, subject_token=T0)


def records(kafka: GuardedKafka, topic: str) -> int:
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    message = consumer.poll(20)
    consumer.close()
    return int(message is not None and not message.error())


def test_the_variable_that_the_worker_reads_lets_an_agent_in(
    kafka: GuardedKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", kafka.kafka)
    monkeypatch.setenv("GRANTLINE_EXPORTER", f"kafka://{kafka.guarded}/{topic}")
    dl = Emitter(Settings(service_name="booker"))
    told(dl)
    assert dl.flush(20)
    dl.shutdown()
    assert (dl.stats().delivered, dl.stats().lost) == (2, 0)
    assert records(kafka, topic) == 1


def test_without_it_or_with_a_wrong_password_nothing_gets_in_and_nothing_is_told_of_it(
    kafka: GuardedKafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {**kafka.security, "sasl.password": PASSWORD[::-1]}
    for security in ({}, wrong):
        dl = Emitter(
            Settings(
                service_name="booker",
                exporter=f"kafka://{kafka.guarded}/{topic}",
                kafka=security,
                export_timeout=3,
                exit_timeout=1,
            )
        )
        told(dl)
        assert not dl.flush(10)
        dl.shutdown()
        assert (dl.stats().delivered, dl.stats().lost) == (0, 2)
    assert PASSWORD[::-1] not in caplog.text
    assert json.dumps(wrong) not in caplog.text
    assert "Kafka: _AUTHENTICATION" in caplog.text
