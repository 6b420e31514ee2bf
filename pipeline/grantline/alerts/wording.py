"""The sentences of a page. Short, true of the moment, and silent where nobody told."""

from __future__ import annotations

from datetime import UTC, datetime

from grantline.alerts.handling import Handling
from grantline.alerts.incident import Incident, Names
from grantline.dialects import dialect, dialect_of
from grantline.model.finding import Finding
from grantline.model.page import Event

_NAMED = 3


def instant(ms: int) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")[:19] + "Z"


def exact(ms: int) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return f"{instant(ms)[:19]}.{ms % 1_000:03}Z"


def ago(when: str, now_ms: int) -> str:
    """`8 s ago` for an RFC 3339 instant in UTC; empty where it lies ahead or cannot be read."""
    try:
        seconds = now_ms / 1_000 - datetime.fromisoformat(when[:19] + "+00:00").timestamp()
    except ValueError:
        return ""
    if seconds < 0:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7_200 else f"{seconds / 3_600:.0f} h ago"


def claim(incident: Incident, finding: Finding, event: Event) -> str:
    """What happened; of an incident that is over, why."""
    if event == "retracted":
        if not incident.members:
            return "Taken back: its findings belong to another incident, by what is known now."
        return f"Taken back: {finding.retracts_if}. It had been said: {finding.explanation}"
    if event == "explained":
        return (
            f"Explained by finding {incident.explained_by}, which is told by itself. "
            f"It had been said: {finding.explanation}"
        )
    others = incident.open - 1
    more = f" (and {_count(others, 'more finding')} like it)" if others > 0 else ""
    return finding.explanation + more


def going_on(incident: Incident, event: Event, since: int, now_ms: int, handling: Handling) -> str:
    """Whether it still goes on, how that is known, and what people did about it."""
    done = _done(event, handling)
    if event == "resolved" and done:
        return f"{done} It is told again if it begins again."
    goes_on = _going_on(incident, event, since, now_ms)
    hushed = _count(handling.hushed_uses, "act") if handling.hushed_uses else ""
    under = f" {hushed} came in under a silence that has ended." if hushed else ""
    return f"{done} {goes_on}{under}".strip()


def _done(event: Event, handling: Handling) -> str:
    why = f": {handling.reason}" if handling.reason else ""
    if event == "resolved" and handling.closed == "false_positive":
        until = exact(handling.closed_until_ms)
        return f"Called a false positive by {handling.closed_by}, until {until}{why}."
    if event == "resolved" and handling.closed:
        return f"Resolved by {handling.closed_by or 'somebody'}{why}."
    if event == "acknowledged":
        return f"Acknowledged by {handling.acknowledged_by}{why}."
    return ""


def _going_on(incident: Incident, event: Event, since: int, now_ms: int) -> str:
    when = ago(incident.last_seen, now_ms)
    last = f"last {when}" if when else f"last at {incident.last_seen}"
    if event in {"retracted", "explained"}:
        return ""
    if event == "resolved":
        return f"Over: nothing was reported for long, {last}. It is told again if it begins again."
    if event == "quiet":
        return (
            f"Quiet: nothing new was reported, {last}. Silence is no proof: nobody may report it."
        )
    if event == "continuing":
        return f"It began before this alert process did, and goes on: {last}."
    so_far = f"{_count(incident.uses, 'act')} so far"
    more = f", {since} more since the last message" if since > 0 else ""
    return f"{so_far}{more}, {last}."


def outcome(incident: Incident) -> str:
    """Which systems let it in."""
    where = _some(incident.systems)
    at = f" at {where}" if where else ""
    unknown = incident.open - incident.allowed - incident.refused
    parts = []
    if incident.allowed:
        parts.append(f"let in {_count(incident.allowed, 'time')}")
    if incident.refused:
        parts.append(f"refused {_count(incident.refused, 'time')}")
    if unknown > 0:
        parts.append(f"outcome not told {_count(unknown, 'time')}")
    return (", ".join(parts) or "nothing is open") + at


def revoke(finding: Finding, tokens: int) -> str:
    """How to end it where the token was made."""
    if finding.issuer is None:
        return "Nobody told the token's issuer: ask whoever runs the accepting system."
    what = f"token {finding.jti}" if finding.jti is not None else _untold(finding)
    more = f", and {_count(tokens - 1, 'other token')}" if tokens > 1 else ""
    spoken = dialect(dialect_of(finding.issuer)).cascades
    below = ""
    if spoken is False:
        below = " This issuer leaves alive what was made from a revoked token: revoke each."
    return f"Revoke {what} at {finding.issuer} (RFC 7009){more}.{below}"


def _untold(finding: Finding) -> str:
    """A token without a `jti`, by the end of its fingerprint where only one can be meant."""
    named = finding.token_fingerprints
    end = f" …{named[0][-4:]}" if len(named) == 1 else ""
    return f"the token{end} (its jti is not told)"


def reach(finding: Finding) -> str:
    """What is alive below is the store's to tell, and no page waits for it."""
    if not _top(finding):
        return "Not known: nothing shows what the token belongs to."
    return "Live agents and systems below: not known yet; the second query counts them."


def questions(finding: Finding) -> list[str]:
    """The queries that the page promises, beside the finding's own."""
    top = _top(finding)
    if not top:
        return []
    name = top.replace("'", "''")
    return [f"FROM descendants('{name}')"]


def _top(finding: Finding) -> str | None:
    return finding.revoked_id or (finding.delegation_ids[0] if finding.delegation_ids else None)


def _some(names: Names) -> str:
    shown = ", ".join(names.first[:_NAMED])
    more = names.count - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
