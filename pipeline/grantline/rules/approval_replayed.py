"""One approval serves two actions, or another one than was approved."""

from __future__ import annotations

from grantline.model.approval import APPROVED, Approval, Citation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InName, Reach, Rule


def check(citation: Citation, where: InName) -> Hits:
    approval = where.name
    if not isinstance(approval, Approval) or citation.refused:
        return NONE
    approved = {made.action_hash for made in approval.decisions if made.outcome in APPROVED}
    done = citation.action_hash
    hits: list[Hit] = []
    if done is not None and _another(done, approved):
        facts = (("approved", min(approved)), ("done", done))
        hits.append(_hit(citation, approval, "args", "which was given for another action", facts))
    before = approval.by_side[citation.side][0]
    if before is not citation and not _repeated(before, citation):
        facts = (("first used", words.instant(before.time)), ("first used in", before.span_id))
        says = f"which had been used {words.span(citation.time - before.time)} before"
        hits.append(_hit(citation, approval, "twice", says, facts))
    return hits or NONE


def _another(done: str, approved: set[str]) -> bool:
    """Whether no approval is of this action; digests of another kind say nothing."""
    kind = done.partition(":")[0]
    return bool(approved) and all(
        made != done and made.partition(":")[0] == kind for made in approved
    )


def _repeated(before: Citation, again: Citation) -> bool:
    """Whether it is the same call, tried again."""
    return before.call is not None and before.call == again.call


def _hit(
    citation: Citation, approval: Approval, kind: str, says: str, facts: tuple[tuple[str, str], ...]
) -> Hit:
    who = citation.by or "someone"
    return Hit(
        reference="CN-07",
        identity=(approval.id, kind),
        says=f"{who} did {citation.action or 'an action'} on approval {approval.id}, {says}",
        severity=RULE.severity,
        confidence=RULE.confidence if citation.stated else Confidence.MEDIUM,
        time=citation.time,
        root_id=min(approval.roots.get(citation.span_id, ()), default=None),
        span_ids=(citation.span_id,),
        delegation_ids=tuple(filter(None, (citation.delegation_id,))),
        token_fingerprints=tuple(filter(None, (citation.token_fingerprint,))),
        path=("?", "…", who, f"⇒ {citation.action or 'action'}"),
        facts=(("approval", approval.id), *facts),
    )


RULE = Rule(
    id="approval-replayed",
    references=("CN-07",),
    reads=Citation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.USE,
    title="Approval used again, or for something else",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="A person approves one action with its arguments. The same approval for a second one, or "
    "with other arguments, is an action that nobody saw.",
    triage="Compare the two actions and undo the one that was not approved. The system that acts "
    "must spend an approval, and hash the arguments that it uses, not those it was told.",
    blind_spots="Systems that do not repeat the approval's id or the action's digest. A retry looks "
    "like a second action, unless both tell the same `gen_ai.tool.call.id`. Of a call told by both "
    "sides, each side is counted by itself.",
    retracts_if="the first use turns out to have been refused, or another report of the approval "
    "shows that it was for this action",
    maps=("ASI09", "ASI02", "NHI10", "AML.M0029", "RFC 8785"),
    fires={
        "used twice": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay by=bank
            planner use t0 approval=a1 action=pay by=bank
        """,
        "with other arguments": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 hash=pay-10
            planner use t0 approval=a1 action=pay hash=pay-10000 by=bank
        """,
        "used twice, in two chains": """
            alice grant planner token=t0
            bob grant planner token=t9
            planner use t0 approval=a1 action=pay by=bank
            planner use t9 approval=a1 action=pay by=bank
        """,
    },
    quiet={
        "once, as approved": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0 hash=pay-10
            planner use t0 approval=a1 action=pay hash=pay-10 by=bank
        """,
        "one call, told by both sides": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay kind=client call=c1
            planner use t0 approval=a1 action=pay by=bank call=c1
        """,
        "a gateway, and what is behind it": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay by=gateway
            gateway use t0 approval=a1 action=pay by=bank
        """,
        "refused, then tried again": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay by=bank outcome=challenge
            planner use t0 approval=a1 action=pay by=bank
        """,
        "the same call, tried again": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            planner use t0 approval=a1 action=pay by=bank tool-call=call_1
            planner use t0 approval=a1 action=pay by=bank tool-call=call_1
        """,
        "two approvals": """
            alice grant planner token=t0
            carol approve a1 root=dlg:t0
            carol approve a2 root=dlg:t0
            planner use t0 approval=a1 action=pay by=bank
            planner use t0 approval=a2 action=pay by=bank
        """,
    },
    late={
        "the approval is reported after the action": """
            alice grant planner token=t0
            @100 planner use t0 approval=a1 action=pay hash=pay-10000 by=bank
            late: @50 carol approve a1 root=dlg:t0 hash=pay-10
        """,
        "the first of the two is reported last": """
            alice grant planner token=t0
            @100 planner use t0 approval=a1 action=pay by=bank
            late: @50 planner use t0 approval=a1 action=pay by=bank
        """,
    },
)
