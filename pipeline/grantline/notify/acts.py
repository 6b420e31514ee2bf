"""What people did, taken into the ledger: each action once, with its place in the topic.

An action, what it changes, what is told because of it and the record that says what became of it are
one transaction. A silence is kept until it ends; the findings that it covers are marked with it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from grantline.alerts.act import Untaken, acted
from grantline.alerts.decide import Alerting
from grantline.alerts.silence import Silence, silence_of, silenced_by
from grantline.model.action import Action, encode, instant_of
from grantline.notify.database import Database
from grantline.notify.leaving import leave
from grantline.notify.settling import Moment, handling_of, incident_of, keep_handling, settle
from grantline.notify.shelf import SqlShelf
from grantline.ports import Position

_encode = msgspec.msgpack.Encoder().encode


class Spoiled(NamedTuple):
    """A record that is no action: a dead letter, without its text, which may be anything."""

    topic: str
    partition: int
    offset: int
    why: str


class Acts:
    """The part of the ledger that takes what people did."""

    _database: Database
    born_ms: int

    def act(
        self,
        actions: Iterable[Action],
        spoiled: Sequence[Spoiled],
        positions: Iterable[Position],
        alerting: Alerting,
        now_ms: int,
    ) -> set[str]:
        """Takes each action that it does not know; returns who has new letters."""
        with self._database.transaction() as sql:
            desk = _Desk(sql, now_ms)
            for action in actions:
                desk.take(action)
            sql.executemany(
                "INSERT OR IGNORE INTO spoiled VALUES (?, ?, ?, ?, ?)",
                [(*each, now_ms) for each in spoiled],
            )
            sql.executemany("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", positions)
            return desk.settled(alerting, self.born_ms)

    def end_silences(self, alerting: Alerting, now_ms: int) -> set[str]:
        """Ends those whose time has come; returns who has new letters."""
        with self._database.reading() as sql:
            due = sql.execute("SELECT id FROM silence WHERE until_ms <= ?", (now_ms,)).fetchall()
        if not due:
            return set()
        with self._database.transaction() as sql:
            desk = _Desk(sql, now_ms)
            for (id_,) in due:
                desk.end(id_)
            return desk.settled(alerting, self.born_ms)

    def silences(self) -> list[Silence]:
        """Those that hold."""
        with self._database.reading() as sql:
            return list(SqlShelf(sql, 0).silences())


class _Desk:
    """One transaction's worth of actions."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        self._sql = sql
        self._now_ms = now_ms
        self._shelf = SqlShelf(sql, now_ms)
        self._touched: dict[str, None] = {}

    def take(self, action: Action) -> None:
        if action.state != "recorded":  # what became of it, as we said ourselves
            return
        known = self._sql.execute("SELECT 1 FROM action WHERE id = ?", (action.id,)).fetchone()
        if known is not None:
            return
        at = instant_of(self._now_ms)
        try:
            self._doing(action)(action)
        except Untaken as why:
            outcome = replace(action, state="refused", outcome_at=at, why=str(why))
        else:
            outcome = replace(action, state="taken", outcome_at=at)
        self._sql.execute(
            "INSERT INTO action VALUES (?, ?, ?)", (action.id, outcome.state, self._now_ms)
        )
        leave(self._sql, "actions", action.key, encode(outcome))

    def _doing(self, action: Action) -> Callable[[Action], None]:
        return {"silence": self._silence, "unsilence": self._unsilence}.get(
            action.what, self._handle
        )

    def _handle(self, action: Action) -> None:
        id_ = action.incident or ""
        found = incident_of(self._sql, self._shelf, id_)
        if found is None:
            raise Untaken("no such incident is known")
        row, incident = found
        keep_handling(
            self._sql, id_, acted(handling_of(row.handling), action, incident, self._now_ms)
        )
        self._touched[id_] = None

    def _silence(self, action: Action) -> None:
        silence = silence_of(action)
        if silence.until_ms <= self._now_ms:
            raise Untaken("it had ended before it was taken")
        self.begin(silence)

    def _unsilence(self, action: Action) -> None:
        if not self.end(action.silence or ""):
            raise Untaken("no such silence holds")

    def begin(self, silence: Silence) -> None:
        self._sql.execute(
            "INSERT OR REPLACE INTO silence VALUES (?, ?, ?)",
            (silence.id, silence.until_ms, _encode(silence)),
        )
        self._shelf.forget_silences()
        self._mark("SELECT id FROM finding")

    def end(self, id_: str) -> bool:
        """False where there is none."""
        gone = self._sql.execute("DELETE FROM silence WHERE id = ?", (id_,)).rowcount
        self._shelf.forget_silences()
        self._mark("SELECT id FROM finding WHERE silence = ?", id_)
        return bool(gone)

    def _mark(self, which: str, *given: str) -> None:
        """Says anew of findings which silence they are under."""
        silences = list(self._shelf.silences())
        for (id_,) in self._sql.execute(which, given).fetchall():
            member = self._shelf.member(id_)
            if member is None:
                continue
            by = silenced_by(member, silences)
            if by != member.silenced_by:
                self._shelf.put(replace(member, silenced_by=by))
                self._touched[member.incident_id] = None

    def settled(self, alerting: Alerting, born_ms: int) -> set[str]:
        moment = Moment(self._now_ms, time.monotonic(), born_ms=born_ms)
        posted: set[str] = set()
        for id_ in self._touched:
            posted |= settle(self._sql, self._shelf, id_, alerting, moment)
        return posted
