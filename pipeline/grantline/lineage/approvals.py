"""Folding approvals: decisions, and the uses that name them. Any order, any number of times."""

from __future__ import annotations

from bisect import insort

from grantline.lineage.histories import TokenDelta, arrives
from grantline.model.approval import Approval, Citation, Decision
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import ANSWERS, APPROVE, PRESENTS, USE, Hop
from grantline.model.sighting import Sighting
from grantline.model.subject import of_span, tell


def fold(approval: Approval, sighting: Sighting, now_ms: int, delta: TokenDelta) -> None:
    """Add one sighting of an approval. `now_ms` is ingest time."""
    arrives(approval, sighting, now_ms)
    hop = sighting.hop
    if hop is None:
        return
    if sighting.root_id is not None and _belongs(approval, hop, sighting.root_id):
        _ask_all(approval, delta)
    if hop.operation == APPROVE:
        decision = _decision(hop)
        if decision not in approval.decisions:
            approval.decisions.add(decision)
            _ask_all(approval, delta)
    elif hop.operation == USE:
        _cite(approval, hop, now_ms, delta)


def enter(approval: Approval, citation: Citation) -> list[Citation]:
    """Index what was found among `citations`; those of which that changes what is the first."""
    if citation.refused:
        return [citation]
    side = approval.by_side.setdefault(citation.side, [])
    insort(side, citation, key=_order)
    return side if side[0] is citation else [citation]


def _leave(approval: Approval, citation: Citation) -> list[Citation]:
    """It turned out to be refused."""
    side = approval.by_side[citation.side]
    first = side[0] is citation
    side.remove(citation)
    return [citation, *side] if first else [citation]


def _order(citation: Citation) -> tuple[int, str, str]:
    return citation.order


def _belongs(approval: Approval, hop: Hop, root_id: str) -> bool:
    """Whether it is news that the hop is of that grant."""
    if hop.operation in (APPROVE, USE):
        known = approval.roots.setdefault(hop.span_id, set())
    else:
        known = approval.given
    before = len(known)
    known.add(root_id)
    return len(known) > before


def _ask_all(approval: Approval, delta: TokenDelta) -> None:
    delta.others |= dict.fromkeys(approval.citations.values(), approval)


def _decision(hop: Hop) -> Decision:
    return Decision(
        hop.time,
        hop.span_id,
        hop.decision_outcome or "",
        hop.task_id or "",
        hop.approval_action_hash or "",
        hop.approver_id or "",
        hop.approval_expires_at or 0,
    )


def _cite(approval: Approval, hop: Hop, now_ms: int, delta: TokenDelta) -> None:
    denied, client = hop.refused, hop.kind in PRESENTS
    citation = Citation(
        hop.span_id, hop.time, client, hop.presenter,
        hop.service, hop.task_id, hop.approval_action_hash, hop.action_name, hop.action_risk,
        hop.tool_call_id, denied, denied or (client and hop.span_id in approval.refusals),
        hop.decision_outcome is not None, hop.token_fingerprint, hop.id,
        CLOCK_UNUSABLE not in hop.flags, now_ms,
    )  # fmt: skip
    if tell(approval.citations, hop.span_id, citation):
        delta.others |= dict.fromkeys(enter(approval, citation), approval)
    above = hop.parent_span_id
    if denied and above is not None and hop.kind in ANSWERS and above not in approval.refusals:
        approval.refusals.add(above)
        for told in of_span(approval.citations, above):
            if told.client and not told.refused:
                told.refused = True
                delta.others |= dict.fromkeys(_leave(approval, told), approval)
