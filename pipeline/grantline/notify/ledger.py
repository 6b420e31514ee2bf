"""What has been read, decided and told, on disk: the memory that a killed process comes back to.

Findings are taken in together with their Kafka offsets in one transaction, so no message is lost
or decided twice. Of a backlog only the newest state of each finding is held, and decided on when
the backlog ends. A letter is one state of one incident for one destination; it stays in the outbox
until the destination has taken it (`sent`) or it is set aside (`buried`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from grantline.alerts.decide import Alerting
from grantline.alerts.filing import file
from grantline.alerts.member import Member
from grantline.model.finding import Finding
from grantline.notify.acts import Acts
from grantline.notify.database import Database
from grantline.notify.leaving import Records
from grantline.notify.letters import Letters
from grantline.notify.restoring import DONE, READ, Restoring, mark
from grantline.notify.settling import Moment, settle
from grantline.notify.shelf import SqlShelf
from grantline.ports import Position

_AT_ONCE: Final = 200
"""Incidents told of by time alone in one transaction."""


class Incoming(NamedTuple):
    """A finding, and the bytes it was read from."""

    finding: Finding
    body: bytes
    backlog: int | None = None
    """The partition that has more of a backlog to come; None where it is the newest there is."""
    old: bool = False
    """It was said before anybody was there to be told."""


class Ledger(Letters, Records, Acts, Restoring):
    """Every method is one transaction and safe to call from any thread.

    Raises `database.LedgerError` when the file cannot be used, `sqlite3.Error` when the disk fails.
    """

    def __init__(self, path: Path, born_ms: int | None = None) -> None:
        """`born_ms`: when a ledger that is made now begins, of which no topic tells. None: now, or
        when the one began that it is made anew from (`rebuild`).
        """
        self._database = Database(path)
        with self._database.transaction() as sql:
            # `due` is of the process that wrote it; a new process tries everything at once.
            sql.execute("UPDATE outbox SET due = 0")
            self.new = sql.execute("SELECT 1 FROM beginning").fetchone() is None
            if self.new:
                if born_ms is not None:
                    mark(sql, DONE)
                born_ms = time.time_ns() // 1_000_000 if born_ms is None else born_ms
                sql.execute("INSERT INTO beginning VALUES (?)", (born_ms,))
            (self.born_ms,) = sql.execute("SELECT born_ms FROM beginning").fetchone()
            rows = sql.execute("SELECT topic, part, next_offset FROM known_before")
            self._known = {(topic, part): end for topic, part, end in rows}
            row = sql.execute("SELECT stage FROM rebuilt").fetchone()
            self._complete = row is not None and row[0] == DONE
            self._untold = {id_ for (id_,) in sql.execute("SELECT finding_id FROM untold")}

    def knew(self, finding_id: str, topic: str, part: int, offset: int, stamped_ms: int) -> bool:
        """Whether what the broker stamped `stamped_ms` was said before this ledger began."""
        if offset < self._known.get((topic, part), 0):
            return finding_id not in self._untold
        return bool(stamped_ms < self.born_ms)

    def positions(self, topic: str, topic_id: str = "") -> dict[int, int]:
        """partition -> the next offset to read.

        `topic_id`: of the topic as it is now, where the broker tells one. Where another one was read
        under that name, its positions are forgotten: they say nothing of this one.
        """
        with self._database.transaction() as sql:
            if topic_id and self._is_anew(sql, topic, topic_id):
                sql.execute("DELETE FROM position WHERE topic = ?", (topic,))
                sql.execute("DELETE FROM known_before WHERE topic = ?", (topic,))
                self._known = {
                    place: end for place, end in self._known.items() if place[0] != topic
                }
            rows = sql.execute("SELECT part, next_offset FROM position WHERE topic = ?", (topic,))
            return dict(rows)

    @staticmethod
    def _is_anew(sql: sqlite3.Connection, topic: str, topic_id: str) -> bool:
        """Whether another topic of that name was read; notes which it is now."""
        found = sql.execute("SELECT id FROM topic WHERE name = ?", (topic,)).fetchone()
        sql.execute("INSERT OR REPLACE INTO topic VALUES (?, ?)", (topic, topic_id))
        return found is not None and found[0] != topic_id

    def take(
        self,
        incoming: Iterable[Incoming],
        positions: Iterable[Position],
        ended: Iterable[int],
        alerting: Alerting,
        now_ms: int,
        *,
        gather_seconds: float = 0.0,
        whole: bool = False,
    ) -> set[str]:
        """Takes in what was read up to `positions`; returns who has new letters.

        What belongs to a backlog is held; that of the partitions in `ended` is filed now, and after
        it what is no backlog. Then each incident that changed is decided on, once. `whole`: with
        these the backlog of all partitions has ended, so a ledger that was made anew is complete.
        """
        with self._database.transaction() as sql:
            live = []
            for each in incoming:
                if each.backlog is None:
                    live.append((each.finding, each.body, each.old))
                else:
                    _hold(sql, each, each.backlog)
            shelf = SqlShelf(sql, now_ms)
            touched: dict[str, None] = {}
            for part in ended:
                for finding, body, old in _held(sql, part):
                    touched |= dict.fromkeys(_file(shelf, finding, body, old))
                sql.execute("DELETE FROM held WHERE part = ?", (part,))
            for finding, body, old in live:
                touched |= dict.fromkeys(_file(shelf, finding, body, old))
            moment = Moment(now_ms, time.monotonic(), gather_seconds, self.born_ms)
            posted: set[str] = set()
            for incident_id in touched:
                posted |= settle(sql, shelf, incident_id, alerting, moment)
            sql.executemany("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", positions)
            if whole and not self._complete:
                mark(sql, DONE)
        self._complete = self._complete or whole
        return posted

    def tick(self, alerting: Alerting, now_ms: int) -> set[str]:
        """Decides on what time alone gives something to say; returns who has new letters."""
        posted = self.end_silences(alerting, now_ms)
        with self._database.reading() as sql:
            due = sql.execute(
                "SELECT id FROM incident WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
                (now_ms, _AT_ONCE),
            ).fetchall()
        if not due:
            return posted
        with self._database.transaction() as sql:
            shelf = SqlShelf(sql, now_ms)
            moment = Moment(now_ms, time.monotonic(), born_ms=self.born_ms)
            for (incident_id,) in due:
                posted |= settle(sql, shelf, incident_id, alerting, moment)
        return posted

    def recall(self, destination: str, key: str) -> str | None:
        """What `destination` remembered under `key`."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT value FROM remembered WHERE destination = ? AND key = ?", (destination, key)
            ).fetchone()
        return None if row is None else str(row[0])

    def remember(self, destination: str, key: str, value: str) -> None:
        """Keeps `value` for `recall`, through restarts."""
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO remembered VALUES (?, ?, ?, ?)",
                (destination, key, value, time.time_ns() // 1_000_000),
            )

    def members(self) -> list[Member]:
        """Every finding that is known, as its incident has it."""
        with self._database.reading() as sql:
            return SqlShelf(sql, 0).everyone()

    def held(self) -> set[int]:
        """The partitions with a backlog that nothing was decided on."""
        with self._database.reading() as sql:
            return {part for (part,) in sql.execute("SELECT DISTINCT part FROM held")}

    def forget(self, before_ms: int) -> None:
        """Drops what was last touched before `before_ms` and waits for nothing.

        Nothing of a ledger that is being made anew: what its incidents are made of is not back yet.
        """
        if self.stage() == READ:
            return
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM outbox WHERE refused_ms < ?", (before_ms,))
            sql.execute(
                "DELETE FROM finding WHERE touched_ms < ? "
                "AND incident_id NOT IN (SELECT incident_id FROM outbox)",
                (before_ms,),
            )
            sql.execute("DELETE FROM token WHERE finding_id NOT IN (SELECT id FROM finding)")
            sql.execute(
                "DELETE FROM incident WHERE id NOT IN (SELECT incident_id FROM finding) "
                "AND id NOT IN (SELECT incident_id FROM outbox)"
            )
            sql.execute("DELETE FROM action WHERE taken_ms < ?", (before_ms,))
            sql.execute("DELETE FROM spoiled WHERE met_ms < ?", (before_ms,))
            sql.execute("DELETE FROM remembered WHERE kept_ms < ?", (before_ms,))
            sql.execute("DELETE FROM told WHERE incident_id NOT IN (SELECT id FROM incident)")

    def close(self) -> None:
        self._database.close()


def _hold(sql: sqlite3.Connection, each: Incoming, part: int) -> None:
    finding = each.finding
    sql.execute(
        "INSERT INTO held VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET "
        "before = CASE WHEN old AND NOT excluded.old THEN body ELSE before END, "
        "part = excluded.part, revision = excluded.revision, old = excluded.old, "
        "body = excluded.body WHERE excluded.revision > revision",
        (finding.id, part, finding.revision, each.old, each.body),
    )


def _held(sql: sqlite3.Connection, part: int) -> Iterator[tuple[Finding, bytes, bool]]:
    """In the order in which each was first seen; of one that was known before the beginning, that too."""
    rows = sql.execute("SELECT body, old, before FROM held WHERE part = ? ORDER BY rowid", (part,))
    for body, old, before in rows.fetchall():
        if before is not None:
            yield Finding.model_validate_json(before), before, True
        yield Finding.model_validate_json(body), body, bool(old)


def _file(shelf: SqlShelf, finding: Finding, body: bytes, old: bool) -> Iterable[str]:
    touched = file(finding, shelf, old=old)
    if touched:
        shelf.keep_body(finding.id, body)
    return sorted(touched)
