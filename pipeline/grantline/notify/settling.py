"""One incident after something of it changed, or after time passed: who is told what, in the ledger.

A message that begins a page waits a moment before it goes out. What joins meanwhile is told with it:
the message is taken out of the outbox, unread, and decided on again. One that a destination may have
seen is never changed; it could not tell the newer one from a second state. Every change leaves as a
record, in the same transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from grantline.alerts.decide import NOTHING, Alerting, after, news, next_ms
from grantline.alerts.group import Key
from grantline.alerts.handling import Handling, carried_on
from grantline.alerts.incident import Incident, summarise
from grantline.alerts.page import page_of
from grantline.alerts.record import Kept, content, record_of
from grantline.alerts.state import goes_on, next_change_ms
from grantline.model.finding import Finding
from grantline.model.incident import IncidentRecord, encode
from grantline.model.page import BEGINS, Event
from grantline.notify import outbox
from grantline.notify.leaving import leave
from grantline.notify.shelf import SqlShelf

_encode = msgspec.msgpack.Encoder().encode
_handling: Final = msgspec.msgpack.Decoder(Handling)
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


class Row(NamedTuple):
    """What is kept of an incident beside its members."""

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


def settle(
    sql: sqlite3.Connection, shelf: SqlShelf, incident_id: str, alerting: Alerting, now: Moment
) -> set[str]:
    """Decides, and posts; returns who has a new letter."""
    found = incident_of(sql, shelf, incident_id)
    if found is None:
        return set()
    return _Case(sql, shelf, found, alerting, now).settled()


def incident_of(
    sql: sqlite3.Connection, shelf: SqlShelf, incident_id: str
) -> tuple[Row, Incident] | None:
    """What the ledger keeps of an incident, and how it stands; None where there is none."""
    columns = ", ".join(Row._fields)
    found = sql.execute(f"SELECT {columns} FROM incident WHERE id = ?", (incident_id,)).fetchone()  # noqa: S608
    if found is None:
        return None
    row = Row._make(found)
    key = Key(row.kind, row.key, row.subject)
    return row, summarise(incident_id, key, shelf.members(incident_id))


def handling_of(stored: bytes | None) -> Handling:
    """What people did, as the ledger keeps it."""
    return NOTHING if stored is None else _handling.decode(stored)


def keep_handling(sql: sqlite3.Connection, incident_id: str, handling: Handling) -> None:
    """For the next time that it is settled."""
    sql.execute("UPDATE incident SET handling = ? WHERE id = ?", (_kept(handling), incident_id))


class _Case:
    """One incident in one transaction."""

    def __init__(
        self, sql: sqlite3.Connection, shelf: SqlShelf, found: tuple[Row, Incident],
        alerting: Alerting, now: Moment,
    ) -> None:  # fmt: skip
        row, incident = found
        self._sql, self._shelf, self._now = sql, shelf, now
        self._row, self._incident, self._alerting = row, incident, alerting
        came = incident.uses > row.uses or incident.members > row.members
        self._changed_ms = now.ms if came or not row.changed_ms else row.changed_ms
        self._handling = carried_on(
            handling_of(row.handling),
            incident,
            uses_before=row.uses,
            goes_on=goes_on(incident, alerting.rhythm, self._changed_ms, now.ms),
            now_ms=now.ms,
        )
        self._told = outbox.told_of(sql, incident.id)
        self._held = outbox.take_back(sql, incident.id, now.monotonic)
        for name, letter in self._held.items():
            self._told.pop(name, None)
            if letter.before is not None:
                self._told[name] = letter.before
        self._episode = row.episode
        self._lead = incident.lead or row.lead or ""

    def settled(self) -> set[str]:
        body = self._shelf.body(self._lead)
        finding = None if body is None else Finding.model_validate_json(body)
        # Of what is gone there is nothing to tell it by.
        events = {} if finding is None else self._events()
        self._carry_on(events)
        revision, said = self._row.revision, self._row.said
        if finding is not None:
            revision, said = self._say(finding, told=bool(events))
        for name, event in events.items():
            if finding is not None:
                self._tell(name, event, finding, revision)
        for name, letter in self._held.items():
            if name not in events:
                outbox.as_before(self._sql, self._incident.id, name, letter.before)
        if events:  # what came in under a silence was said
            self._handling = replace(self._handling, hushed_uses=0)
        self._keep(revision, said)
        return set(events)

    def _events(self) -> dict[str, Event]:
        """Destination -> what it is to be told."""
        events: dict[str, Event] = {}
        for name in self._alerting.destinations:
            event = news(self._incident, self._told.get(name), self._alerting,
                         changed_ms=self._changed_ms, now_ms=self._now.ms,
                         handling=self._handling)  # fmt: skip
            waits = event in _CAN_WAIT and outbox.waits(self._sql, self._incident.id, name)
            if event is not None and not waits:
                events[name] = event
        return events

    def _carry_on(self, events: dict[str, Event]) -> None:
        """A new episode, or something worse, is nothing that anybody has acknowledged."""
        again = [self._told[name].episode + 1 for name, event in events.items()
                 if event in BEGINS and name in self._told]  # fmt: skip
        self._episode = max((self._row.episode, *again))
        if again:
            self._handling = Handling(
                assignee=self._handling.assignee, hushed_uses=self._handling.hushed_uses
            )
        elif "escalated" in events.values():
            self._handling = replace(self._handling, acknowledged_by=None, acknowledged_ms=0)

    def _say(self, lead: Finding, *, told: bool) -> tuple[int, bytes]:
        """Revision and digest of what was said last, and that which leaves now, if it says other."""
        row, now, handling = self._row, self._now, self._handling
        kept = Kept(
            key=Key(row.kind, row.key, row.subject),
            handling=handling,
            told=outbox.taken(self._sql, self._incident.id),
            silenced_until_ms=_until(self._shelf, handling.silence_id),
            changed_ms=self._changed_ms,
            born_ms=now.born_ms,
            episode=self._episode,
            revision=row.revision + 1,
        )
        record = record_of(self._incident, lead, kept, self._alerting, now.ms)
        said = content(record)
        if not told and said == row.said:
            return row.revision, said
        leave(self._sql, "incidents", record.id, encode(record), alike=_alike(record))
        return record.revision, said

    def _tell(self, name: str, event: Event, finding: Finding, revision: int) -> None:
        before, now = self._told.get(name), self._now
        page = page_of(self._incident, finding, event, before, episode=self._episode,
                       revision=revision, now_ms=now.ms, handling=self._handling)  # fmt: skip
        due = 0.0
        if event in BEGINS and now.gather_seconds > 0:
            held = self._held.get(name)
            due = held.due if held is not None else now.monotonic + now.gather_seconds
        told = after(self._incident, event, before, self._episode, now.ms)
        self._told[name] = told
        outbox.post_page(self._sql, name, page, outbox.Post(told, before, due, now.ms))

    def _keep(self, revision: int, said: bytes | None) -> None:
        incident = self._incident
        self._sql.execute(
            "UPDATE incident SET episode = ?, revision = ?, members = ?, uses = ?, lead = ?, "
            "changed_ms = ?, due_ms = ?, said = ?, handling = ? WHERE id = ?",
            (self._episode, revision, incident.members, incident.uses, self._lead or None,
             self._changed_ms, self._due(), said, _kept(self._handling), incident.id),
        )  # fmt: skip

    def _due(self) -> int | None:
        """When time alone gives somebody something, or changes the state."""
        rhythm, handling = self._alerting.rhythm, self._handling
        known = [self._told[name] for name in self._alerting.destinations if name in self._told]
        times = [
            next_ms(self._incident, told, rhythm, self._changed_ms, hushed=handling.hushed)
            for told in known
        ]
        times.append(next_change_ms(self._incident, rhythm, self._changed_ms, self._now.ms))
        if handling.closed == "false_positive":
            times.append(handling.closed_until_ms)
        due = min((time for time in times if time is not None), default=None)
        return None if due is None else max(due, self._now.ms + _AGAIN_MS)


def _alike(record: IncidentRecord) -> str:
    """What must not be lost of a record that has not left yet: each of another word leaves."""
    told = " ".join(f"{name}:{told.event}" for name, told in record.told.items())
    return f"{record.episode} {record.state} {record.severity} {record.lead} {told}"


def _kept(handling: Handling) -> bytes | None:
    return None if handling == NOTHING else _encode(handling)


def _until(shelf: SqlShelf, silence_id: str | None) -> int:
    return next((each.until_ms for each in shelf.silences() if each.id == silence_id), 0)
