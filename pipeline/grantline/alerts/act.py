"""What an action does to the incident that it is about. Pure; who keeps the state hands it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from grantline.alerts.handling import Handling
from grantline.alerts.incident import Incident
from grantline.model.action import Action, What, milliseconds
from grantline.model.plain import plain


class Untaken(Exception):
    """The action is refused; the text says why."""


def acted(handling: Handling, action: Action, incident: Incident, now_ms: int) -> Handling:
    """`handling` after `action`. Raises `Untaken`."""
    over = not incident.open or bool(handling.closed)
    if over and action.what in {"acknowledge", "resolve"}:
        raise Untaken("the incident is over already")
    return _DOING[action.what](handling, action, incident, now_ms)


def _acknowledged(handling: Handling, action: Action, _: Incident, now_ms: int) -> Handling:
    return replace(
        handling,
        acknowledged_by=_clean(action.who),
        acknowledged_ms=now_ms,
        reason=_clean(action.reason) or handling.reason,
    )


def _assigned(handling: Handling, action: Action, _: Incident, _now_ms: int) -> Handling:
    return replace(handling, assignee=_clean(action.assignee))


def _resolved(handling: Handling, action: Action, incident: Incident, now_ms: int) -> Handling:
    return replace(
        handling,
        closed="resolved",
        closed_by=_clean(action.who),
        closed_ms=now_ms,
        reason=_clean(action.reason),
        closed_uses=incident.uses,
        closed_members=incident.members,
        closed_severity=incident.severity,
    )


def _mistaken(handling: Handling, action: Action, incident: Incident, now_ms: int) -> Handling:
    until = milliseconds(action.until or "")
    if until <= now_ms:
        raise Untaken("it had ended before it was taken")
    closed = _resolved(handling, action, incident, now_ms)
    return replace(closed, closed="false_positive", closed_until_ms=until)


def _clean(text: str | None) -> str | None:
    """Whoever wrote the record need not have cleaned it."""
    return None if text is None else plain(text)


_DOING: Final[dict[What, Callable[[Handling, Action, Incident, int], Handling]]] = {
    "acknowledge": _acknowledged,
    "assign": _assigned,
    "resolve": _resolved,
    "false_positive": _mistaken,
}
