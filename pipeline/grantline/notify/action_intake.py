"""What people did, out of Kafka into the ledger, in a thread beside that of findings.

A record that is no action is said, counted, and kept as a dead letter by its place alone.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from grantline.model.action import Action, Unactionable, decode
from grantline.notify.acts import Spoiled
from grantline.notify.ledger import Ledger
from grantline.notify.metrics import Metrics
from grantline.notify.reader import Reader, Record
from grantline.notify.restoring import DONE
from grantline.notify.settings import AlertSettings
from grantline.notify.trouble import Trouble
from grantline.ports import Position

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.2
MAX_BYTES: Final = 16_384
"""Of one action: a larger record is none of ours."""


class ActionIntake:
    """Reads until told to stop."""

    def __init__(
        self,
        settings: AlertSettings,
        ledger: Ledger,
        metrics: Metrics,
        posted: Callable[[Iterable[str]], None],
    ) -> None:
        """`posted` is called with the destinations that have new letters, after each commit."""
        self._settings = settings
        self._topic = settings.actions
        self._ledger = ledger
        self._metrics = metrics
        self._posted = posted
        self._stop = threading.Event()
        self._disk = Trouble(_log, "the alert ledger can be written again")
        # A daemon: a broker that is away must not keep a stopped process alive.
        self._thread = threading.Thread(target=self._run, name="take-actions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Ends it; False if that took longer than `seconds`."""
        self._stop.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        topic = self._topic
        # Of a ledger that is being made anew nothing can be said before its findings are back.
        while self._ledger.stage() != DONE and not self._stop.wait(_LOOK_SECONDS):
            pass
        reader = Reader(self._settings, lambda id_: self._ledger.positions(topic, id_), topic, _log)
        try:
            while not self._stop.is_set():
                records, _ = reader.read()
                if records:
                    reader.show(self._take(records))
        finally:
            reader.close()

    def _take(self, records: Sequence[Record]) -> list[Position]:
        actions, spoiled = self._sorted(records)
        positions = list(
            {
                record.partition: Position(self._topic, record.partition, record.offset + 1)
                for record in records
            }.values()
        )
        while not self._stop.is_set():
            try:
                names = self._ledger.act(
                    actions,
                    spoiled,
                    positions,
                    self._settings.alerting,
                    time.time_ns() // 1_000_000,
                )
            except sqlite3.OperationalError as why:
                self._disk.met(f"the alert ledger cannot be written: {why}. Trying again")
                self._stop.wait(_PAUSE_SECONDS)
            else:
                self._disk.gone()
                self._metrics.actions.labels("read").inc(len(actions))
                self._metrics.actions.labels("unreadable").inc(len(spoiled))
                self._posted(names)
                return positions
        return []

    def _sorted(self, records: Sequence[Record]) -> tuple[list[Action], list[Spoiled]]:
        actions: list[Action] = []
        spoiled: list[Spoiled] = []
        for record in records:
            if record.value is None:  # a tombstone
                continue
            try:
                actions.append(_decoded(record.value))
            except (msgspec.DecodeError, Unactionable) as why:
                said = _without_text(why)
                spoiled.append(Spoiled(self._topic, record.partition, record.offset, said))
                _log.error(
                    "%s[%d] offset %d is not an action this release can take (%s): passed over, and "
                    "a dead letter (`grantline alert --list-dead`)",
                    *(self._topic, record.partition, record.offset, said),
                )
        return actions, spoiled


def _decoded(value: bytes) -> Action:
    if len(value) > MAX_BYTES:
        raise Unactionable(f"larger than {MAX_BYTES} bytes")
    return decode(value)


def _without_text(why: Exception) -> str:
    """What is wrong with its form; a message that quotes the record is not passed on."""
    said = str(why)
    plain = isinstance(why, Unactionable) or said.startswith(("Expected", "Object missing"))
    return said if plain else "not JSON of an action"
