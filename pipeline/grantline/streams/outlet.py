"""The outlet: what leaves the worker, through one confluent-kafka producer.

Faust's own `topic.send()` costs 130 to 320 microseconds a message; a producer inside the agent
costs 4 to 40. Records are handed over in order and without waiting; `flush` returns when
everything handed over before it is on all in-sync replicas. A record that could not be delivered
is never dropped: `flush` and `room` raise from then on, nothing is committed, and the worker
starts again from the last commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from grantline.kafka_iam import librdkafka
from grantline.settings.broker import PATIENCE
from grantline.streams.metrics import Metrics
from grantline.streams.outgoing import MAX_RECORD_BYTES, Outgoing

log = logging.getLogger(__name__)

BUFFER_BYTES = 256 << 20
_QUIET_SECONDS = 10.0
"""A broker that is down is reported many times a second; once in a while will do."""
ROOM_RECORDS = 20_000
ROOM_BYTES = 64 << 20
"""Under way, above which an agent waits before it takes its next delivery. Frames are of a few
bytes or of a megabyte; what one delivery may come to still fits into `BUFFER_BYTES`."""
SETTINGS: Mapping[str, str | int | bool] = {
    **PATIENCE,
    # Results must survive a broker before the input that made them is committed.
    "acks": "all",
    # A retry inside the client neither doubles nor reorders.
    "enable.idempotence": True,
    # Frames are already large; a few milliseconds are enough to fill a request.
    "linger.ms": 5,
    "message.max.bytes": MAX_RECORD_BYTES + 48_588,
    "queue.buffering.max.kbytes": BUFFER_BYTES >> 10,
    "queue.buffering.max.messages": 1_000_000,
    # What it would print to stderr comes to `error_cb` as well.
    "log_level": 2,
    "log.connection.close": False,
}


class NotDelivered(Exception):
    """The broker did not take a record; nothing after it may be committed."""


class Outlet:
    """Sends records; knows which of them have arrived."""

    def __init__(
        self,
        bootstrap: str,
        delivery_seconds: float,
        metrics: Metrics,
        security: Mapping[str, str] | None = None,
        compression: str = "lz4",
    ) -> None:
        """`delivery_seconds`: how long a record may wait for the broker before it counts as lost
        and the worker as failed. `compression`: as librdkafka names it.
        """
        self._metrics = metrics
        self._failure: str | None = None
        self._denied = False
        self._quiet_until = 0.0
        # Records under way by flush period: a flush waits for the periods before it only, so
        # that a busy agent cannot keep it waiting for ever.
        self._period = 0
        self._under_way: dict[int, int] = {0: 0}
        self._bytes = 0
        self._producer = Producer(
            {
                **SETTINGS,
                **librdkafka(security or {}),
                "bootstrap.servers": bootstrap,
                "message.timeout.ms": int(delivery_seconds * 1000),
                "compression.type": compression,
                "client.id": "grantline-worker",
                "error_cb": self._on_error,
            }
        )

    def __len__(self) -> int:
        """Records under way."""
        return len(self._producer)

    def send(self, record: Outgoing) -> None:
        """Hands one record over; returns at once unless the buffer is full."""
        size = len(record.value)
        arrived: Any = partial(self._arrived, self._period, size)
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition,
                    on_delivery=arrived, headers=record.headers,
                )  # fmt: skip
                break
            except BufferError:
                # Only a single delivery with more results than the whole buffer comes here; the
                # broker is talked to from another thread, so waiting for it here is sound.
                self._raise_failure()
                self._producer.poll(0.1)
        self._under_way[self._period] += 1
        self._bytes += size

    def reaches(self, seconds: float) -> bool:
        """Whether a broker answers within `seconds`. Blocks; for a thread of one's own."""
        try:
            self._producer.list_topics(timeout=seconds)
        except KafkaException:
            return False
        return True

    async def room(self) -> None:
        """Returns when there is room for the results of another delivery; agents wait here, and
        with them, through Faust's buffers, the consumer.
        """
        self._producer.poll(0)
        while True:
            self._raise_failure()
            if len(self._producer) < ROOM_RECORDS and self._bytes < ROOM_BYTES:
                return
            await asyncio.sleep(0.01)
            self._producer.poll(0)

    async def flush(self) -> None:
        """Returns when everything sent before this call has arrived; raises `NotDelivered`."""
        before = [period for period, count in self._under_way.items() if count]
        self._period += 1
        self._under_way[self._period] = 0
        warned = time.monotonic() + 10
        while any(period in self._under_way and self._under_way[period] for period in before):
            self._producer.poll(0)
            self._raise_failure()
            await asyncio.sleep(0.002)
            if time.monotonic() > warned:
                log.warning("waiting for the broker: %d records under way", len(self._producer))
                warned = time.monotonic() + 10
        self._raise_failure()
        self._forget_arrived()

    def close(self, seconds: float) -> None:
        """Gives what is under way a last chance; what is left was never committed."""
        left = self._producer.flush(seconds)
        if left:
            log.warning("%d records were still under way; they will be made again", left)

    def _forget_arrived(self) -> None:
        for period in [p for p, n in self._under_way.items() if not n and p != self._period]:
            del self._under_way[period]

    def _arrived(self, period: int, size: int, error: KafkaError | None, message: Message) -> None:
        self._under_way[period] -= 1
        self._bytes -= size
        if error is None:
            return
        self._metrics.count("grantline_produce_failures_total", topic=message.topic() or "")
        self._failure = (
            f"{message.topic()}[{message.partition()}] did not take a record: {error.str()}"
        )
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED and not self._denied:
            self._denied = True
            log.error(
                "topic %s: the broker does not let this user write to it; give the worker's principal "
                "WRITE on the topic",
                message.topic(),
            )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise NotDelivered(self._failure)

    def _on_error(self, error: KafkaError) -> None:
        # Connections that come and go are reported here too: the client goes on by itself.
        if error.fatal():
            self._failure = f"the producer can no longer work: {error.str()}"
        elif time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            log.warning("producer: %s", error.str())
