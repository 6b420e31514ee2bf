"""In which state an incident is, for whoever looks at it: one word."""

from __future__ import annotations

from grantline.alerts.decide import Alerting
from grantline.alerts.handling import Handling
from grantline.alerts.incident import Incident
from grantline.alerts.ongoing import Rhythm, silent
from grantline.alerts.standing import standing
from grantline.alerts.threshold import pages
from grantline.model.incident import State


def state_of(
    incident: Incident, handling: Handling, alerting: Alerting, *, changed_ms: int, now_ms: int
) -> State:
    """The first that holds: over, not for anybody to be told, and what is done about it."""
    found = standing(incident, alerting.rhythm, changed_ms, now_ms)
    if found != "open":
        return found
    if not pages(incident.severity, alerting.lowest) and not handling.closed:
        return "signal" if incident.severity else "pending"
    going = goes_on(incident, alerting.rhythm, changed_ms, now_ms)
    return handling.closed or _handled(handling, going=going)


def _handled(handling: Handling, *, going: bool) -> State:
    if handling.silence_id is not None:
        return "silenced"
    if handling.acknowledged_by is not None:
        return "acknowledged"
    return "open" if going else "quiet"


def goes_on(incident: Incident, rhythm: Rhythm, changed_ms: int, now_ms: int) -> bool:
    """Something open was reported lately, and not only before anybody was there to be told."""
    return incident.old < incident.open and not silent(rhythm, changed_ms, now_ms)


def next_change_ms(incident: Incident, rhythm: Rhythm, changed_ms: int, now_ms: int) -> int | None:
    """When time alone changes the state; None for never."""
    if not incident.open:
        return None
    times = [changed_ms + int(wait * 1_000) for wait in (rhythm.quiet, rhythm.resolved)]
    return next((time for time in times if time > now_ms), None)
