"""What is news to one destination: the last stage, of an incident as it stands and what was told of it.

A rise of severity or reach is told at once, whatever was told a moment before; that more of the same
came is told at widening intervals. Nobody is told a thing twice in a row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from grantline.alerts.handling import Handling, rises
from grantline.alerts.incident import Incident
from grantline.alerts.ongoing import Rhythm, due_ms, silent
from grantline.alerts.standing import standing
from grantline.alerts.threshold import FLOOR, pages
from grantline.model.finding import Severity
from grantline.model.page import OVER, Event

NOTHING: Final = Handling()
_GOES_ON: Final = frozenset({"updated", "quiet"})


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
    acknowledged: bool = False
    """It was told that somebody has taken it on."""

    @property
    def open(self) -> bool:
        return self.event not in OVER


def news(
    incident: Incident, told: Told | None, alerting: Alerting, *, changed_ms: int, now_ms: int,
    handling: Handling = NOTHING,
) -> Event | None:  # fmt: skip
    """What to tell a destination that was `told` so much; None for nothing.

    `changed_ms`: when something of the incident came in last.
    """
    state = standing(incident, alerting.rhythm, changed_ms, now_ms)
    going = not silent(alerting.rhythm, changed_ms, now_ms)
    if told is None or not told.open:
        first = state == "open" and _begins(incident, alerting, handling, going=going)
        return ("continuing" if incident.began and told is None else "opened") if first else None
    if state != "open":
        return state
    if handling.closed:
        return "resolved"
    return _of_open(incident, told, alerting.rhythm, handling, _Waited(changed_ms, now_ms))


def _of_open(
    incident: Incident, told: Told, rhythm: Rhythm, handling: Handling, waited: _Waited
) -> Event | None:
    if not incident.severity:
        return None  # all that is left waits for a witness: its next message says what it was
    if rises(incident, told.severity, told.let_in):
        return "escalated"
    if handling.hushed:
        return _handled(incident, told, handling)
    return _by_time(incident, told, rhythm, handling, waited)


def _begins(incident: Incident, alerting: Alerting, handling: Handling, *, going: bool) -> bool:
    """Whether it is to be told of to who knows nothing of it, or that it was over."""
    if handling.closed or (handling.was_silenced and not going):
        return False
    breaks = handling.silence_id is not None and rises(
        incident, handling.silenced_severity, handling.silenced_let_in
    )
    return pages(incident.fresh if breaks else incident.loud, alerting.lowest)


def _handled(incident: Incident, told: Told, handling: Handling) -> Event | None:
    """Somebody has it in hand, or answers for it."""
    if handling.silence_id is not None:
        return None
    if not told.acknowledged:
        return "acknowledged"
    return "lowered" if incident.severity < told.severity else None


def _more(incident: Incident, told: Told) -> bool:
    return incident.uses > told.uses or incident.members > told.members


def _by_time(
    incident: Incident, told: Told, rhythm: Rhythm, handling: Handling, waited: _Waited
) -> Event | None:
    quiet = silent(rhythm, waited.changed_ms, waited.now_ms)
    if incident.severity < told.severity:
        return "lowered"
    if handling.hushed_uses and not quiet:
        return "updated"  # the silence that hid it has ended, and it goes on
    if _more(incident, told):
        due = told.told_ms + rhythm.interval_ms(told.step)
        return "updated" if waited.now_ms >= due else None
    return "quiet" if told.event != "quiet" and quiet == "quiet" else None


class _Waited(NamedTuple):
    """Milliseconds since the epoch."""

    changed_ms: int
    now_ms: int


def next_ms(
    incident: Incident, told: Told, rhythm: Rhythm, changed_ms: int, *, hushed: bool = False
) -> int | None:
    """When time alone gives a destination that was `told` something; None for never."""
    if not told.open:
        return None
    return due_ms(
        rhythm,
        told_ms=told.told_ms,
        step=told.step,
        news=_more(incident, told) and not hushed,
        quiet_told=told.event == "quiet" or hushed,
        changed_ms=changed_ms,
    )


def after(incident: Incident, event: Event, told: Told | None, episode: int, now_ms: int) -> Told:
    """What a destination will have been told once it has taken `event`."""
    goes_on = event in _GOES_ON
    return Told(
        event=event,
        episode=episode,
        severity=incident.severity,
        let_in=incident.let_in,
        members=incident.members,
        uses=incident.uses,
        told_ms=now_ms,
        step=told.step + (event == "updated") if told is not None and goes_on else 0,
        acknowledged=event == "acknowledged"
        or (told is not None and told.acknowledged and event in {"lowered", *_GOES_ON}),
    )
