"""A stage: topics of its own on one broker, processes that work on them, and what they say."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from grantline.model.finding import Finding
from grantline.streams.settings import TopicNames, WorkerSettings
from grantline.streams.topics import ensure as declare
from tests.brokers import create_topic
from tests.processes import Process, Worker, Writer
from tests.workers import POLICY, states

_PRODUCER: dict[str, Any] = {
    "log_level": 0,
    # A broker that comes back finds nothing twice, and each record where it was meant to be.
    "enable.idempotence": True,
    # What is large before it is compressed and small after it passes the broker's limit.
    "compression.type": "zstd",
    "message.max.bytes": 32 << 20,
}


class Log:
    """Reads a topic from its beginning, all partitions, as far as it goes."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"log-{uuid.uuid4()}", "log_level": 0}
        )
        self._consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
        self.messages: list[Message] = []

    def read(self, seconds: float = 0.3) -> list[Message]:
        """Reads what there is; all that was ever read."""
        self.messages += [
            message
            for message in self._consumer.consume(1000, timeout=seconds)
            if message.error() is None
        ]
        return self.messages

    def close(self) -> None:
        self._consumer.close()


class Stage:
    """Topics of its own on one broker, with workers and writers that come and go."""

    def __init__(self, bootstrap: str, home: Path, partitions: int = 3) -> None:
        tag = uuid.uuid4().hex[:8]
        self.bootstrap = bootstrap
        self.home = home
        self.input = f"spans-{tag}"
        self.settings = WorkerSettings(
            bootstrap=bootstrap,
            application=f"workers-{tag}",
            input_topics=(self.input,),
            topics=TopicNames(
                hops=f"hops-{tag}",
                tokens=f"tokens-{tag}",
                findings=f"findings-{tag}",
                rejected=f"rejected-{tag}",
                incidents=f"incidents-{tag}",
                actions=f"actions-{tag}",
            ),
            partitions=partitions,
            replication=1,
            lateness_retention_seconds=100 * 86_400.0,
            policy=POLICY,
            session_timeout_seconds=6.0,
            heartbeat_seconds=1.0,
            commit_seconds=0.3,
            tick_seconds=0.3,
        )
        self.processes: list[Process] = []
        self._logs: list[Log] = []
        self._declared = False
        self.foreign: set[bytes] = set()
        """What a test put on the findings topic that is no finding."""
        self._producer = Producer({**_PRODUCER, "bootstrap.servers": bootstrap})
        self.make_input()

    def make_input(self) -> None:
        """Rows are compared whole: `received_at` is what the test says, as where others made it."""
        clock = {"message.timestamp.type": "CreateTime"}
        create_topic(self.bootstrap, self.input, self.settings.partitions, clock)

    def worker(self, kind: str = "real") -> Worker:
        """Starts another worker, of one of the kinds that `run_worker.py` knows."""
        started = Worker(self.settings, self.home, kind)
        self.processes.append(started)
        return started

    def writer(self, moment: str = "", *, real: bool = False) -> Writer:
        """Starts the writer, on the file it had before."""
        started = Writer(self.settings, self.home / "lineage.duckdb", moment, real=real)
        self.processes.append(started)
        return started

    def send(self, values: Iterable[bytes], topic: str = "") -> None:
        """Produces to the input, any key, any partition."""
        for value in values:
            self.hand_over(value, topic=topic)
        self.flush()

    def hand_over(
        self, value: bytes, topic: str = "", partition: int = -1, timestamp: int = 0
    ) -> None:
        """Produces without waiting; any partition and the present time where none is named."""
        if not self._declared:
            declare(self.settings)
            self._declared = True
        # A compacted topic takes no record without a key.
        key = None if partition < 0 else b"any"
        self._producer.produce(
            topic or self.input, value, key, partition, on_delivery=_delivered,
            timestamp=timestamp,
        )  # fmt: skip
        self._producer.poll(0)

    def flush(self, seconds: float = 60) -> None:
        """Returns when the broker has everything that was handed over."""
        assert self._producer.flush(seconds) == 0

    def log_of(self, topic: str) -> Log:
        log = Log(self.bootstrap, topic, self.settings.partitions)
        self._logs.append(log)
        return log

    def findings(self, log: Log) -> list[Finding]:
        values = (message.value() or b"" for message in log.read())
        return [Finding.model_validate_json(one) for one in values if one not in self.foreign]

    def expect(self, expected: dict[str, dict[str, Any]], seconds: float = 60) -> list[Finding]:
        """Returns all that was said once the open findings are the expected ones; else fails
        with the difference."""
        log = self.log_of(self.settings.topics.findings)
        deadline = time.monotonic() + seconds
        while states(self.findings(log)) != expected and time.monotonic() < deadline:
            pass
        said = self.findings(log)
        have, want = _comparable(states(said)), _comparable(expected)
        assert have == want, "\n".join(
            [*(f"too many: {one}" for one in sorted(have - want)[:3]),
             *(f"missing: {one}" for one in sorted(want - have)[:3]), self.last_words()]
        )  # fmt: skip
        return said

    def last_words(self) -> str:
        return "\n".join(process.last_words() for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            process.end()
        for log in self._logs:
            log.close()


def _comparable(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {json.dumps(finding, sort_keys=True) for finding in findings.values()}


def _delivered(error: KafkaError | None, message: Message) -> None:
    assert error is None, f"{message.topic()}: {error}"


def headers_of(message: Message) -> dict[str, bytes]:
    return {entry[0]: cast(bytes, entry[1]) for entry in message.headers() or []}


def until(true: Callable[[], bool], seconds: float = 30, what: str = "it") -> None:
    """Returns when `true()` is; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.1)
