"""Sends the records that `grantline watch` reads, and says of each whether it arrived."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from grantline.commands import Failed
from grantline.kafka_iam import librdkafka
from grantline.settings import Settings
from grantline.settings.broker import PATIENCE, silence

_LOOK_SECONDS: Final = 10.0
_CURES: Final[Mapping[int, str]] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant this user WRITE and DESCRIBE on it",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create it, or start a worker with it in GRANTLINE_SOURCES",
    KafkaError._MSG_TIMED_OUT: "is the broker running?",  # noqa: SLF001 - its only name
}


class Sender:
    """One topic of one broker. Raises `Failed` where it cannot be written to."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._bootstrap = settings.bootstrap
        self._topic = topic
        self._trouble = ""
        self._failed: KafkaError | None = None
        self.sent = 0
        self.too_large = 0
        self._producer = Producer(
            {
                **librdkafka(settings.kafka),
                **PATIENCE,
                "bootstrap.servers": settings.bootstrap,
                "compression.type": settings.compression,
                "enable.idempotence": True,
                "linger.ms": 20,
                "log_level": 0,
                "error_cb": self._complain,
            }
        )
        self._look()

    def _look(self) -> None:
        try:
            found = self._producer.list_topics(self._topic, timeout=_LOOK_SECONDS)
        except KafkaException:
            raise Failed(silence(self._bootstrap, self._trouble)) from None
        error = found.topics[self._topic].error
        if error is not None:
            raise Failed(self._told(error))

    def send(self, value: bytes) -> None:
        """Queues one record; waits where the queue is full."""
        while True:
            try:
                self._producer.produce(self._topic, value, on_delivery=self._reported)
            except BufferError:
                self._producer.poll(0.2)
                self._check()
            else:
                self._producer.poll(0)
                return

    def delivered(self, seconds: float) -> bool:
        """Whether all that was queued arrived within `seconds`."""
        until = time.monotonic() + seconds
        while self._producer.flush(0.2) and time.monotonic() < until:
            self._check()
        self._check()
        return len(self._producer) == 0

    def close(self) -> None:
        """Lets go of what did not arrive; it is read again the next time."""
        self._producer.purge()
        self._producer.flush(1)

    def _reported(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.sent += 1
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self.too_large += 1
        else:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise Failed(self._told(self._failed))

    def _told(self, error: KafkaError) -> str:
        cure = _CURES.get(error.code(), "see the broker's log")
        return f"topic {self._topic} at {self._bootstrap}: {error.str()}: {cure}"

    def _complain(self, error: KafkaError) -> None:
        self._trouble = error.str()
