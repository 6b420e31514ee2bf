"""A new ledger filled with what the topics tell of the one that was lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Final, Literal

import msgspec

from grantline.alerts import rebuilt
from grantline.alerts.silence import silence_of
from grantline.model.action import Action, milliseconds
from grantline.model.incident import IncidentRecord
from grantline.notify.database import Database

_encode = msgspec.msgpack.Encoder().encode
READ: Final = "read"
"""The topics have been read; findings have not, so nothing is decided yet."""
DONE: Final = "done"


class Restoring:
    """The part of the ledger that is asked once, before anything was read."""

    _database: Database
    born_ms: int

    def stage(self) -> Literal["", "read", "done"]:
        """How far it has been made anew from the topics; empty for not at all."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT stage FROM rebuilt").fetchone()
        return "" if row is None else row[0]

    def rebuild(
        self, records: Collection[IncidentRecord], outcomes: Collection[Action], now_ms: int
    ) -> None:
        """Takes over the last record of each incident, and what became of each action."""
        with self._database.transaction() as sql:
            for record in records:
                _take_over(sql, record)
            _act_again(sql, outcomes, now_ms)
            born = [ms for record in records if (ms := rebuilt.born_ms(record)) is not None]
            if born:
                self.born_ms = min(self.born_ms, *born)
                sql.execute("UPDATE beginning SET born_ms = ?", (self.born_ms,))
            mark(sql, READ if records else DONE)


def mark(sql: sqlite3.Connection, stage: str) -> None:
    """Notes how far it is."""
    sql.execute("DELETE FROM rebuilt")
    sql.execute("INSERT INTO rebuilt VALUES (?)", (stage,))


def _take_over(sql: sqlite3.Connection, record: IncidentRecord) -> None:
    sql.execute(
        "INSERT OR REPLACE INTO incident (id, kind, key, subject, episode, revision, members, uses, "
        "lead, changed_ms, handling) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.id, record.kind, record.group_key, record.subject, record.episode, record.revision,
         record.member_count, record.uses, record.lead, rebuilt.changed_ms(record),
         _encode(rebuilt.handling_of(record))),
    )  # fmt: skip
    for name, told in rebuilt.told_of(record).items():
        state = _encode(told)
        sql.execute(
            "INSERT OR REPLACE INTO told (incident_id, destination, state, revision, sent_event, "
            "sent_ms, sent_state) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (record.id, name, state, record.revision, told.event, told.told_ms, state),
        )


def _act_again(sql: sqlite3.Connection, outcomes: Collection[Action], now_ms: int) -> None:
    for action in outcomes:
        sql.execute(
            "INSERT OR IGNORE INTO action VALUES (?, ?, ?)",
            (action.id, action.state, milliseconds(action.outcome_at or action.at)),
        )
        if action.state == "taken" and action.what == "silence":
            silence = silence_of(action)
            if silence.until_ms > now_ms:
                sql.execute(
                    "INSERT OR REPLACE INTO silence VALUES (?, ?, ?)",
                    (silence.id, silence.until_ms, _encode(silence)),
                )
    ended = [(each.silence,) for each in outcomes if _ends(each)]
    sql.executemany("DELETE FROM silence WHERE id = ?", ended)


def _ends(action: Action) -> bool:
    return action.state == "taken" and action.what == "unsilence"
