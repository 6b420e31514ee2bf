"""Dead letters, for the on-call: what was set aside, and how it is sent after all.

Both work beside a running alert process, which takes up what was put back within seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from grantline.notify.database import Database, LedgerError
from grantline.notify.settings import LEDGER_FILE


class Dead(NamedTuple):
    """One state of one incident that a destination would not have; or a record that is no action."""

    since: datetime
    destination: str
    incident_id: str
    why: str


def listed(data_dir: Path) -> list[Dead]:
    """Every dead letter, oldest first. Raises `LedgerError`."""
    with _transaction(data_dir) as sql:
        rows = sql.execute(
            "SELECT refused_ms, destination, incident_id, refused FROM outbox "
            "WHERE refused IS NOT NULL UNION ALL "
            "SELECT met_ms, 'actions', topic || '[' || part || '] offset ' || place, why FROM spoiled "
            "ORDER BY 1"
        ).fetchall()
    return [Dead(datetime.fromtimestamp(row[0] // 1_000, UTC), *row[1:]) for row in rows]


def revive(data_dir: Path) -> tuple[int, int]:
    """Puts dead letters back into the outbox; returns how many, and how many were let go.

    Only the last state decided for an incident goes back: an older one is no longer true. Raises
    `LedgerError`.
    """
    with _transaction(data_dir) as sql:
        let_go = sql.execute(
            "DELETE FROM outbox WHERE refused IS NOT NULL AND (destination, incident_id, revision) "
            "NOT IN (SELECT destination, incident_id, revision FROM told)"
        ).rowcount
        revived = sql.execute(
            "UPDATE outbox SET refused = NULL, refused_ms = NULL, attempts = 0, due = 0 "
            "WHERE refused IS NOT NULL"
        ).rowcount
    return revived, let_go


@contextmanager
def _transaction(data_dir: Path) -> Iterator[sqlite3.Connection]:
    path = data_dir / LEDGER_FILE
    try:
        with closing(Database(path, beside=True)) as database, database.transaction() as sql:
            yield sql
    except (sqlite3.Error, OSError) as why:
        raise LedgerError(f"{path} cannot be used now ({why}): try again") from None
