"""A topic of ours, read from given places: what came, and where a backlog ends.

The partitions are assigned by hand, because the places are the ledger's and not a consumer
group's. A broker that is away is waited for, and said to be away once and not ten times a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from grantline.kafka_iam import librdkafka
from grantline.notify.settings import AlertSettings
from grantline.notify.trouble import Trouble
from grantline.ports import Position
from grantline.settings.broker import PATIENCE, silence

_log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.5
_AT_ONCE: Final = 500
_METADATA_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 1.0
_NO_ID: Final = 22 * "A"
"""What a broker tells that has no ids of topics: sixteen zero bytes, in base64."""
_LOOK_AGAIN_SECONDS: Final = 60.0
"""How often to look for partitions that were added."""


class Record(NamedTuple):
    """One record of the topic."""

    partition: int
    offset: int
    value: bytes | None
    backlog: bool
    """It was there, as was more, when the first of its partition was read."""
    stamped_ms: int | None = None
    """By the broker or whoever wrote it, milliseconds since the epoch; None where it is not told."""


class Read(NamedTuple):
    """What came at once, a partition's records in their order."""

    records: list[Record]
    ended: list[int]
    """The partitions whose backlog has come to its end with these records."""


class Reader:
    """Reads all partitions, each from its place in `positions` (or its beginning) on.

    `positions` is asked with the topic's id, "" where the broker tells none.
    """

    def __init__(
        self,
        settings: AlertSettings,
        positions: Callable[[str], Mapping[int, int]],
        topic: str | None = None,
        log: logging.Logger = _log,
    ) -> None:
        """`topic`: that of findings, unless another is named, whose reader says nothing of a broker
        that is away: the other one does.
        """
        self._log = log
        self._alone = topic is None
        self._settings = settings
        self._name = topic or settings.topic
        self._positions = positions
        self._complaint = ""
        self._refused = ""
        """What the topic's partitions said last, until something of it is read."""
        self._unanswered = False
        """The broker did not answer; said after the next poll, which brings the client's reason."""
        self._assigned: list[int] = []
        self._topic_id = ""
        self._ends: dict[int, int] = {}
        """Partition -> where its backlog ends; 0 once that has been read."""
        self._look_again = 0.0
        self._broker = Trouble(log, f"the broker at {settings.bootstrap} is back")
        self._group = Trouble(log, f"group {settings.group} shows its lag")
        self._topic = Trouble(log, f"topic {self._name} can be read")
        self._consumer = Consumer(_configuration(settings, self._on_error), logger=_log)

    def read(self) -> Read:
        """Waits up to half a second for a record and takes whatever else has come with it."""
        # First: what was read before has been kept by now, so that no place of a topic that is gone
        # is noted for the one made anew.
        if not self._unanswered and time.monotonic() >= self._look_again:
            self._look()
        read = Read([], [])
        first = self._consumer.poll(_POLL_SECONDS)
        if first is not None:
            for message in (first, *self._consumer.consume(_AT_ONCE - 1, timeout=0)):
                self._add(message, read)
        if self._unanswered:
            self._unanswered = False
            self._away()
        return read

    def show(self, positions: Iterable[Position]) -> None:
        """Lets lag displays see the group's progress; nothing of ours reads it back."""
        offsets = [TopicPartition(*position) for position in positions]
        try:
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as why:
            _log.debug("offsets of %s not shown: %s", self._settings.group, why.args[0])

    @property
    def partitions(self) -> frozenset[int]:
        """Those that are read."""
        return frozenset(self._assigned)

    def close(self) -> None:
        self._consumer.close()

    def _look(self) -> None:
        """Follows the topic's partitions, and finds out whether the broker answers."""
        self._look_again = time.monotonic() + _RETRY_SECONDS
        topic = self._name
        try:
            found = self._consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
        except KafkaException:
            self._unanswered = True
            return
        self._broker.gone()
        if found.error is not None:
            self._topic.met(
                f"topic {topic} cannot be read ({found.error.str()}): is a worker running, which "
                "makes it, and are GRANTLINE_TOPIC_PREFIX and this user's rights right? Waiting for it"
            )
            return
        if self._refused:
            self._topic.met(self._refused)
        self._assign(sorted(found.partitions), self._identity())
        self._look_again = time.monotonic() + _LOOK_AGAIN_SECONDS

    def _identity(self) -> str:
        """The topic's id; the last one known where the broker tells none now."""
        topic = self._name
        asked: dict[str, Any] = {
            **librdkafka(self._settings.kafka),
            "bootstrap.servers": self._settings.bootstrap,
            "log_level": 0,
        }
        try:
            # Named, since a client that nobody holds takes its answer along.
            client = AdminClient(asked)
            answers = client.describe_topics(
                TopicCollection([topic]), request_timeout=_METADATA_SECONDS
            )
            told = str(answers[topic].result(_METADATA_SECONDS).topic_id)
        except (KafkaException, TimeoutError) as why:
            _log.debug("topic %s: its id is not known (%s)", topic, why)
            return self._topic_id
        return self._topic_id if told == _NO_ID else told

    def _assign(self, partitions: list[int], topic_id: str) -> None:
        if partitions == self._assigned and topic_id == self._topic_id:
            return
        topic = self._name
        if self._topic_id and topic_id != self._topic_id:
            self._log.warning("topic %s was made anew: it is read from its beginning", topic)
            self._ends.clear()
        known = self._positions(topic_id)
        self._consumer.assign(
            [TopicPartition(topic, part, known.get(part, OFFSET_BEGINNING)) for part in partitions]
        )
        self._assigned, self._topic_id = partitions, topic_id
        self._log.info("reading %d partitions of %s", len(partitions), topic)

    def _add(self, message: Message, read: Read) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is None:
            self._let_in()
            end = self._end(partition, offset)
            kind, stamp = message.timestamp()
            stamped = None if kind == TIMESTAMP_NOT_AVAILABLE else stamp
            backlog = offset < end
            read.records.append(Record(partition, offset, message.value(), backlog, stamped))
            if offset + 1 >= end:
                self._end_of(partition, read)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            self._let_in()
            self._end_of(partition, read)
        elif message.topic() is None:
            self._group.met(
                f"group {self._settings.group}: {error.str()}; alerts go out all the same, but lag "
                "is not shown: give the alert process's principal READ on the group"
            )
        else:
            self._refused = (
                f"reading {self._name}: {error.str()}; give the alert process's principal "
                "READ on the topic. Waiting for it"
            )
            self._topic.met(self._refused)

    def _let_in(self) -> None:
        """Who may see a topic need not be let in to read it: only what was read says so."""
        self._refused = ""
        self._topic.gone()

    def _end(self, partition: int, offset: int) -> int:
        """Where the backlog that `offset` is part of ends: at the end of the log as it was when
        the first record came, so that a stream that never rests is not held back for ever.
        """
        if partition not in self._ends:
            place = TopicPartition(self._name, partition)
            ends = self._consumer.get_watermark_offsets(place, cached=True)
            self._ends[partition] = max(offset + 1, ends[1])
        return self._ends[partition]

    def _end_of(self, partition: int, read: Read) -> None:
        if self._ends.get(partition) != 0:
            self._ends[partition] = 0
            read.ended.append(partition)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._unanswered = True
        else:
            self._complaint = error.str()

    def _away(self) -> None:
        if self._alone:
            self._broker.met(f"{silence(self._settings.bootstrap, self._complaint)} Waiting for it")
        self._look_again = min(self._look_again, time.monotonic() + _RETRY_SECONDS)


def _configuration(
    settings: AlertSettings, on_error: Callable[[KafkaError], None]
) -> dict[str, object]:
    return {
        **PATIENCE,
        "client.id": settings.group,
        "reconnect.backoff.max.ms": 2_000,  # the default of 10 s is late for an alert
        "queued.max.messages.kbytes": 8_192,
        "fetch.max.bytes": 8 << 20,
        "log_level": 2,  # what matters comes through error_cb, once and not ten times a second
        "error_cb": on_error,
        "enable.partition.eof": True,
        **librdkafka(settings.kafka),
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where the ledger's position is gone from the log: reading too much tells nobody twice.
        "auto.offset.reset": "earliest",
    }
