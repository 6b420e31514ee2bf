"""What of a finding counts in its incident: a small value, a function of its newest revision alone."""

from __future__ import annotations

from typing import Final

import msgspec

from grantline.alerts.threshold import severity_of
from grantline.model.finding import Finding, SeverityName

MAX_TOKENS: Final = 64
_NAMES: Final[tuple[SeverityName, ...]] = ("info", "low", "medium", "high", "critical")


class Member(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One finding in its present state, as its incident needs it."""

    finding_id: str
    revision: int
    incident_id: str
    reference: str
    severity: int
    """`Severity`."""
    open: bool
    pending: bool = False
    """Another report may still explain it: nobody is told of it yet."""
    silent: bool = False
    """The policy alone made it: no reason to page."""
    old: bool = False
    """It was said before anybody was there to be told, and nothing happened since."""
    began: bool = False
    """It was said first before anybody was there, whatever happened since."""
    explained_by: str | None = None
    """The finding that explains this one, and is told instead."""
    count: int = 1
    first_seen: str = ""
    last_seen: str = ""
    """RFC 3339 in UTC, so that text sorts as time does to the same precision."""
    actor: str | None = None
    system: str | None = None
    allowed: bool = False
    refused: bool = False
    issuer: str | None = None
    jti: str | None = None
    tokens: tuple[str, ...] = ()
    rule: str = ""
    root_id: str | None = None
    silenced_by: str | None = None
    """The silence that it is under."""

    @property
    def counts(self) -> bool:
        """It stands, is sure, and is told here and not elsewhere."""
        return self.open and not self.pending and self.explained_by is None


def member_of(finding: Finding, incident_id: str, *, old: bool = False) -> Member:
    """`finding` as a member of `incident_id`; what explains it is found afterwards."""
    is_open = finding.status == "open"
    return Member(
        finding_id=finding.id,
        revision=finding.revision,
        incident_id=incident_id,
        reference=finding.reference,
        severity=severity_of(finding),
        open=is_open,
        pending=is_open and finding.provisional,
        silent=is_open and finding.policy_change,
        old=old,
        began=old,
        count=finding.count,
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        actor=finding.actor,
        system=finding.system,
        allowed=finding.outcome == "allowed",
        refused=finding.outcome == "refused",
        issuer=finding.issuer,
        jti=finding.jti,
        tokens=tuple(finding.token_fingerprints[:MAX_TOKENS]),
        rule=finding.rule,
        root_id=finding.root_id,
    )


def by_weight(member: Member) -> tuple[bool, int, str, str]:
    """Sorts what leads an incident first: what counts, the worst of it, the earliest of those."""
    return not member.counts, -member.severity, member.first_seen, member.finding_id


def name_of(severity: int) -> SeverityName:
    """`high` for 4."""
    return _NAMES[severity - 1]
