"""The ledger's outbox: pages put into it, and taken out again as long as nobody can have seen them."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

import msgspec

from grantline.alerts.decide import Told
from grantline.model.page import Page

_encode = msgspec.msgpack.Encoder().encode
_told: Final = msgspec.msgpack.Decoder(Told)
_json = msgspec.json.Encoder().encode


class Held(NamedTuple):
    """A letter that was taken out again."""

    seq: int
    due: float
    before: Told | None
    """What its destination had been told before it."""


class Post(NamedTuple):
    """How a page goes into the outbox."""

    told: Told
    before: Told | None
    due: float
    now_ms: int


def taken(sql: sqlite3.Connection, incident_id: str) -> dict[str, Told]:
    """What each destination has in fact taken last."""
    rows = sql.execute(
        "SELECT destination, sent_state FROM told WHERE incident_id = ? AND sent_state IS NOT NULL",
        (incident_id,),
    )
    return {name: _told.decode(state) for name, state in rows}


def told_of(sql: sqlite3.Connection, incident_id: str) -> dict[str, Told]:
    """What each destination was told last, or is about to be."""
    rows = sql.execute("SELECT destination, state FROM told WHERE incident_id = ?", (incident_id,))
    return {name: _told.decode(state) for name, state in rows}


def take_back(sql: sqlite3.Connection, incident_id: str, monotonic: float) -> dict[str, Held]:
    """Takes letters that nobody can have seen out of the outbox.

    A postman asks for the time before he looks for a letter: one that is due later than it is now,
    in a transaction of its own, was in nobody's hands.
    """
    rows = sql.execute(
        "DELETE FROM outbox WHERE incident_id = ? AND refused IS NULL AND attempts = 0 AND due > ? "
        "RETURNING seq, destination, due, before",
        (incident_id, monotonic),
    ).fetchall()
    return {
        name: Held(seq, due, None if before is None else _told.decode(before))
        for seq, name, due, before in rows
    }


def waits(sql: sqlite3.Connection, incident_id: str, name: str) -> bool:
    """Whether the destination has not taken what came before."""
    row = sql.execute(
        "SELECT 1 FROM outbox WHERE incident_id = ? AND destination = ? AND refused IS NULL",
        (incident_id, name),
    ).fetchone()
    return row is not None


def as_before(sql: sqlite3.Connection, incident_id: str, name: str, told: Told | None) -> None:
    """As if the letter that was taken out had never been."""
    if told is None:
        sql.execute(
            "DELETE FROM told WHERE incident_id = ? AND destination = ?", (incident_id, name)
        )
    else:
        sql.execute(
            "UPDATE told SET state = ? WHERE incident_id = ? AND destination = ?",
            (_encode(told), incident_id, name),
        )


def post_page(sql: sqlite3.Connection, name: str, page: Page, post: Post) -> None:
    """Puts a page into the outbox of one destination."""
    sql.execute(
        "INSERT INTO told (incident_id, destination, state, revision) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET state = excluded.state, revision = excluded.revision",
        (page.id, name, _encode(post.told), page.revision),
    )
    before = None if post.before is None else _encode(post.before)
    sql.execute(
        "INSERT INTO outbox (destination, incident_id, revision, event, body, before, after, due, "
        "since_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            page.id,
            page.revision,
            page.event,
            _json(page),
            before,
            _encode(post.told),
            post.due,
            post.now_ms,
        ),
    )
