"""What has been read, decided and told, on disk: the memory that a killed process comes back to.

Findings are taken in together with their Kafka offsets in one transaction, so no message is lost
or decided twice. Of a backlog only the newest state of each finding is held, and decided on when
the backlog ends. A letter is one state of one finding for one destination; it stays in the outbox
until the destination has taken it (`sent`) or it is set aside (`buried`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from grantline.alerts.decide import Known
from grantline.alerts.dedup import State, state_of
from grantline.model.finding import Finding
from grantline.notify.database import Database
from grantline.ports import Position

Choose = Callable[[Finding, Known], tuple[str, ...]]
"""The destinations to tell of a finding, given what is known of it."""

_NEXT: Final = """
SELECT o.seq, o.destination, o.finding_id, o.revision, o.body, o.attempts, o.due,
       o.status = 'retracted' AND t.sent_status IS NOT 'open'
FROM outbox o LEFT JOIN told t USING (finding_id, destination)
WHERE o.destination = ? AND o.refused IS NULL AND NOT EXISTS (
    SELECT 1 FROM outbox e
    WHERE e.destination = o.destination AND e.finding_id = o.finding_id
      AND e.refused IS NULL AND e.revision < o.revision)
ORDER BY o.due, o.seq LIMIT 1"""


class Incoming(NamedTuple):
    """A finding, and the bytes it was read from."""

    finding: Finding
    body: bytes
    backlog: int | None = None
    """The partition that has more of a backlog to come; None where it is the newest there is."""


class Letter(NamedTuple):
    """One state of one finding, on its way to one destination."""

    seq: int
    destination: str
    finding_id: str
    revision: int
    body: bytes
    attempts: int
    """How often it has been tried and put off."""
    due: float
    """Not before this: monotonic seconds of this process."""
    moot: bool
    """It takes back what the destination never accepted, so there is nothing to tell."""


class Queue(NamedTuple):
    """What one destination has not been told."""

    waiting: int
    oldest_ms: int | None
    """When the oldest of them was put into the outbox."""
    dead: int


class Ledger:
    """Every method is one transaction and safe to call from any thread.

    Raises `database.LedgerError` when the file cannot be used, `sqlite3.Error` when the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        with self._database.transaction() as sql:
            # `due` is of the process that wrote it; a new process tries everything at once.
            sql.execute("UPDATE outbox SET due = 0")

    def positions(self, topic: str) -> dict[int, int]:
        """partition -> the next offset to read."""
        with self._database.reading() as sql:
            return dict(
                sql.execute("SELECT part, next_offset FROM position WHERE topic = ?", (topic,))
            )

    def take(
        self,
        incoming: Iterable[Incoming],
        positions: Iterable[Position],
        ended: Iterable[int],
        choose: Choose,
        now_ms: int,
    ) -> set[str]:
        """Takes in what was read up to `positions`; returns who has new letters.

        What belongs to a backlog is held; that of the partitions in `ended` is decided on now,
        and after it what is no backlog.
        """
        posted: set[str] = set()
        with self._database.transaction() as sql:
            live = []
            for each in incoming:
                if each.backlog is None:
                    live.append((each.finding, each.body))
                else:
                    _hold(sql, each.finding, each.body, each.backlog)
            for part in ended:
                for finding, body in _held(sql, part):
                    posted.update(_decide(sql, finding, body, choose, now_ms))
                sql.execute("DELETE FROM held WHERE part = ?", (part,))
            for finding, body in live:
                posted.update(_decide(sql, finding, body, choose, now_ms))
            sql.executemany("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", positions)
        return posted

    def held(self) -> set[int]:
        """The partitions with a backlog that nothing was decided on."""
        with self._database.reading() as sql:
            return {part for (part,) in sql.execute("SELECT DISTINCT part FROM held")}

    def next_letter(self, destination: str) -> Letter | None:
        """The letter to try next, due or not; the states of one finding in their order."""
        with self._database.reading() as sql:
            row = sql.execute(_NEXT, (destination,)).fetchone()
        return None if row is None else Letter._make((*row[:-1], bool(row[-1])))

    def sent(self, letter: Letter, now_ms: int) -> None:
        """The destination has taken it."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE told SET sent_ms = ?, "
                "sent_status = (SELECT status FROM outbox WHERE seq = ?) "
                "WHERE destination = ? AND finding_id = ?",
                (now_ms, letter.seq, letter.destination, letter.finding_id),
            )
            sql.execute("DELETE FROM outbox WHERE seq = ?", (letter.seq,))

    def put_off(self, letter: Letter, due: float) -> None:
        """To be tried again at `due`, monotonic seconds of this process."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE outbox SET attempts = attempts + 1, due = ? WHERE seq = ?",
                (due, letter.seq),
            )

    def dropped(self, letter: Letter) -> None:
        """There was nothing to tell (`Letter.moot`)."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM outbox WHERE seq = ?", (letter.seq,))

    def buried(self, letter: Letter, why: str, now_ms: int) -> None:
        """Set aside as a dead letter."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE outbox SET refused = ?, refused_ms = ? WHERE seq = ?",
                (why, now_ms, letter.seq),
            )

    def queues(self) -> dict[str, Queue]:
        """Destination name -> what it has not been told, where there is anything."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT destination, sum(refused IS NULL), "
                "min(CASE WHEN refused IS NULL THEN since_ms END), sum(refused IS NOT NULL) "
                "FROM outbox GROUP BY destination"
            )
            return {name: Queue(*counts) for name, *counts in rows}

    def forget(self, before_ms: int) -> None:
        """Drops what was last touched before `before_ms` and waits for nothing."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM outbox WHERE refused_ms < ?", (before_ms,))
            sql.execute(
                "DELETE FROM finding WHERE touched_ms < ? "
                "AND id NOT IN (SELECT finding_id FROM outbox)",
                (before_ms,),
            )
            sql.execute("DELETE FROM told WHERE finding_id NOT IN (SELECT id FROM finding)")

    def close(self) -> None:
        self._database.close()


def _hold(sql: sqlite3.Connection, finding: Finding, body: bytes, part: int) -> None:
    sql.execute(
        "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "part = excluded.part, revision = excluded.revision, body = excluded.body "
        "WHERE excluded.revision > revision",
        (finding.id, part, finding.revision, body),
    )


def _held(sql: sqlite3.Connection, part: int) -> Iterator[tuple[Finding, bytes]]:
    """In the order in which each was first seen."""
    for (body,) in sql.execute("SELECT body FROM held WHERE part = ? ORDER BY rowid", (part,)):
        yield Finding.model_validate_json(body), body


def _decide(
    sql: sqlite3.Connection, finding: Finding, body: bytes, choose: Choose, now_ms: int
) -> tuple[str, ...]:
    known = _known(sql, finding.id)
    tell = choose(finding, known)
    for name in tell:
        _post(sql, name, finding, body, now_ms)
    if finding.revision > known.revision:
        sql.execute(
            "INSERT OR REPLACE INTO finding VALUES (?, ?, ?)",
            (finding.id, finding.revision, now_ms),
        )
    return tell


def _known(sql: sqlite3.Connection, finding_id: str) -> Known:
    row = sql.execute("SELECT revision FROM finding WHERE id = ?", (finding_id,)).fetchone()
    if row is None:
        return Known()
    told = sql.execute(
        "SELECT destination, status, severity FROM told WHERE finding_id = ?", (finding_id,)
    )
    return Known(row[0], {name: State(status, severity) for name, status, severity in told})


def _post(sql: sqlite3.Connection, name: str, finding: Finding, body: bytes, now_ms: int) -> None:
    state = state_of(finding)
    sql.execute(
        "INSERT INTO told (finding_id, destination, status, severity, revision) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, "
        "severity = excluded.severity, revision = excluded.revision",
        (finding.id, name, *state, finding.revision),
    )
    sql.execute(
        "INSERT INTO outbox (destination, finding_id, revision, status, body, since_ms) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (name, finding.id, finding.revision, state.status, body, now_ms),
    )
