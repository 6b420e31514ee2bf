"""What people did about one incident, added up: a small value that the ledger keeps beside it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from grantline.alerts.incident import Incident


class Handling(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Nothing yet, unless something is said here. Times are milliseconds since the epoch."""

    acknowledged_by: str | None = None
    acknowledged_ms: int = 0
    assignee: str | None = None
    closed: Literal["", "resolved", "false_positive"] = ""
    closed_by: str | None = None
    closed_ms: int = 0
    reason: str | None = None
    closed_until_ms: int = 0
    """When a false positive ends; 0 for none."""
    closed_uses: int = 0
    """What it was closed over: what comes beyond it is news."""
    closed_members: int = 0
    closed_severity: int = 0
    silence_id: str | None = None
    """The silence that all of it is under."""
    silenced_uses: int = 0
    """Uses that had come in when that began."""
    silenced_severity: int = 0
    silenced_let_in: int = 0
    hushed_uses: int = 0
    """Uses that came in under silences that have ended, and that nobody was told of yet."""
    was_silenced: bool = False

    @property
    def hushed(self) -> bool:
        """Only what makes it worse is told."""
        return self.silence_id is not None or self.acknowledged_by is not None


def carried_on(
    handling: Handling, incident: Incident, *, uses_before: int, goes_on: bool, now_ms: int
) -> Handling:
    """`handling` after something of the incident changed, or time passed.

    `uses_before`: when it was looked at last.
    """
    return _closed(_silenced(handling, incident, uses_before), incident, goes_on, now_ms)


def rises(incident: Incident, severity: int, let_in: int) -> bool:
    """Whether it is worse than when it was so: this always breaks through."""
    return incident.severity > severity or incident.let_in >= 2 * max(let_in, 1)


def _silenced(handling: Handling, incident: Incident, uses_before: int) -> Handling:
    if incident.silenced and incident.silenced == incident.counting:
        if handling.silence_id is not None:
            return replace(handling, silence_id=incident.silenced_by)
        return replace(
            handling,
            silence_id=incident.silenced_by,
            silenced_uses=uses_before,
            silenced_severity=incident.severity,
            silenced_let_in=incident.let_in,
        )
    if handling.silence_id is None:
        return handling
    came = max(0, incident.uses - handling.silenced_uses)
    return replace(
        handling, silence_id=None, was_silenced=True, hushed_uses=handling.hushed_uses + came
    )


def _closed(handling: Handling, incident: Incident, goes_on: bool, now_ms: int) -> Handling:
    if not handling.closed:
        return handling
    came = incident.uses > handling.closed_uses or incident.members > handling.closed_members
    again = Handling(assignee=handling.assignee, silence_id=handling.silence_id,
                     silenced_uses=handling.silenced_uses,
                     silenced_severity=handling.silenced_severity,
                     silenced_let_in=handling.silenced_let_in)  # fmt: skip
    if handling.closed == "resolved":
        return again if came else handling
    if incident.severity > handling.closed_severity:
        return again
    if now_ms < handling.closed_until_ms:
        return handling
    if came and goes_on:
        return again
    # Nothing goes on when it ends: what came meanwhile is no news, what comes later is.
    return replace(
        handling,
        closed="resolved",
        closed_until_ms=0,
        closed_uses=incident.uses,
        closed_members=incident.members,
    )
