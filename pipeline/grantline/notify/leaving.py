"""Records of ours on their way to Kafka: the ledger's second outbox.

What changed and the record that says so are one transaction. A record of an incident that has not
left yet is replaced by the next one of the same state, so that a storm leaves as a few records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from grantline.notify.database import Database

Stream: TypeAlias = Literal["incidents", "actions"]
_AT_ONCE: Final = 200


class Leaving(NamedTuple):
    """One record that a topic does not have yet."""

    seq: int
    stream: Stream
    key: str
    body: bytes


def leave(
    sql: sqlite3.Connection, stream: Stream, key: str, body: bytes, *, alike: str = ""
) -> None:
    """Puts a record into the outbox. `alike`: it says all that one said that waits under the same
    key and word, which is dropped.
    """
    if alike:
        # What is taken already has been read by who sends it, and is told apart by its number.
        sql.execute(
            "DELETE FROM leaving WHERE stream = ? AND key = ? AND alike = ? AND seq = "
            "(SELECT max(seq) FROM leaving WHERE stream = ? AND key = ?)",
            (stream, key, alike, stream, key),
        )
    sql.execute(
        "INSERT INTO leaving (stream, key, alike, body) VALUES (?, ?, ?, ?)",
        (stream, key, alike, body),
    )


class Records:
    """The part of the ledger that whoever writes to Kafka works with."""

    _database: Database

    def leaving(self) -> list[Leaving]:
        """The next records, in the order in which they must leave."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT seq, stream, key, body FROM leaving ORDER BY seq LIMIT ?", (_AT_ONCE,)
            ).fetchall()
        return [Leaving._make(row) for row in rows]

    def left(self, records: Sequence[Leaving]) -> None:
        """The topics have them."""
        with self._database.transaction() as sql:
            sql.executemany("DELETE FROM leaving WHERE seq = ?", [(each.seq,) for each in records])

    def to_leave(self) -> int:
        """How many records the topics do not have yet."""
        with self._database.reading() as sql:
            return int(sql.execute("SELECT count(*) FROM leaving").fetchone()[0])
