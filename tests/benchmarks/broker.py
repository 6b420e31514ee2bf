"""Topics, records and readers on the benchmark's broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from grantline.model.finding import Finding
from tests.brokers import create_topic

PARTITIONS = 12
"""Of every topic: Grantline's default."""
_WIPE_SECONDS = 60.0
_WARM_SECONDS = 5.0
_AT_ONCE = 500


def wipe(bootstrap: str) -> None:
    """Removes every topic, so that the next contender starts on an empty broker."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def ours() -> list[str]:
        return [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]

    if names := ours():
        for done in admin.delete_topics(names).values():
            done.result(timeout=_WIPE_SECONDS)
    ends = time.monotonic() + _WIPE_SECONDS
    while ours():
        if time.monotonic() > ends:
            raise TimeoutError(f"the broker keeps deleted topics: {ours()}")
        time.sleep(0.1)


def warm_up(bootstrap: str) -> None:
    """Keeps the broker busy for some seconds: its compiler's work must not fall on the first who
    is measured.
    """
    wipe(bootstrap)
    source = Source(bootstrap, new_topic(bootstrap, "warm-up"))
    ends = time.monotonic() + _WARM_SECONDS
    with Findings(bootstrap, "warm-up"):
        while time.monotonic() < ends:
            for _ in range(PARTITIONS):
                source.send(bytes(1_000))
            source.flush()


def new_topic(bootstrap: str, name: str) -> str:
    return create_topic(bootstrap, name, PARTITIONS)


class Source:
    """Produces as `grantline.emit` does: acknowledged by all, zstd, some milliseconds of linger."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._sent = 0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 5,
                "queue.buffering.max.kbytes": 1 << 20,
                "log_level": 0,
            }
        )

    def send(self, record: bytes) -> float:
        """Hands one record over, partition after partition in turn; when, on the monotonic clock."""
        at = time.monotonic()
        self._producer.produce(self._topic, record, partition=self._sent % PARTITIONS)
        self._producer.poll(0)
        self._sent += 1
        return at

    def flush(self) -> None:
        """Raises `TimeoutError` when the broker does not take everything within a minute."""
        if self._producer.flush(60):
            raise TimeoutError("the broker does not take the load")


def paced(
    source: Source, records: Iterable[bytes], a_second: float
) -> tuple[threading.Thread, list[float]]:
    """Starts sending `a_second` records; the thread, and when each was sent as far as it is."""
    sent: list[float] = []

    def run() -> None:
        begin = time.monotonic()
        for number, record in enumerate(records):
            time.sleep(max(0.0, begin + number / a_second - time.monotonic()))
            sent.append(source.send(record))
        source.flush()

    thread = threading.Thread(target=run, name="load", daemon=True)
    thread.start()
    return thread, sent


def arrived(consumer: Consumer, seconds: float) -> Iterator[Message]:
    """What there is to read, as soon as there is any, or nothing after `seconds`.

    `consume` alone waits for as many as it was asked for: that would be in what is measured.
    """
    first = consumer.poll(seconds)
    if first is not None:
        yield first
        yield from consumer.consume(_AT_ONCE, timeout=0)


class Said(NamedTuple):
    """One message of the findings topic and when it could be read."""

    at: float
    value: bytes

    @property
    def finding(self) -> Finding:
        return Finding.model_validate_json(self.value)


class Findings:
    """Reads the findings topic in a thread of its own; parses nothing, so as to cost little."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer(_reader(bootstrap))
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="findings", daemon=True)
        self.said: list[Said] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def await_all(self, complete: Callable[[Sequence[Said]], bool], seconds: float) -> bool:
        """True once `complete` and then silent for a while; False when `seconds` are over."""
        ends = time.monotonic() + seconds
        known = -1
        while time.monotonic() < ends:
            count = len(self.said)
            if count == known and complete(self.said):
                return True
            known = count
            time.sleep(1.0)
        return False

    def _read(self) -> None:
        while not self._stopping.is_set():
            for message in arrived(self._consumer, 0.05):
                if message.error() is None:
                    self.said.append(Said(time.monotonic(), message.value() or b""))


def _reader(bootstrap: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "benchmark",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 20,
        "log_level": 0,
    }
