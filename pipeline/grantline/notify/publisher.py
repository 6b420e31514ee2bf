"""Our own records out of the ledger and onto Kafka, each at least once, those of one key in order.

A record leaves the ledger when the broker has acknowledged it. What was under way at a kill, or
behind one that failed, is written again; a reader goes by its revision. A broker or topic that is
away is waited for, and said to be: telling people does not wait for it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from grantline.kafka_iam import librdkafka
from grantline.notify.leaving import Leaving, Stream
from grantline.notify.ledger import Ledger
from grantline.notify.settings import AlertSettings
from grantline.notify.trouble import Trouble
from grantline.settings.broker import PATIENCE, silence

_log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 10.0
HEADERS: Final = [("content-type", b"application/json")]


def producer(bootstrap: str, kafka: Mapping[str, str], name: str) -> Producer:
    """One that loses nothing, keeps the order, and spreads keys as Kafka's own does."""
    configuration: dict[str, str | int | float | bool] = {
        **PATIENCE,
        "client.id": name,
        "log_level": 0,
        "reconnect.backoff.max.ms": 2_000,
        **librdkafka(kafka),
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "message.timeout.ms": int(_ANSWER_SECONDS * 1_000),
    }
    return Producer(configuration)


class Publisher:
    """One thread that empties the ledger's records towards the broker."""

    def __init__(self, settings: AlertSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._topics: dict[Stream, str] = {
            "incidents": settings.incidents, "actions": settings.actions,
        }  # fmt: skip
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._trouble = Trouble(_log, "what changes of incidents is written to Kafka again")
        # A daemon: a broker that is away must not keep a stopped process alive.
        self._thread = threading.Thread(target=self._run, name="publish", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be a new record."""
        self._woken.set()

    def stop(self) -> None:
        """Begins nothing more. Does not wait."""
        self._stop.set()
        self._woken.set()

    def join(self, seconds: float) -> bool:
        """Waits for what is under way; False if it took longer than `seconds`."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        client = producer(
            self._settings.bootstrap, self._settings.kafka, f"{self._settings.group}-records"
        )
        while not self._stop.is_set():
            self._woken.clear()
            try:
                records = self._ledger.leaving()
                if not records:
                    self._woken.wait(_IDLE_SECONDS)
                    continue
                arrived = self._send(client, records)
                self._ledger.left(arrived)
            except sqlite3.Error as why:
                if self._stop.is_set():  # the ledger was closed meanwhile
                    return
                self._trouble.met(f"the alert ledger cannot be used: {why}. Trying again")
                self._stop.wait(_PAUSE_SECONDS)
                continue
            if len(arrived) < len(records):
                self._stop.wait(_PAUSE_SECONDS)
            else:
                self._trouble.gone()

    def _send(self, client: Producer, records: Sequence[Leaving]) -> list[Leaving]:
        """Those that arrived, up to the first that did not."""
        answers: dict[int, KafkaError | None] = {}

        def answered(seq: int) -> object:
            return lambda error, _message: answers.__setitem__(seq, error)

        for each in records:
            with suppress(BufferError, KafkaException):
                client.produce(
                    self._topics[each.stream],
                    key=each.key,
                    value=each.body,
                    headers=list(HEADERS),
                    on_delivery=answered(each.seq),  # type: ignore[arg-type]
                )
        client.flush(_ANSWER_SECONDS + 1)
        arrived: list[Leaving] = []
        for each in records:
            error = answers.get(each.seq, _UNANSWERED)
            if error is not None:
                client.purge()
                self._say(each, error)
                break
            arrived.append(each)
        return arrived

    def _say(self, record: Leaving, error: KafkaError) -> None:
        topic = self._topics[record.stream]
        if error.code() in {KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT}:  # noqa: SLF001
            what = silence(self._settings.bootstrap, error.str())
        else:
            what = (
                f"topic {topic} cannot be written ({error.str()}): is a worker of this release running, "
                "which makes it, and has the alert process's principal WRITE on it?"
            )
        self._trouble.met(f"{what} Alerts go out all the same; the record waits")


_UNANSWERED: Final = KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
