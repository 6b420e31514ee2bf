"""An incident as the record of `delegation.incidents` has it: its page as it stands, and its state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from grantline.alerts.decide import Alerting, Told
from grantline.alerts.group import Key
from grantline.alerts.handling import Handling
from grantline.alerts.incident import Incident
from grantline.alerts.page import page_of
from grantline.alerts.state import goes_on, state_of
from grantline.alerts.wording import exact
from grantline.model.finding import Finding
from grantline.model.incident import CLOSED, MAX_MEMBERS, IncidentRecord, State, ToldTo
from grantline.model.page import Event

_EVENTS: Final[dict[State, Event]] = {
    "quiet": "quiet",
    "resolved": "resolved",
    "retracted": "retracted",
    "explained": "explained",
    "false_positive": "resolved",
}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows of an incident beside its members."""

    key: Key
    handling: Handling
    told: Mapping[str, Told]
    """What each destination has in fact taken last."""
    silenced_until_ms: int = 0
    changed_ms: int
    born_ms: int
    episode: int
    revision: int


def record_of(
    incident: Incident, lead: Finding, kept: Kept, alerting: Alerting, now_ms: int
) -> IncidentRecord:
    """How it stands at `now_ms`."""
    handling = kept.handling
    state = state_of(incident, handling, alerting, changed_ms=kept.changed_ms, now_ms=now_ms)
    going = state not in CLOSED and goes_on(incident, alerting.rhythm, kept.changed_ms, now_ms)
    event = _EVENTS.get(state) or ("updated" if kept.told else "opened")
    page = page_of(incident, lead, event, None, episode=kept.episode, revision=kept.revision,
                   now_ms=now_ms, handling=handling)  # fmt: skip
    return IncidentRecord(
        **msgspec.structs.asdict(page),
        state=state,
        continuing=going,
        lead=lead.id,
        members=list(incident.listed[:MAX_MEMBERS]),
        member_count=incident.members,
        group_key=kept.key.key,
        changed_at=exact(kept.changed_ms),
        known_since=exact(kept.born_ms),
        told={name: _told_to(told) for name, told in sorted(kept.told.items())},
        acknowledged_at=_when(handling.acknowledged_ms),
        closed_at=_when(handling.closed_ms),
        closed_until=_when(handling.closed_until_ms),
        silence_id=handling.silence_id,
        silenced_until=_when(kept.silenced_until_ms if handling.silence_id else 0),
        was_silenced=handling.was_silenced,
        silenced_uses=(
            max(0, incident.uses - handling.silenced_uses) if handling.silence_id else 0
        ),
    )


def content(record: IncidentRecord) -> bytes:
    """A digest of all that is no matter of the moment: the same content is the same state."""
    still = replace(record, revision=0, as_of="", going_on="", event="opened")
    return hashlib.sha256(msgspec.json.encode(still)).digest()


def _told_to(told: Told) -> ToldTo:
    return ToldTo(
        event=told.event,
        episode=told.episode,
        severity=told.severity,
        let_in=told.let_in,
        members=told.members,
        uses=told.uses,
        at=exact(told.told_ms),
        step=told.step,
        acknowledged=told.acknowledged,
    )


def _when(ms: int) -> str | None:
    return exact(ms) if ms else None
