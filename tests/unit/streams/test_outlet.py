"""The outlet against librdkafka's own in-process broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from grantline.streams import outlet as outlets
from grantline.streams.metrics import Metrics
from grantline.streams.outgoing import Outgoing
from grantline.streams.outlet import NotDelivered, Outlet


@pytest.fixture
def bootstrap() -> Iterator[str]:
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused"})
    brokers = cluster.list_topics(timeout=10).brokers
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
    del cluster


def _record(number: int, partition: int = 0) -> Outgoing:
    return Outgoing("t", partition, b"k", str(number).encode(), [("n", str(number))])


def test_what_was_flushed_is_there(bootstrap: str) -> None:
    """After a flush every record is in the partition it was addressed to, in order."""
    outlet = Outlet(bootstrap, 10, Metrics())

    async def produce() -> None:
        for number in range(50):
            await outlet.room()
            outlet.send(_record(number, number % 2))
        await outlet.flush()
        await outlet.flush()

    asyncio.run(produce())
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g"})
    consumer.assign([TopicPartition("t", 1, 0)])
    values = [message.value() for message in consumer.consume(25, timeout=10)]
    consumer.close()
    assert values == [str(number).encode() for number in range(1, 50, 2)]


def test_a_record_that_cannot_be_delivered_fails_flush_and_room() -> None:
    """Nothing may be committed after it."""
    metrics = Metrics()
    outlet = Outlet("127.0.0.1:1", 1, metrics)
    outlet.send(_record(1))
    with pytest.raises(NotDelivered, match=r"t\[0\] did not take a record: .*timed out"):
        asyncio.run(asyncio.wait_for(outlet.flush(), 15))
    with pytest.raises(NotDelivered):
        asyncio.run(outlet.room())
    assert metrics.value("grantline_produce_failures_total", topic="t") == 1


def test_a_flush_waits_only_for_what_was_sent_before_it(bootstrap: str) -> None:
    """A busy agent cannot keep a commit waiting for ever."""
    outlet = Outlet(bootstrap, 10, Metrics())

    async def busy() -> None:
        number = 0
        while True:
            outlet.send(_record(number))
            number += 1
            await asyncio.sleep(0)

    async def run() -> None:
        agent = asyncio.create_task(busy())
        await asyncio.sleep(0.05)
        for _ in range(3):
            await asyncio.wait_for(outlet.flush(), 10)
        agent.cancel()

    asyncio.run(run())


def test_agents_wait_while_too_much_is_under_way(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`room` holds an agent back until records have arrived."""
    monkeypatch.setattr(outlets, "ROOM_RECORDS", 10)
    outlet = Outlet(bootstrap, 10, Metrics())

    async def run() -> None:
        for number in range(10):
            outlet.send(_record(number))
        assert len(outlet) >= 10
        await asyncio.wait_for(outlet.room(), 10)
        assert len(outlet) < 10

    asyncio.run(run())


def test_agents_wait_while_too_many_bytes_are_under_way(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few frames of a megabyte weigh as much as thousands of small ones."""
    monkeypatch.setattr(outlets, "ROOM_BYTES", 3_000)
    outlet = Outlet(bootstrap, 10, Metrics())

    async def run() -> None:
        for _ in range(3):
            await asyncio.wait_for(outlet.room(), 10)
            outlet.send(Outgoing("t", 0, None, bytes(1_000), []))
        assert len(outlet) == 3
        await asyncio.wait_for(outlet.room(), 10)
        assert len(outlet) < 3

    asyncio.run(run())


def test_what_could_not_be_delivered_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker ends with the reason, and not by waiting for ever."""
    monkeypatch.setattr(outlets, "ROOM_BYTES", 3)
    outlet = Outlet("127.0.0.1:1", 1, Metrics())
    outlet.send(Outgoing("t", 0, None, bytes(10), []))
    with pytest.raises(NotDelivered):
        asyncio.run(asyncio.wait_for(outlet.room(), 15))
