"""One incident after something of it changed, or after time passed: who is told what, in the ledger.

A message that begins a page waits a moment before it goes out. What joins meanwhile is told with it:
the message is taken out of the outbox, unread, and decided on again. One that a destination may have
seen is never changed; it could not tell the newer one from a second state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from grantline.alerts.decide import Alerting, Told, after, news, next_ms
from grantline.alerts.group import Key
from grantline.alerts.handling import Handling
from grantline.alerts.incident import Incident, summarise
from grantline.alerts.page import page_of
from grantline.alerts.record import Kept, content, record_of
from grantline.alerts.state import next_change_ms
from grantline.model.finding import Finding
from grantline.model.incident import IncidentRecord, encode
from grantline.model.page import BEGINS, Event, Page
from grantline.notify.leaving import leave
from grantline.notify.shelf import SqlShelf

_encode = msgspec.msgpack.Encoder().encode
_handling: Final = msgspec.msgpack.Decoder(Handling)
_told: Final = msgspec.msgpack.Decoder(Told)
_json = msgspec.json.Encoder().encode
_CAN_WAIT: Final = frozenset({"updated", "quiet"})
"""What is not piled up for a destination that has not taken what came before."""
_AGAIN_MS: Final = 1_000


class Moment(NamedTuple):
    """Now, by both clocks."""

    ms: int
    """Since the epoch."""
    monotonic: float
    """Seconds of this process."""
    gather_seconds: float = 0.0
    """How long what begins a page may wait for what belongs on it."""
    born_ms: int = 0
    """When the ledger began."""


class _Row(NamedTuple):
    kind: str
    key: str
    subject: str
    episode: int
    revision: int
    members: int
    uses: int
    lead: str | None
    changed_ms: int
    said: bytes | None
    handling: bytes | None


class _Held(NamedTuple):
    seq: int
    due: float
    before: Told | None


def settle(
    sql: sqlite3.Connection, shelf: SqlShelf, incident_id: str, alerting: Alerting, now: Moment
) -> set[str]:
    """Decides, and posts; returns who has a new letter."""
    columns = ", ".join(_Row._fields)
    found = sql.execute(f"SELECT {columns} FROM incident WHERE id = ?", (incident_id,)).fetchone()  # noqa: S608
    row = _Row._make(found)
    key = Key(row.kind, row.key, row.subject)
    incident = summarise(incident_id, key, shelf.members(incident_id))
    came = incident.uses > row.uses or incident.members > row.members
    changed_ms = now.ms if came or not row.changed_ms else row.changed_ms
    told = _told_of(sql, incident_id)
    held = _take_back(sql, incident_id, now)
    for name, letter in held.items():
        told.pop(name, None)
        if letter.before is not None:
            told[name] = letter.before
    events: dict[str, Event] = {}
    for name in alerting.destinations:
        event = news(incident, told.get(name), alerting, changed_ms=changed_ms, now_ms=now.ms)
        if event is not None and not (event in _CAN_WAIT and _waits(sql, incident_id, name)):
            events[name] = event
    again = [told[name].episode + 1 for name, event in events.items()
             if event in BEGINS and name in told]  # fmt: skip
    episode = max((row.episode, *again))
    lead = incident.lead or row.lead or ""
    body = shelf.body(lead)
    finding = None if body is None else Finding.model_validate_json(body)
    kept = Kept(
        key=key, handling=handling_of(row.handling), told=_taken(sql, incident_id),
        changed_ms=changed_ms, born_ms=now.born_ms, episode=episode, revision=row.revision + 1,
    )  # fmt: skip
    record = None if finding is None else record_of(incident, finding, kept, alerting, now.ms)
    said = row.said if record is None else _say(sql, record, row.said, told=bool(events))
    revision = row.revision + (bool(events) or said != row.said)
    for name, event in events.items():
        if finding is None:  # nothing is left to tell it by
            break
        before = told.get(name)
        page = page_of(incident, finding, event, before, episode=episode, revision=revision,
                       now_ms=now.ms)  # fmt: skip
        due = 0.0
        if event in BEGINS and now.gather_seconds > 0:
            due = held[name].due if name in held else now.monotonic + now.gather_seconds
        told[name] = after(incident, event, before, episode, now.ms)
        _post(sql, name, page, _Post(told[name], before, due, now.ms))
    for name, letter in held.items():
        if name not in events:
            _as_before(sql, incident_id, name, letter.before)
    known = [told[name] for name in alerting.destinations if name in told]
    sql.execute(
        "UPDATE incident SET episode = ?, revision = ?, members = ?, uses = ?, lead = ?, "
        "changed_ms = ?, due_ms = ?, said = ? WHERE id = ?",
        (episode, revision, incident.members, incident.uses, lead or None, changed_ms,
         _due(incident, known, alerting, changed_ms, now), said, incident_id),
    )  # fmt: skip
    return set(events)


def _due(
    incident: Incident, known: Iterable[Told], alerting: Alerting, changed_ms: int, now: Moment
) -> int | None:
    """When time alone gives somebody something, or changes the state."""
    times = [next_ms(incident, told, alerting.rhythm, changed_ms) for told in known]
    times.append(next_change_ms(incident, alerting.rhythm, changed_ms, now.ms))
    due = min((time for time in times if time is not None), default=None)
    return None if due is None else max(due, now.ms + _AGAIN_MS)


def _say(
    sql: sqlite3.Connection, record: IncidentRecord, before: bytes | None, *, told: bool
) -> bytes:
    """Lets the record leave where it says other than `before`, or somebody is `told`."""
    said = content(record)
    if told or said != before:
        alike = f"{record.state} {record.severity} {record.episode}"
        leave(sql, "incidents", record.id, encode(record), alike=alike)
    return said


def handling_of(stored: bytes | None) -> Handling:
    """What people did, as the ledger keeps it."""
    return Handling() if stored is None else _handling.decode(stored)


def _taken(sql: sqlite3.Connection, incident_id: str) -> dict[str, Told]:
    """What each destination has taken last."""
    rows = sql.execute(
        "SELECT destination, sent_state FROM told WHERE incident_id = ? AND sent_state IS NOT NULL",
        (incident_id,),
    )
    return {name: _told.decode(state) for name, state in rows}


def _told_of(sql: sqlite3.Connection, incident_id: str) -> dict[str, Told]:
    rows = sql.execute("SELECT destination, state FROM told WHERE incident_id = ?", (incident_id,))
    return {name: _told.decode(state) for name, state in rows}


def _take_back(sql: sqlite3.Connection, incident_id: str, now: Moment) -> dict[str, _Held]:
    """Takes letters that nobody can have seen out of the outbox.

    A postman asks for the time before he looks for a letter: one that is due later than it is now,
    in a transaction of its own, was in nobody's hands.
    """
    rows = sql.execute(
        "DELETE FROM outbox WHERE incident_id = ? AND refused IS NULL AND attempts = 0 AND due > ? "
        "RETURNING seq, destination, due, before",
        (incident_id, now.monotonic),
    ).fetchall()
    return {
        name: _Held(seq, due, None if before is None else _told.decode(before))
        for seq, name, due, before in rows
    }


def _waits(sql: sqlite3.Connection, incident_id: str, name: str) -> bool:
    row = sql.execute(
        "SELECT 1 FROM outbox WHERE incident_id = ? AND destination = ? AND refused IS NULL",
        (incident_id, name),
    ).fetchone()
    return row is not None


def _as_before(sql: sqlite3.Connection, incident_id: str, name: str, told: Told | None) -> None:
    if told is None:
        sql.execute(
            "DELETE FROM told WHERE incident_id = ? AND destination = ?", (incident_id, name)
        )
    else:
        sql.execute(
            "UPDATE told SET state = ? WHERE incident_id = ? AND destination = ?",
            (_encode(told), incident_id, name),
        )


class _Post(NamedTuple):
    """How a page goes into the outbox."""

    told: Told
    before: Told | None
    due: float
    now_ms: int


def _post(sql: sqlite3.Connection, name: str, page: Page, post: _Post) -> None:
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
