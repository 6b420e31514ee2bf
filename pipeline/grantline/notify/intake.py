"""Findings out of Kafka into the ledger, each once, whatever Kafka delivers twice.

The partitions are assigned by hand from the ledger's own positions: those and what was decided
are one transaction, which a consumer group's offsets could never be. A message that cannot be
read is counted, named in the log by its position, and passed over.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from pydantic import ValidationError

from grantline.alerts.decide import Decision, Known
from grantline.model.finding import Finding
from grantline.notify.ledger import Incoming, Ledger, Taken
from grantline.notify.metrics import Metrics
from grantline.notify.settings import AlertSettings
from grantline.ports import Position

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.5
_BATCH: Final = 500
"""Messages a transaction."""
_METADATA_SECONDS: Final = 5.0
_LOOK_AGAIN_SECONDS: Final = 60.0
"""How often to look for partitions that were added."""
_PAUSE_SECONDS: Final = 1.0


class Intake:
    """Reads until told to stop. A broker that is away is waited for; nothing else is affected."""

    def __init__(
        self,
        settings: AlertSettings,
        ledger: Ledger,
        choose: Callable[[Finding, Known], Decision],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._choose = choose
        self._metrics = metrics
        self._consumer = Consumer(_configuration(settings), logger=_log)
        self._assigned: list[int] = []
        self._look_again = 0.0

    def run(self, stop: Event, posted: Callable[[Iterable[str]], None]) -> None:
        """Calls `posted` with the destinations that have new letters, after each commit.

        Raises `KafkaException` when the client library cannot go on.
        """
        try:
            while not stop.is_set():
                if not self._assign():
                    self._consumer.poll(0)
                    stop.wait(_PAUSE_SECONDS)
                    continue
                if messages := self._read():
                    taken = self._take(messages, stop)
                    posted(taken.letters)
        finally:
            self._consumer.close()

    def _assign(self) -> bool:
        """Follows the topic's partitions; False while there are none to read."""
        if time.monotonic() < self._look_again:
            return bool(self._assigned)
        try:
            partitions = self._partitions()
            if partitions != self._assigned:
                self._consumer.assign(self._beginnings(partitions))
                self._assigned = partitions
        except KafkaException as why:
            _log.warning("cannot look up topic %s: %s", self._settings.topic, why.args[0])
        else:
            self._look_again = time.monotonic() + _LOOK_AGAIN_SECONDS
        return bool(self._assigned)

    def _partitions(self) -> list[int]:
        topic = self._settings.topic
        found = self._consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _beginnings(self, partitions: Sequence[int]) -> list[TopicPartition]:
        topic = self._settings.topic
        known = self._ledger.positions(topic)
        if not known and self._settings.start == "latest":
            # Kept at once: what comes while this process is next down is not to be skipped.
            known = {part: self._end(part) for part in partitions}
            self._ledger.take((), [Position(topic, *at) for at in known.items()], self._choose, 0)
        return [
            TopicPartition(topic, part, known.get(part, OFFSET_BEGINNING)) for part in partitions
        ]

    def _end(self, partition: int) -> int:
        place = TopicPartition(self._settings.topic, partition)
        ends = self._consumer.get_watermark_offsets(place, timeout=_METADATA_SECONDS)
        if ends is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
        return ends[1]

    def _read(self) -> list[Message]:
        """Waits for one message and takes whatever else has come with it."""
        first = self._consumer.poll(_POLL_SECONDS)
        if first is None:
            return []
        return [first, *self._consumer.consume(_BATCH - 1, timeout=0)]

    def _take(self, messages: Sequence[Message], stop: Event) -> Taken:
        incoming: list[Incoming] = []
        positions: dict[int, Position] = {}
        for message in messages:
            if (error := message.error()) is not None:
                self._trouble(error)
                continue
            part, offset = message.partition() or 0, message.offset() or 0
            positions[part] = Position(self._settings.topic, part, offset + 1)
            if (value := message.value()) is not None:  # else a tombstone of compaction
                incoming += self._finding(value, part, offset)
        taken = self._keep(incoming, list(positions.values()), stop)
        self._metrics.findings.labels("taken").inc(len(incoming) - taken.stale)
        self._metrics.findings.labels("stale").inc(taken.stale)
        return taken

    def _finding(self, value: bytes, partition: int, offset: int) -> list[Incoming]:
        try:
            return [Incoming(Finding.model_validate_json(value), value)]
        except ValidationError as why:
            fault = why.errors(include_url=False, include_context=False, include_input=False)[0]
            _log.error(
                "%s[%d] offset %d is not a finding this release can read (%s at %s): passed over",
                *(self._settings.topic, partition, offset, fault["type"], fault["loc"][:1]),
            )
            self._metrics.findings.labels("unreadable").inc()
            return []

    def _keep(
        self, incoming: Sequence[Incoming], positions: Sequence[Position], stop: Event
    ) -> Taken:
        """Commits; while the disk fails it waits, because what it cannot keep it must not skip."""
        while True:
            try:
                taken = self._ledger.take(
                    incoming, positions, self._choose, time.time_ns() // 1_000_000
                )
            except sqlite3.OperationalError as why:
                _log.error("the alert ledger cannot be written: %s", why)
                if stop.wait(_PAUSE_SECONDS):
                    raise
            else:
                self._show(positions)
                return taken

    def _show(self, positions: Iterable[Position]) -> None:
        """Lets lag displays see the group's progress; nothing of ours reads it back."""
        offsets = [TopicPartition(*position) for position in positions]
        try:
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as why:
            _log.debug("offsets of %s not shown: %s", self._settings.group, why.args[0])

    def _trouble(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        _log.warning("reading %s: %s", self._settings.topic, error.str())
        self._look_again = 0.0


def _configuration(settings: AlertSettings) -> dict[str, str | int | bool]:
    return {
        "client.id": settings.group,
        "reconnect.backoff.max.ms": 2_000,  # the default of 10 s is late for an alert
        "queued.max.messages.kbytes": 8_192,
        **settings.kafka,
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where the ledger's position is gone from the log: reading too much tells nobody twice.
        "auto.offset.reset": "earliest",
    }
