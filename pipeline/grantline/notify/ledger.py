"""What has been read, decided and told, on disk: the memory that a killed process comes back to.

Findings are taken in together with their Kafka offsets in one transaction, so no message is lost
or decided twice. A letter is one state of one finding for one destination; it stays in the outbox
until the destination has taken it (`sent`) or refused it for good (`buried`).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from grantline.alerts.decide import Decision, Known
from grantline.alerts.dedup import State, state_of
from grantline.model.finding import Finding
from grantline.notify.database import Database, LedgerError
from grantline.ports import Position

_NEXT: Final = """
SELECT o.seq, o.destination, o.finding_id, o.revision, o.body, o.attempts, o.due, o.since_ms,
       o.status = 'retracted' AND t.sent_status IS NOT 'open'
FROM outbox o LEFT JOIN told t USING (finding_id, destination)
WHERE o.destination = ? AND NOT EXISTS (
    SELECT 1 FROM outbox e
    WHERE e.destination = o.destination AND e.finding_id = o.finding_id
      AND e.revision < o.revision)
ORDER BY o.due, o.seq LIMIT 1"""


class Incoming(NamedTuple):
    """A finding, and the bytes it was read from."""

    finding: Finding
    body: bytes


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
    since_ms: int
    """When it was put into the outbox, milliseconds since the epoch."""
    moot: bool
    """It takes back what the destination never accepted, so there is nothing to tell."""


class Taken(NamedTuple):
    """What one batch came to."""

    letters: Counter[str]
    """Destination name -> letters put into its outbox."""
    stale: int
    """Messages that were copies of, or older than, one already taken."""


class Queue(NamedTuple):
    """What waits for one destination."""

    letters: int
    oldest_ms: int


class Ledger:
    """Every method is one transaction and safe to call from any thread.

    Raises `LedgerError` when the file cannot be used, `sqlite3.Error` when the disk fails.
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
        choose: Callable[[Finding, Known], Decision],
        now_ms: int,
    ) -> Taken:
        """Decides on each finding with `choose` and keeps the outcome, with the positions read."""
        taken = Taken(Counter(), 0)
        with self._database.transaction() as sql:
            for finding, body in incoming:
                decision = choose(finding, _known(sql, finding.id))
                if decision.stale:
                    taken = taken._replace(stale=taken.stale + 1)
                    continue
                _remember(sql, finding, now_ms)
                for name in decision.tell:
                    _post(sql, name, finding, body, now_ms)
                taken.letters.update(decision.tell)
            sql.executemany("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", positions)
        return taken

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
        """The destination will never take it: kept as a dead letter."""
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?)",
                (*letter[1:5], why, now_ms),
            )
            sql.execute("DELETE FROM outbox WHERE seq = ?", (letter.seq,))

    def waiting(self) -> Mapping[str, Queue]:
        """Destination name -> what waits for it."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT destination, count(*), min(since_ms) FROM outbox GROUP BY destination"
            ).fetchall()
        return {name: Queue(letters, oldest) for name, letters, oldest in rows}

    def dead(self) -> Mapping[str, int]:
        """Destination name -> dead letters kept for it."""
        with self._database.reading() as sql:
            return dict(sql.execute("SELECT destination, count(*) FROM dead GROUP BY destination"))

    def revive(self, now_ms: int) -> int:
        """Puts dead letters back into the outbox and returns how many.

        Only the last state decided for a finding goes back: an older one is no longer true and
        is forgotten.
        """
        with self._database.transaction() as sql:
            revived = sql.execute(
                "INSERT OR IGNORE INTO outbox "
                "(destination, finding_id, revision, status, body, since_ms) "
                "SELECT d.destination, d.finding_id, d.revision, t.status, d.body, ? FROM dead d "
                "JOIN told t USING (destination, finding_id, revision)",
                (now_ms,),
            ).rowcount
            sql.execute("DELETE FROM dead")
        return revived

    def forget(self, before_ms: int) -> None:
        """Drops what was last touched before `before_ms` and waits for nothing."""
        with self._database.transaction() as sql:
            sql.execute(
                "DELETE FROM finding WHERE touched_ms < ? "
                "AND id NOT IN (SELECT finding_id FROM outbox)",
                (before_ms,),
            )
            sql.execute("DELETE FROM told WHERE finding_id NOT IN (SELECT id FROM finding)")
            sql.execute("DELETE FROM dead WHERE died_ms < ?", (before_ms,))

    def close(self) -> None:
        self._database.close()


def _known(sql: sqlite3.Connection, finding_id: str) -> Known:
    row = sql.execute("SELECT revision FROM finding WHERE id = ?", (finding_id,)).fetchone()
    if row is None:
        return Known()
    told = sql.execute(
        "SELECT destination, status, severity FROM told WHERE finding_id = ?", (finding_id,)
    )
    return Known(row[0], {name: State(status, severity) for name, status, severity in told})


def _remember(sql: sqlite3.Connection, finding: Finding, now_ms: int) -> None:
    sql.execute(
        "INSERT OR REPLACE INTO finding VALUES (?, ?, ?)", (finding.id, finding.revision, now_ms)
    )


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


__all__ = ["Incoming", "Ledger", "LedgerError", "Letter", "Queue", "Taken"]
