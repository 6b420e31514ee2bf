"""A chain is longer than its grantor, or the policy, allows."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(taker: Delegation, where: InChain) -> Hits:
    if not taker.seen:
        return NONE
    depth = taker.depth if taker.depth is not None else taker.facts.depth
    limit = taker.limit if taker.limit is not None else where.policy.max_depth
    if depth is None or depth <= limit:
        return NONE
    # Until the grant is seen, and the way to it, nobody can tell what the grantor allows.
    grant = where.chain.delegations.get(where.chain.root_id)
    certain = taker.depth is not None and grant is not None and grant.seen
    hit = Hit(
        reference="CS-09",
        identity=(where.chain.root_id, taker.id),
        says=f"{taker.facts.actor or UNSEEN} is {depth} hops from the grant; {limit} are allowed",
        severity=RULE.severity,
        confidence=RULE.confidence if taker.depth is not None else Confidence.MEDIUM,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("depth", str(depth)),
            ("allowed", str(limit)),
            ("allowed by", "the grantor" if taker.limit is not None else "the policy"),
        ),
        absence=not certain,
    )
    return (hit,)


_FIVE_HOPS = """
            alice grant a0 token=t0 scopes=read
            a0 delegate a1 from=t0 token=t1 scopes=read
            a1 delegate a2 from=t1 token=t2 scopes=read
            a2 delegate a3 from=t2 token=t3 scopes=read
            a3 delegate a4 from=t3 token=t4 scopes=read
            a4 delegate a5 from=t4 token=t5 scopes=read
"""

RULE = Rule(
    id="too-deep",
    references=("CS-09",),
    reads=Delegation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Chain deeper than allowed",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    why="With every hop the human's intent is paraphrased once more; runaway recursion shows as "
    "depth first. Issuers that limit it stop at 3 to 5.",
    triage="See whether the chain repeats the same agents (a loop) or is one task divided too "
    "often. Raise the limit for this workflow at its grant (`delegation.max_depth`), not globally.",
    blind_spots="Hops nobody reports do not count, unless the hop itself tells its depth.",
    retracts_if="stronger evidence hangs the delegation nearer to its grant, or a grantor allows "
    "more",
    maps=("ASI08", "MANAGE 1.3"),
    fires={
        "a sixth hop": _FIVE_HOPS
        + """
            a5 delegate a6 from=t5 token=t6 scopes=read
        """,
        "deeper than the grantor allows": """
            alice grant planner token=t0 scopes=read max-depth=1
            planner delegate worker from=t0 token=t1 scopes=read
            worker delegate tool from=t1 token=t2 scopes=read
        """,
    },
    quiet={
        "five hops": _FIVE_HOPS,
        "the grantor allows more": _FIVE_HOPS.replace(
            "scopes=read\n", "scopes=read max-depth=8\n", 1
        )
        + """
            a5 delegate a6 from=t5 token=t6 scopes=read
        """,
    },
    late={
        "a hop in the middle comes last": """
            alice grant planner token=t0 scopes=read max-depth=2
            a1 delegate a2 from=t1 token=t2 scopes=read root=dlg:t0
            a2 delegate a3 from=t2 token=t3 scopes=read root=dlg:t0
            late: planner delegate a1 from=t0 token=t1 scopes=read
        """,
    },
)
