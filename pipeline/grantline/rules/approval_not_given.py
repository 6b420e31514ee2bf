"""An action names an approval that does not allow it: denied, lapsed, or of another grant."""

from __future__ import annotations

from typing import NamedTuple

from grantline.model.approval import APPROVED, NOT_APPROVED, Approval, Citation, Decision
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.policy import NS
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InName, Reach, Rule


class _Fault(NamedTuple):
    """What is wrong with the approval."""

    kind: str
    says: str
    told: tuple[tuple[str, str], ...]
    absence: bool = False


def check(citation: Citation, where: InName) -> Hits:
    approval = where.name
    if not isinstance(approval, Approval) or citation.refused:
        return NONE
    given = [made for made in approval.decisions if made.outcome in APPROVED]
    fault = _fault(citation, approval, given, where) if given else _denied(approval)
    if fault is None:
        return NONE
    who = citation.by or "someone"
    hit = Hit(
        reference="CN-07",
        identity=(approval.id, fault.kind, who),
        says=f"{who} did {citation.action or 'an action'} on approval {approval.id}, {fault.says}",
        severity=RULE.severity,
        confidence=RULE.confidence if citation.stated else Confidence.MEDIUM,
        time=citation.time,
        root_id=min(approval.roots.get(citation.span_id, ()), default=None),
        span_ids=(citation.span_id,),
        delegation_ids=tuple(filter(None, (citation.delegation_id,))),
        token_fingerprints=tuple(filter(None, (citation.token_fingerprint,))),
        path=("?", "…", who, f"⇒ {citation.action or 'action'}"),
        facts=(("approval", approval.id), *fault.told, ("done", words.instant(citation.time))),
        absence=fault.absence,
    )
    return (hit,)


def _denied(approval: Approval) -> _Fault | None:
    """Nobody approved; where nobody decided either, nothing is known."""
    decided = [made for made in approval.decisions if made.outcome in NOT_APPROVED]
    if not decided:
        return None
    first = min(decided)
    by = f" by {first.approver}" if first.approver else ""
    lapsed = first.outcome == "expired"
    return _Fault(
        "denied",
        "which nobody decided in time" if lapsed else f"which was denied{by}",
        (("decision", first.outcome), ("decided", words.instant(first.time))),
    )


def _fault(
    citation: Citation, approval: Approval, given: list[Decision], where: InName
) -> _Fault | None:
    until = max(given, key=lambda made: made.expires_at or 1 << 62).expires_at
    if until and citation.timed and citation.time > until * NS + where.policy.leeway_ns:
        late = words.span(citation.time - until * NS)
        return _Fault(
            "expired", f"{late} after it had expired", (("expired", words.instant(until * NS)),)
        )
    return _foreign(citation, approval, given)


def _foreign(citation: Citation, approval: Approval, given: list[Decision]) -> _Fault | None:
    """By grants, where both tell theirs; else by tasks."""
    roots = approval.roots
    mine = roots.get(citation.span_id, set())
    theirs = approval.given.union(*(roots.get(made.span_id, ()) for made in given))
    if mine and theirs:
        if not mine.isdisjoint(theirs):
            return None
        told = (("approved for grant", min(theirs)), ("done under grant", min(mine)))
        return _Fault("foreign", "which was given for another grant", told, absence=True)
    tasks = {made.task_id for made in given}
    if citation.task_id is None or "" in tasks or citation.task_id in tasks:
        return None
    told = (("approved for task", min(tasks)), ("done for task", citation.task_id))
    return _Fault("foreign", "which was given for another task", told, absence=True)


RULE = Rule(
    id="approval-not-given",
    references=("CN-07",),
    reads=Citation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.USE,
    title="Action on an approval that was not given for it",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="An approval is the moment at which a person holds an agent back. An action that names one "
    "which was denied, has lapsed or was given for something else went past that person.",
    triage="Undo the action if that can be done. Then find who took the approval's name for its "
    "content: the system must look the decision up, not be told of it.",
    blind_spots="Approvals whose decision nobody reported, and actions that name none. Two systems "
    "that give approvals the same ids.",
    retracts_if="another report shows that the approval was given, for longer, or for this grant",
    maps=("ASI09", "ASI02", "NHI10", "AML.M0029"),
    fires={
        "denied": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 outcome=denied
            planner use t0 approval=a1 action=pay
        """,
        "nobody decided in time": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 outcome=expired
            planner use t0 approval=a1 action=pay
        """,
        "expired": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 until=100
            @300 planner use t0 approval=a1 action=pay
        """,
        "given for another person's task": """
            alice grant planner token=t0
            bob grant planner token=t9
            carol approve a1 root=dlg:t0
            planner use t9 approval=a1 action=pay
        """,
    },
    quiet={
        "approved": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 until=100
            @50 planner use t0 approval=a1 action=pay
        """,
        "at a time that nobody knows": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 until=100
            @300 planner use t0 approval=a1 action=pay flags=clock_unusable
        """,
        "denied, and refused": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 outcome=denied
            planner use t0 approval=a1 action=pay outcome=deny
        """,
        "asked twice, approved in the end": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 outcome=expired
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay
        """,
        "nobody reported the decision": """
            alice grant planner token=t0
            planner use t0 approval=a1 action=pay
        """,
        "the approval led to a grant of its own (CIBA)": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            carol grant planner token=t9 approval=a1
            planner use t9 approval=a1 action=pay
        """,
    },
    late={
        "the decision is reported after the action": """
            alice grant planner token=t0
            @100 planner use t0 approval=a1 action=pay
            late: @50 carol approve a1 root=dlg:t0 outcome=denied
        """,
        "a second decision comes last": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 outcome=expired
            @100 planner use t0 approval=a1 action=pay
            late: @50 carol approve a1 root=dlg:t0
        """,
    },
)
