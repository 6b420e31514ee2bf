"""The emitting library against the broker of this run: what is acknowledged is there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from grantline import emit
from grantline.emit.testing import fake_token
from tests.brokers import Broker

TOKEN = fake_token(iss="https://as.example", sub="u-1", client_id="planner", aud="a", jti="j-1")


def span_ids(bootstrap: str, topic: str, partitions: int, expected: int) -> list[bytes]:
    """Ids of all spans of a topic, read without a group (none of its rebalancing to wait for)."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "unused",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[bytes] = []
    until = time.monotonic() + 30
    while len(found) < expected and time.monotonic() < until:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        assert message.headers() == [("content-type", b"application/x-protobuf")]
        value = message.value()
        assert value is not None
        assert TOKEN.encode() not in value
        request = ExportTraceServiceRequest.FromString(value)
        found += [
            span.span_id for r in request.resource_spans for s in r.scope_spans for span in s.spans
        ]
    consumer.close()
    return found


def test_every_acknowledged_span_is_in_the_topic_once(
    broker: Broker, topic: Callable[..., str]
) -> None:
    name = topic("emit", partitions=3)
    dl = emit.Emitter(
        emit.Settings(service_name="planner", exporter=f"kafka://{broker.bootstrap}/{name}")
    )
    dl.grant(TOKEN, method="authorization_code")
    for _ in range(1999):
        dl.use("search", token=TOKEN)
    assert dl.flush(30)
    stats = dl.stats()
    dl.shutdown()
    assert (stats.emitted, stats.delivered, stats.lost) == (2000, 2000, 0)
    found = span_ids(broker.bootstrap, name, 3, 2000)
    assert len(found) == len(set(found)) == 2000


def test_a_topic_with_a_lower_limit_than_ours_still_gets_every_span(
    broker: Broker, topic: Callable[..., str]
) -> None:
    if broker.name.startswith("embedded"):
        pytest.skip("the embedded broker has no limit per topic")
    name = topic("small", max_message_bytes="3000")
    dl = emit.Emitter(
        emit.Settings(
            service_name="planner",
            exporter=f"kafka://{broker.bootstrap}/{name}",
            schedule_delay_ms=1000,
        )
    )
    # Random texts: what compresses well would fit after all.
    for _ in range(60):
        dl.use("search", token=TOKEN, purpose=secrets.token_hex(30))
        dl.grant(purpose=secrets.token_hex(30))
    assert dl.flush(30)
    stats = dl.stats()
    dl.shutdown()
    assert (stats.delivered, stats.dropped) == (120, {})
    assert len(set(span_ids(broker.bootstrap, name, 1, 120))) == 120


def test_grants_that_fail_closed_have_arrived_when_they_return(
    broker: Broker, topic: Callable[..., str]
) -> None:
    name = topic("closed")
    dl = emit.Emitter(
        emit.Settings(
            service_name="planner",
            exporter=f"kafka://{broker.bootstrap}/{name}",
            fail_closed=True,
        )
    )
    dl.grant(TOKEN)
    assert dl.stats().delivered == 1
    assert len(span_ids(broker.bootstrap, name, 1, 1)) == 1
    dl.shutdown()
