"""An incident put into words: its page. Pure, and it never waits for the lineage store."""

from __future__ import annotations

from typing import Final

from grantline.alerts import wording
from grantline.alerts.decide import NOTHING, Told
from grantline.alerts.handling import Handling
from grantline.alerts.incident import MAX_NAMED, Incident
from grantline.alerts.member import name_of
from grantline.model.finding import Finding, SeverityName
from grantline.model.names import is_unseen
from grantline.model.page import OVER, Event, Page

MAX_SQL: Final = 4


def page_of(
    incident: Incident, finding: Finding, event: Event, told: Told | None, *,
    episode: int, revision: int, now_ms: int, handling: Handling = NOTHING,
) -> Page:  # fmt: skip
    """The page that tells `event`; `finding` is the incident's lead, `told` what was told before."""
    over = event in OVER
    since = incident.uses - told.uses if told is not None and told.open else 0
    worst = incident.severity or (told.severity if told is not None else 0)
    revoked_at = finding.facts.get("revoked") if finding.revoked_by or finding.revoked_id else None
    seen = finding.root_id is not None and not is_unseen(finding.root_id)
    return Page(
        id=incident.id,
        episode=episode,
        revision=revision,
        event=event,
        severity=name_of(worst) if worst else finding.severity,
        severity_before=_before(told, worst),
        confidence=finding.confidence,
        title=finding.title,
        claim=wording.claim(incident, finding, event),
        going_on=wording.going_on(incident, event, since, now_ms, handling),
        reference=finding.reference,
        rule=finding.rule,
        references=dict(incident.references),
        kind=incident.kind,
        subject=incident.subject,
        root_id=finding.root_id if seen else None,
        path=finding.path,
        systems=list(incident.systems.first),
        system_count=incident.systems.count,
        outcome=wording.outcome(incident),
        actors=list(incident.actors.first),
        actor_count=incident.actors.count,
        token_count=incident.tokens.count,
        issuer=finding.issuer,
        jti=finding.jti,
        revoke="" if over else wording.revoke(finding, incident.tokens.count),
        revoked_by=finding.revoked_by,
        revoked_at=revoked_at,
        findings=incident.open,
        uses=incident.uses,
        uses_since=max(since, 0),
        signals=incident.signals,
        first_seen=incident.first_seen or finding.first_seen,
        last_seen=incident.last_seen or finding.last_seen,
        as_of=wording.instant(now_ms),
        reach="" if over else wording.reach(finding),
        facts=finding.facts,
        retracts_if=finding.retracts_if,
        do="" if over else finding.triage,
        runbook=f"grantline rules {finding.rule}",
        sql=[finding.sql, *wording.questions(finding)][:MAX_SQL],
        listed=list(incident.listed[:MAX_NAMED]) or [finding.id],
        finding=finding.model_dump(mode="json"),
        acknowledged_by=handling.acknowledged_by,
        assignee=handling.assignee,
        closed_by=handling.closed_by,
        reason=handling.reason,
    )


def _before(told: Told | None, worst: int) -> SeverityName | None:
    if told is None or not told.open or told.severity in {0, worst}:
        return None
    return name_of(told.severity)
