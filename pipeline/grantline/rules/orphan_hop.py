"""A hop whose parent nobody reported, after the grace for late spans."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules.rule import NONE, Hits, InChain, Rule


def check(taker: Delegation, where: InChain) -> Hits:
    if not taker.seen or taker.id == where.chain.root_id:
        return NONE
    parent = taker.parent
    if parent is not None and parent.seen:
        return NONE
    facts = taker.facts
    if taker.claimed is None and facts.depth == 0:
        return NONE
    if parent is None and taker.claimed is not None:
        missing = f"{taker.claimed.id}, which descends from it"
    else:
        missing = parent.id if parent is not None else facts.parent_fingerprint or "not named"
    hit = Hit(
        reference="CS-06",
        identity=(where.chain.root_id, taker.id),
        says=f"{facts.actor or UNSEEN} acts under a delegation nobody reported ({missing})",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(("missing parent", missing), ("delegator", facts.delegator or "not named")),
    )
    return (hit,)


RULE = Rule(
    id="orphan-hop",
    references=("CS-06",),
    reads=Delegation,
    check=check,
    absence=True,
    title="Hop without a known parent",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="An unknown parent is a gap, never a root: what this hop may do cannot be traced to "
    "anyone's consent.",
    triage="Look for the missing emitter between the delegator named and this hop: an agent "
    "without instrumentation, a sampled pipeline, or an exchange that should not exist.",
    blind_spots="A hop that names a root and a parent that both exist but never met.",
    retracts_if="the parent's span arrives",
    maps=("ASI03", "ASI07", "NHI4", "MEASURE 2.8"),
    fires={
        "the parent's span never came": """
            alice grant planner token=t0
            worker delegate tool from=t1 token=t2 root=dlg:t0
        """,
        "reports go round in a circle": """
            alice grant planner token=t0 scopes=read
            worker delegate tool from=t2 token=t1 scopes=read root=dlg:t0
            tool delegate worker from=t1 token=t2 scopes=read root=dlg:t0
        """,
        "the grant itself never came": """
            planner delegate worker from=t0 token=t1 root=dlg:t0
        """,
    },
    quiet={
        "a complete chain": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            worker delegate tool from=t1 token=t2 scopes=read
        """,
        "a parent obtained by renewal": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0
            planner delegate worker from=t1 token=t2 scopes=read
        """,
    },
    late={
        "the parent comes after the grace": """
            alice grant planner token=t0 scopes=read
            @20 worker delegate tool from=t1 token=t2 scopes=read
            late: @10 planner delegate worker from=t0 token=t1 scopes=read
        """,
    },
)
