"""An incident's record read back: what a ledger that was lost had known of it. Pure."""

from __future__ import annotations

from grantline.alerts.decide import Told
from grantline.alerts.handling import Handling
from grantline.model.action import milliseconds
from grantline.model.finding import Severity
from grantline.model.incident import IncidentRecord, ToldTo


def handling_of(record: IncidentRecord) -> Handling:
    """What people had done about it."""
    closed = "" if record.closed_by is None else "resolved"
    severity = Severity[record.severity.upper()]
    return Handling(
        acknowledged_by=record.acknowledged_by,
        acknowledged_ms=_ms(record.acknowledged_at),
        assignee=record.assignee,
        closed="false_positive" if closed and record.closed_until is not None else closed,  # type: ignore[arg-type]
        closed_by=record.closed_by,
        closed_ms=_ms(record.closed_at),
        reason=record.reason,
        closed_until_ms=_ms(record.closed_until),
        closed_uses=record.uses,
        closed_members=record.member_count,
        closed_severity=severity,
        silence_id=record.silence_id,
        silenced_uses=record.uses - record.silenced_uses,
        silenced_severity=severity,
        silenced_let_in=record.system_count,
        was_silenced=record.was_silenced,
    )


def told_of(record: IncidentRecord) -> dict[str, Told]:
    """What each destination had taken."""
    return {name: _told(said) for name, said in record.told.items()}


def changed_ms(record: IncidentRecord) -> int:
    """When something of it came in last."""
    return _ms(record.changed_at)


def born_ms(record: IncidentRecord) -> int | None:
    """When the ledger began that wrote it; None where that cannot be read."""
    try:
        return milliseconds(record.known_since)
    except (ValueError, OverflowError):
        return None


def _told(said: ToldTo) -> Told:
    return Told(
        event=said.event,
        episode=said.episode,
        severity=said.severity,
        let_in=said.let_in,
        members=said.members,
        uses=said.uses,
        told_ms=_ms(said.at),
        step=said.step,
        acknowledged=said.acknowledged,
    )


def _ms(when: str | None) -> int:
    try:
        return 0 if when is None else milliseconds(when)
    except (ValueError, OverflowError):
        return 0
