"""Is an incident open, or over, and why."""

from __future__ import annotations

from typing import Literal, TypeAlias

from grantline.alerts.incident import Incident
from grantline.alerts.ongoing import Rhythm, silent

Standing: TypeAlias = Literal["open", "retracted", "explained", "resolved"]
"""`retracted`: every finding was taken back, or belongs elsewhere now. `explained`: another incident
explains all that is left. `resolved`: nothing came for long."""


def standing(incident: Incident, rhythm: Rhythm, changed_ms: int, now_ms: int) -> Standing:
    """How `incident` stands, of which something came in at `changed_ms` for the last time."""
    if not incident.open:
        return "retracted"
    if incident.explained == incident.open:
        return "explained"
    return "resolved" if silent(rhythm, changed_ms, now_ms) == "resolved" else "open"
