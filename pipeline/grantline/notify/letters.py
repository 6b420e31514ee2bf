"""Letters: states of incidents on their way to destinations, as the ledger's outbox has them."""

from __future__ import annotations

from typing import Final, NamedTuple

from grantline.model.page import OVER
from grantline.notify.database import Database

_OVER: Final = ", ".join(f"'{event}'" for event in sorted(OVER))
_NEXT: Final = f"""
SELECT o.seq, o.destination, o.incident_id, o.revision, o.body, o.attempts, o.due,
       o.event IN ({_OVER}) AND (t.sent_event IS NULL OR t.sent_event IN ({_OVER}))
FROM outbox o LEFT JOIN told t USING (incident_id, destination)
WHERE o.destination = ? AND o.refused IS NULL AND NOT EXISTS (
    SELECT 1 FROM outbox e
    WHERE e.destination = o.destination AND e.incident_id = o.incident_id
      AND e.refused IS NULL AND e.revision < o.revision)
ORDER BY o.due, o.seq LIMIT 1"""  # noqa: S608 - constants of ours


class Letter(NamedTuple):
    """One state of one incident, on its way to one destination."""

    seq: int
    destination: str
    incident_id: str
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


class Letters:
    """The part of the ledger that a postman works with."""

    _database: Database

    def next_letter(self, destination: str) -> Letter | None:
        """The letter to try next, due or not; the states of one incident in their order."""
        with self._database.reading() as sql:
            row = sql.execute(_NEXT, (destination,)).fetchone()
        return None if row is None else Letter._make((*row[:-1], bool(row[-1])))

    def sent(self, letter: Letter, now_ms: int) -> None:
        """The destination has taken it. That leaves as a record with the next tick."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE told SET sent_ms = ?, "
                "(sent_event, sent_state) = (SELECT event, after FROM outbox WHERE seq = ?) "
                "WHERE destination = ? AND incident_id = ?",
                (now_ms, letter.seq, letter.destination, letter.incident_id),
            )
            sql.execute("UPDATE incident SET due_ms = ? WHERE id = ?", (now_ms, letter.incident_id))
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
