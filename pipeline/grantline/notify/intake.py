"""Findings out of Kafka into the ledger, each once, whatever Kafka delivers twice.

What was read and what was decided are one transaction. A record that cannot be read is counted,
named in the log by its position, and passed over.

Of the backlog that a process finds when it begins, only the newest state of each finding counts:
nobody needs to hear of what has been amended or taken back since. The ledger holds it until the
backlog's end, or until nothing has come for some seconds: a partition that cannot be read must
not hold back what is known. What was written before a new ledger began is known, and not told.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import Final

from pydantic import ValidationError

from grantline.model.finding import Finding
from grantline.notify.ledger import Incoming, Ledger
from grantline.notify.metrics import Metrics
from grantline.notify.reader import Reader, Record
from grantline.notify.settings import AlertSettings
from grantline.notify.trouble import Trouble
from grantline.ports import Position

_log = logging.getLogger(__name__)

_SILENCE_SECONDS: Final = 5.0
_ANEW_SECONDS: Final = 120.0
"""The same for a ledger that was made anew: half of the findings would make half an incident."""
_PAUSE_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 1.0


class Intake:
    """Reads until told to stop."""

    def __init__(self, settings: AlertSettings, ledger: Ledger, metrics: Metrics) -> None:
        self._topic = settings.topic
        self._ledger = ledger
        self._alerting = settings.alerting
        self._gather_seconds = settings.gather_seconds
        self._tick_at = 0.0
        self._whole = ledger.stage() != "read"
        """No backlog must be decided on as a whole, or that has been done."""
        self._over: set[int] = set()
        """Partitions whose backlog has come to its end."""
        self._metrics = metrics
        self._reader = Reader(settings, lambda id_: ledger.positions(settings.topic, id_))
        self._disk = Trouble(_log, "the alert ledger can be written again")

    def run(self, stop: Event, posted: Callable[[Iterable[str]], None]) -> None:
        """Calls `posted` with the destinations that have new letters, after each commit."""
        silent_since = time.monotonic()
        try:
            while not stop.is_set():
                records, ended = self._reader.read()
                if records or ended:
                    silent_since = time.monotonic()
                    posted(self._take(records, ended, stop))
                elif time.monotonic() - silent_since > self._patience:
                    silent_since = time.monotonic()
                    self._whole = True
                    posted(self._take([], self._ledger.held(), stop))
                if self._whole and time.monotonic() >= self._tick_at:
                    self._tick_at = time.monotonic() + _TICK_SECONDS
                    posted(self._tick())
        finally:
            self._reader.close()

    @property
    def _patience(self) -> float:
        """Seconds without a record until what is held is decided on as it is."""
        return _SILENCE_SECONDS if self._whole else _ANEW_SECONDS

    def _take(self, records: Sequence[Record], ended: Iterable[int], stop: Event) -> set[str]:
        incoming = [each for record in records for each in self._incoming(record)]
        positions = list(
            {
                record.partition: Position(self._topic, record.partition, record.offset + 1)
                for record in records
            }.values()
        )
        if not self._whole:
            self._over.update(ended)
            ended = []
            if self._over and self._over >= self._reader.partitions:
                self._whole, ended = True, sorted(self._over)
        posted = self._keep(incoming, positions, ended, stop)
        self._metrics.findings.labels("taken").inc(len(incoming))
        self._reader.show(positions)
        return posted

    def _incoming(self, record: Record) -> list[Incoming]:
        if record.value is None:  # a tombstone of compaction
            return []
        try:
            finding = Finding.model_validate_json(record.value)
        except ValidationError as why:
            fault = why.errors(include_url=False, include_context=False, include_input=False)[0]
            _log.error(
                "%s[%d] offset %d is not a finding this release can read (%s at %s): passed over",
                *(self._topic, record.partition, record.offset, fault["type"], fault["loc"][:1]),
            )
            self._metrics.findings.labels("unreadable").inc()
            return []
        stamped = self._ledger.born_ms if record.stamped_ms is None else record.stamped_ms
        place = self._topic, record.partition, record.offset
        old = self._ledger.knew(finding.id, *place, stamped)
        backlog = record.partition if record.backlog or not self._whole else None
        return [Incoming(finding, record.value, backlog, old)]

    def _tick(self) -> set[str]:
        """What time alone gives to say; a disk that fails now is tried again with the next tick."""
        try:
            return self._ledger.tick(self._alerting, time.time_ns() // 1_000_000)
        except sqlite3.OperationalError as why:
            self._disk.met(f"the alert ledger cannot be written: {why}. Trying again")
            return set()

    def _keep(
        self,
        incoming: Sequence[Incoming],
        positions: Sequence[Position],
        ended: Iterable[int],
        stop: Event,
    ) -> set[str]:
        """Commits; while the disk fails it waits, because what it cannot keep it must not skip."""
        while True:
            try:
                now_ms = time.time_ns() // 1_000_000
                posted = self._ledger.take(
                    incoming,
                    positions,
                    ended,
                    self._alerting,
                    now_ms,
                    gather_seconds=self._gather_seconds,
                    whole=self._whole,
                )
            except sqlite3.OperationalError as why:
                self._disk.met(f"the alert ledger cannot be written: {why}. Trying again")
                if stop.wait(_PAUSE_SECONDS):
                    return set()
            else:
                self._disk.gone()
                return posted
