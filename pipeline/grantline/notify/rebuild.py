"""A ledger that was lost, made anew from the topics: who was told what, and what people did.

Only a ledger that has never read anything is rebuilt, before it reads findings. Those are then read
from their beginning, and decided on when all of them have been: what was told is told to nobody anew,
what came while there was no ledger is. Killed at any moment, it begins again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any, Final

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from grantline.kafka_iam import librdkafka
from grantline.model import action, incident
from grantline.model.action import Action, Unactionable
from grantline.model.incident import IncidentRecord
from grantline.notify.ledger import Ledger
from grantline.notify.settings import AlertSettings
from grantline.notify.trouble import Trouble
from grantline.settings.broker import PATIENCE, silence

_log = logging.getLogger(__name__)

_METADATA_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_AT_ONCE: Final = 500


def rebuild(settings: AlertSettings, ledger: Ledger, stop: Event) -> None:
    """Waits for a broker; returns when the ledger knows what the topics tell, or at `stop`."""
    trouble = Trouble(_log, f"the broker at {settings.bootstrap} is back")
    while not stop.is_set():
        try:
            known = dict(_incidents(settings, stop))
            done = _actions(settings, stop)
        except _Away as why:
            trouble.met(f"{silence(settings.bootstrap, str(why))} Waiting for it")
            stop.wait(_PAUSE_SECONDS)
            continue
        if stop.is_set():
            return
        trouble.gone()
        ledger.rebuild(known.values(), done, time.time_ns() // 1_000_000)
        if known:
            _log.warning(
                "a new ledger where %s tells of %d incidents: what was told of them is told to nobody anew",
                *(settings.incidents, len(known)),
            )
        return


class _Away(Exception):
    """No broker answers."""


def _incidents(settings: AlertSettings, stop: Event) -> Mapping[str, IncidentRecord]:
    """The last record of each incident, by its id."""
    found: dict[str, IncidentRecord] = {}
    for value in _values(settings, settings.incidents, stop):
        try:
            record = incident.decode(value)
        except msgspec.DecodeError:
            continue
        before = found.get(record.id)
        if before is None or record.revision > before.revision:
            found[record.id] = record
    return found


def _actions(settings: AlertSettings, stop: Event) -> list[Action]:
    """Those of which it was said what became of them."""
    found: list[Action] = []
    for value in _values(settings, settings.actions, stop):
        try:
            made = action.decode(value)
        except (msgspec.DecodeError, Unactionable):
            continue
        if made.state != "recorded":
            found.append(made)
    return found


def _values(settings: AlertSettings, topic: str, stop: Event) -> Iterator[bytes]:
    """All that is in the topic now, a partition's records in their order; nothing where there is none."""
    complaints: list[str] = []
    consumer = Consumer(_configuration(settings, complaints))
    try:
        places = _places(consumer, topic, complaints)
        left = {place.partition: end for place, end in places if end > 0}
        consumer.assign([place for place, _ in places])
        while left and not stop.is_set():
            for message in consumer.consume(_AT_ONCE, timeout=0.5):
                part = message.partition() or 0
                error = message.error()
                if error is None and message.value() is not None:
                    yield message.value() or b""
                at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
                if at_end or (error is None and (message.offset() or 0) + 1 >= left.get(part, 0)):
                    left.pop(part, None)
                elif error is not None and not error.retriable():
                    _unreadable(topic, error)
                    return
    finally:
        consumer.close()


def _places(
    consumer: Consumer, topic: str, complaints: list[str]
) -> list[tuple[TopicPartition, int]]:
    """Each partition from its beginning, and where it ends."""
    try:
        found = consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
        if found.error is not None:
            if found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                _unreadable(topic, found.error)
            return []
        places = [
            TopicPartition(topic, part, OFFSET_BEGINNING) for part in sorted(found.partitions)
        ]
        ends = [consumer.get_watermark_offsets(place, _METADATA_SECONDS) for place in places]
    except KafkaException as why:
        if why.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            _unreadable(topic, why.args[0])
            return []
        consumer.poll(0)  # brings what the client complains of
        raise _Away(complaints[-1] if complaints else "") from None
    return [
        (place, high if high > low else 0) for place, (low, high) in zip(places, ends, strict=True)
    ]


def _unreadable(topic: str, error: KafkaError) -> None:
    _log.error(
        "topic %s cannot be read (%s): a ledger that was lost is not rebuilt from it; give the alert "
        "process's principal READ on it",
        *(topic, error.str()),
    )


def _configuration(settings: AlertSettings, complaints: list[str]) -> dict[str, Any]:
    def complain(error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            complaints.append(complaints[-1] if complaints else error.str())
        else:
            complaints.append(error.str())

    return {
        **PATIENCE,
        "client.id": f"{settings.group}-rebuild",
        "log_level": 0,
        "error_cb": complain,
        "enable.partition.eof": True,
        **librdkafka(settings.kafka),
        "bootstrap.servers": settings.bootstrap,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
    }
