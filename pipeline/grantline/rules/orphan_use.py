"""A use names a delegation nobody reported, and shows no token."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(use: Use, where: InChain) -> Hits:
    token = use.token
    owner = token.owner
    # With a token the question is the token's (rule unknown-token).
    if use.operation != "use" or token.fingerprint is not None or owner is None or owner.seen:
        return NONE
    who = use.by or "someone"
    missing = words.name_of(token.key) if token.jti else f"delegation {owner.id}"
    untold = token.jti and not words.logged(token.key[4:].partition(" ")[0])
    grave = words.grave(use.risk, where.policy, use.action)
    hit = Hit(
        reference="CS-06",
        identity=(where.chain.root_id, token.key),
        says=f"{who} acted under {missing}, which nobody reported"
        + (": its issuer does not log every one" if untold else ""),
        severity=Severity.HIGH if grave else Severity.LOW if untold else RULE.severity,
        confidence=RULE.confidence,
        time=use.time,
        root_id=where.chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,),
        path=(*where.chain.path(None), f"⇒ {use.action or who}"),
        facts=(("missing", missing),),
    )
    return (hit,)


RULE = Rule(
    id="orphan-use",
    references=("CS-06",),
    reads=Use,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.USE,
    absence=True,
    needs="no token",
    title="Use under an unknown delegation",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="The hop names the grant it acts under, but no hop of that grant made this delegation.",
    triage="Find the hand-off that made the delegation: an agent without instrumentation, or "
    "baggage that somebody wrote by hand.",
    blind_spots="A use that names neither a token nor a delegation.",
    retracts_if="the span that made the delegation arrives",
    maps=("ASI03", "NHI4", "MEASURE 2.8"),
    fires={
        "nobody reported the hand-off": """
            alice grant planner token=t0
            worker use - id=d1 root=dlg:t0
        """,
        "a long-term key of AWS, older than its log: low": """
            deployer delegate reader jti=ASIAFAKE iss=https://sts.amazonaws.com parent-jti=AKIAFAKE root=-
            deployer use - jti=AKIAFAKE iss=https://sts.amazonaws.com root=-
        """,
    },
    quiet={
        "an in-process hand-off without a token": """
            alice grant planner token=t0
            planner delegate worker parent=dlg:t0 id=d1 root=dlg:t0
            worker use - id=d1 root=dlg:t0
        """,
        "with a token": """
            alice grant planner token=t0
            worker use t1 root=dlg:t0
        """,
    },
    late={
        "the hand-off is reported after the grace": """
            alice grant planner token=t0
            worker use - id=d1 root=dlg:t0
            late: planner delegate worker parent=dlg:t0 id=d1 root=dlg:t0
        """,
    },
)
