"""Reading whole topics from given places, without a consumer group deciding who reads what.

The places come from the database, so partitions are assigned by hand; new ones are looked for
now and then. Says so, instead of skipping in silence, when a place is no longer in the log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from grantline.kafka_iam import librdkafka
from grantline.model.rejected import StoreReason
from grantline.ports import RejectedRow
from grantline.settings.broker import PATIENCE, silence
from grantline.store.intake import WHOLE_RECORD, Record, Topics

_log = logging.getLogger(__name__)

_RECORDS_AT_ONCE: Final = 50
"""A frame holds hundreds of hops: what is read at once is what a batch may exceed its size by."""
_METADATA_SECONDS: Final = 5.0
_REMIND_SECONDS: Final = 30.0
"""Between two words on a topic that is not there."""
_DELETED: Final[StoreReason] = "deleted_unread"


class TopicRecreated(RuntimeError):
    """The database has read further than the topic goes."""


@dataclass(frozen=True, kw_only=True)
class WriterSettings:
    """Where the writer reads and how it batches."""

    bootstrap: str
    topics: Topics = field(default_factory=Topics)
    group: str = "grantline-writer"
    batch_rows: int = 50_000
    """A batch ends when it holds so many rows (a frame is never split). Larger ones cost less a
    row: 60,000 rows a second at 20,000, 97,000 at 125,000 on one core."""
    batch_bytes: int = 32 << 20
    """A batch ends when its records hold so many: a row is of half a kilobyte, or of a hundred."""
    batch_seconds: float = 0.2
    """A batch ends when its first record is so old..."""
    most_batch_seconds: float = 0.4
    """...or up to so old, where storing the last one took long: a transaction costs some 25 ms
    whatever it holds, so on a busy machine fewer and larger ones are stored."""
    discover_seconds: float = 5.0
    """How often new topics and partitions are looked for."""
    retry_seconds: float = 0.5
    max_retry_seconds: float = 10.0
    client: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Further librdkafka settings: security, tuning."""


class LogReader:
    """All partitions of the topics, each from its place on."""

    def __init__(self, settings: WriterSettings, positions: Mapping[tuple[str, int], int]) -> None:
        self._settings = settings
        self._next: dict[tuple[str, int], int] = {
            place: offset for place, offset in positions.items() if place[0] in settings.topics
        }
        self._assigned: set[tuple[str, int]] = set()
        self._look_at = 0.0
        self._reachable = True
        self._trouble = ""
        self._lost: list[RejectedRow] = []
        self._missing: frozenset[str] = frozenset()
        self._missing_told = 0.0
        self._consumer = Consumer(_client(settings, self._on_error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._consumer.close()

    def read(self, seconds: float) -> list[Record]:
        """What there is within `seconds`; as soon as there is something, that.

        Raises `TopicRecreated`.
        """
        if time.monotonic() >= self._look_at:
            self._discover()
            self._look_at = time.monotonic() + self._settings.discover_seconds
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(_RECORDS_AT_ONCE, timeout=0)]
        return [record for record in map(self._record, messages) if record is not None]

    def lost(self) -> Sequence[RejectedRow]:
        """What the logs had deleted before it was read, since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def report(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Tell Kafka how far the database is, for those who watch the lag."""
        places = [TopicPartition(*place, offset) for place, offset in next_offsets.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as why:
            _log.debug("lag not reported: %s", why)

    def _record(self, message: Message) -> Record | None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if error is not None:
            self._on_message_error(error, topic, partition)
            return None
        if topic is None or partition is None or offset is None:
            return None
        self._next[topic, partition] = offset + 1
        return Record(topic, partition, offset, message.value())

    def _on_message_error(
        self, error: KafkaError, topic: str | None, partition: int | None
    ) -> None:
        out_of_range = error.name() in {"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"}
        if out_of_range and topic is not None and partition is not None:
            self._out_of_range(topic, partition)
        elif topic is None:
            # Of the client as a whole: the group, which only shows others how far this one is.
            _log.warning(
                "group %s: %s; rows are stored all the same, but lag is not shown: give the "
                "writer's principal READ on the group",
                self._settings.group, error.str(),
            )  # fmt: skip
        elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            _log.warning("%s is gone from the broker: %s", topic, error.str())
        else:
            _log.warning("reading %s/%s: %s", topic, partition, error.str())

    def _out_of_range(self, topic: str, partition: int) -> None:
        place = TopicPartition(topic, partition)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_METADATA_SECONDS)
        except KafkaException:  # the broker went away again: assign, and be told, once more
            self._assigned.discard((topic, partition))
            return
        known = self._next[topic, partition]
        if known > high:
            raise TopicRecreated(
                f"the database has read {topic}/{partition} up to offset {known}, but the topic "
                f"ends at {high}: it was deleted and made anew, or this is another cluster. Give "
                "the writer a new database file, or the broker that belongs to this one"
            )
        detail = f"offsets {known} to {low - 1} were deleted from the topic before they were read"
        _log.error("%s/%d: %s; raise the topic's retention", topic, partition, detail)
        self._lost.append(RejectedRow(_DELETED, detail, topic, partition, known, WHOLE_RECORD))
        self._next[topic, partition] = low
        place.offset = low
        self._consumer.seek(place)

    def _discover(self) -> None:
        try:
            found = self._consumer.list_topics(timeout=_METADATA_SECONDS).topics
        except KafkaException:
            if not self._assigned:  # later a poll might bring a record
                self._consumer.poll(0)  # brings `_on_error` what the client complains of
            self._say_reachable(False)
            return
        self._say_reachable(True)
        self._say_missing(
            {
                topic: "it does not exist" if topic not in found else str(found[topic].error)
                for topic in self._settings.topics
                if topic not in found or found[topic].error is not None
            }
        )
        places = {
            (topic, partition)
            for topic in self._settings.topics
            if topic in found and found[topic].error is None
            for partition in found[topic].partitions
        }
        if places - self._assigned:
            self._assigned |= places
            _log.info("reading %d partitions", len(self._assigned))
            self._consumer.assign(
                [TopicPartition(*place, self._next.get(place, OFFSET_BEGINNING))
                 for place in sorted(self._assigned)]
            )  # fmt: skip

    def _say_missing(self, missing: Mapping[str, str]) -> None:
        """At once, and as long as it lasts: a mistyped prefix looks like a quiet system."""
        names = frozenset(missing)
        now = time.monotonic()
        for topic in sorted(self._missing - names):
            _log.info("topic %s is there", topic)
        if names and (names - self._missing or now - self._missing_told >= _REMIND_SECONDS):
            self._missing_told = now
            _log.warning(
                "nothing can be read of %s: has a worker run, which makes them, and are "
                "GRANTLINE_TOPIC_PREFIX and this user's rights (DESCRIBE and READ) right? "
                "Waiting for them",
                ", ".join(f"{topic} ({why})" for topic, why in sorted(missing.items())),
            )
        self._missing = names

    def _say_reachable(self, now: bool) -> None:
        if now != self._reachable:
            lost = silence(self._settings.bootstrap, self._trouble)
            _log.warning("the broker is back" if now else f"{lost} Waiting for it")
        self._reachable = now

    def _on_error(self, error: KafkaError) -> None:
        if error.name() == "_ALL_BROKERS_DOWN":
            self._say_reachable(False)
        else:
            self._trouble = error.str()


def _client(settings: WriterSettings, on_error: Any) -> dict[str, Any]:
    return {
        **PATIENCE,
        "fetch.wait.max.ms": 100,
        # After a stand-still everything is to be had at once: unpacked in the queue, and packed in
        # one answer of the broker (librdkafka's default of the latter is 50 MB).
        "queued.max.messages.kbytes": 65_536,
        "fetch.max.bytes": 8 << 20,
        "reconnect.backoff.max.ms": 2_000,
        "log_level": 2,  # what matters comes through error_cb, once and not ten times a second
        **librdkafka(settings.client),
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "enable.auto.commit": False,
        # A place that is no longer in the log must be seen, not jumped over.
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "error_cb": on_error,
    }
