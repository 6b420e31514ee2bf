"""The lineage writer: the one process that reads the lineage topics and writes the database.

Rows and the offsets they came from are stored in one transaction, and the next start reads on
from the offsets in the database: a kill at any moment neither loses nor doubles a row. The
offsets in Kafka (`group`) are for lag monitoring only and never read back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

import duckdb

from grantline.ports import LineageStore, RejectedRow
from grantline.store.intake import Intake, Topics
from grantline.store.log_reader import LogReader, WriterSettings
from grantline.store.rows import Unstorable

__all__ = ["Topics", "Writer", "WriterSettings"]

_log = logging.getLogger(__name__)

_REST = 3.0
"""Times what a batch took to store, that the next one is gathered: the writer takes a quarter of a
core at most, until batches are as old as they may become."""
_RETRIED = (duckdb.OutOfMemoryException, duckdb.IOException)
"""Trouble that passes: a query of an analyst has the memory, or the disk is full."""


class Writer:
    """Moves records into the store until it is told to stop.

    `counts` says what happened since the start: `rows`, `batches`, `unreadable`.
    """

    def __init__(self, store: LineageStore, settings: WriterSettings) -> None:
        self._store = store
        self._settings = settings
        self._stopping = threading.Event()
        self._age = settings.batch_seconds
        """How old the first record of a batch may become: the last batch tells."""
        self.counts: Counter[str] = Counter()
        self.caught_up = threading.Event()
        """Set while the last look at the logs found nothing more."""

    def stop(self) -> None:
        """Finish the batch at hand and return from `run`. Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Read and write until `stop`. A broker that is down is waited for.

        Raises `log_reader.TopicRecreated` when the database is ahead of a topic, and whatever
        the database raises that waiting does not mend.
        """
        with LogReader(self._settings, self._store.positions()) as reader:
            while not self._stopping.is_set():
                intake = self._fill(reader)
                if (intake.next_offsets or intake.rows) and self._store_batch(intake):
                    reader.report(intake.next_offsets)

    def _fill(self, reader: LogReader) -> Intake:
        """One batch: ended by its size or its age."""
        settings = self._settings
        intake = Intake(settings.topics)
        ends = None
        while (
            not self._stopping.is_set()
            and intake.rows < settings.batch_rows
            and intake.size < settings.batch_bytes
        ):
            left = self._age if ends is None else ends - time.monotonic()
            if left <= 0:
                break
            records = reader.read(left)
            if not records:
                self.caught_up.set()
                break
            self.caught_up.clear()
            ends = ends or time.monotonic() + self._age
            for record in records:
                unreadable = intake.add(record)
                if unreadable is not None:
                    self._say_unreadable(unreadable)
        intake.rejected.extend(reader.lost())
        return intake

    def _store_batch(self, intake: Intake) -> bool:
        """True when the batch is in the database; False when we were stopped before."""
        wait = self._settings.retry_seconds
        while True:
            began = time.monotonic()
            try:
                self._store.write(intake.batch())
            except Unstorable:
                for row in intake.drop_unstorable():
                    self._say_unreadable(row)
            except _RETRIED as why:
                _log.warning("the database refuses a batch, again in %g s: %s", wait, why)
                if self._stopping.wait(wait):
                    return False
                wait = min(wait * 2, self._settings.max_retry_seconds)
            else:
                self._pace(time.monotonic() - began)
                self.counts["batches"] += 1
                self.counts["rows"] += intake.rows
                return True

    def _pace(self, took: float) -> None:
        least, most = self._settings.batch_seconds, self._settings.most_batch_seconds
        self._age = max(least, min(_REST * took, most))

    def _say_unreadable(self, row: RejectedRow) -> None:
        self.counts["unreadable"] += 1
        _log.warning(
            "unreadable record at %s/%d offset %d: %s",
            row.source_topic, row.source_partition, row.source_offset, row.detail,
        )  # fmt: skip
