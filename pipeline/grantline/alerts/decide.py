"""What is news to one destination: the last stage, of an incident as it stands and what was told of it.

A rise of severity or reach is told at once, whatever was told a moment before; that more of the same
came is told at widening intervals. Nobody is told a thing twice in a row.
"""

from __future__ import annotations

import msgspec

from grantline.alerts.incident import Incident
from grantline.alerts.ongoing import Rhythm, due_ms, silent
from grantline.alerts.standing import Standing, standing
from grantline.alerts.threshold import FLOOR, pages
from grantline.model.finding import Severity
from grantline.model.page import OVER, Event


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what."""

    destinations: tuple[str, ...]
    lowest: Severity = FLOOR
    """The least severity that pages anyone; medium at the lowest, whatever is set."""
    rhythm: Rhythm = msgspec.field(default_factory=Rhythm)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What one destination was told of one incident last, or is about to be."""

    event: Event
    episode: int
    severity: int
    let_in: int
    """Systems that let it in, when reach was told last."""
    members: int
    uses: int
    told_ms: int
    step: int = 0
    """How many messages have said that it goes on."""

    @property
    def open(self) -> bool:
        return self.event not in OVER


def news(
    incident: Incident, told: Told | None, alerting: Alerting, *, changed_ms: int, now_ms: int
) -> Event | None:
    """What to tell a destination that was `told` so much; None for nothing.

    `changed_ms`: when something of the incident came in last.
    """
    state = standing(incident, alerting.rhythm, changed_ms, now_ms)
    if told is None or not told.open:
        return _first(incident, state, told, alerting)
    if state != "open":
        return state
    if not incident.severity:
        return None  # all that is left waits for a witness: its next message says what it was
    if incident.severity > told.severity or incident.let_in >= 2 * max(told.let_in, 1):
        return "escalated"
    if incident.severity < told.severity:
        return "lowered"
    return _by_time(incident, told, alerting.rhythm, changed_ms, now_ms)


def _first(
    incident: Incident, state: Standing, told: Told | None, alerting: Alerting
) -> Event | None:
    if state != "open" or not pages(incident.fresh, alerting.lowest):
        return None
    return "continuing" if incident.began and told is None else "opened"


def _more(incident: Incident, told: Told) -> bool:
    return incident.uses > told.uses or incident.members > told.members


def _by_time(
    incident: Incident, told: Told, rhythm: Rhythm, changed_ms: int, now_ms: int
) -> Event | None:
    if _more(incident, told):
        return "updated" if now_ms >= told.told_ms + rhythm.interval_ms(told.step) else None
    if told.event != "quiet" and silent(rhythm, changed_ms, now_ms) == "quiet":
        return "quiet"
    return None


def next_ms(incident: Incident, told: Told, rhythm: Rhythm, changed_ms: int) -> int | None:
    """When time alone gives a destination that was `told` something; None for never."""
    if not told.open:
        return None
    return due_ms(
        rhythm,
        told_ms=told.told_ms,
        step=told.step,
        news=_more(incident, told),
        quiet_told=told.event == "quiet",
        changed_ms=changed_ms,
    )


def after(incident: Incident, event: Event, told: Told | None, episode: int, now_ms: int) -> Told:
    """What a destination will have been told once it has taken `event`."""
    goes_on = event in {"updated", "quiet"}
    return Told(
        event=event,
        episode=episode,
        severity=incident.severity,
        let_in=incident.let_in,
        members=incident.members,
        uses=incident.uses,
        told_ms=now_ms,
        step=told.step + (event == "updated") if told is not None and goes_on else 0,
    )
