"""A delegate holds a scope its delegator never had."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Hits, InChain, Rule
from grantline.rules.scope_comparison import claimed_parent_scopes, recorded_parent_scopes


def check(taker: Delegation, where: InChain) -> Hits:
    held = taker.facts.granted_scopes
    if not taker.seen or held is None or taker.id == where.chain.root_id:
        return NONE
    recorded = recorded_parent_scopes(taker)
    had = recorded if recorded is not None else claimed_parent_scopes(taker)
    if had is None:
        return NONE
    gained = where.policy.gained(held, had)
    if not gained:
        return NONE
    who = taker.facts.actor or UNSEEN
    parent = taker.parent
    giver = (parent.facts.actor if parent is not None else None) or taker.facts.delegator or UNSEEN
    hit = Hit(
        reference="SE-01",
        identity=(where.chain.root_id, taker.id),
        says=f"{who} gained {words.scopes(gained)}, which {giver} does not hold",
        severity=RULE.severity,
        confidence=RULE.confidence if recorded is not None else Confidence.MEDIUM,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("+ gained", words.scopes(gained)),
            ("delegator holds", words.scopes(had)),
            ("delegate holds", words.scopes(held)),
        ),
    )
    return (hit,)


RULE = Rule(
    id="scope-exceeds-parent",
    references=("SE-01",),
    reads=Delegation,
    check=check,
    title="Delegate exceeds its delegator's scopes",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="Delegation may only narrow authority; no standard makes issuers check it.",
    triage="Revoke the child token, then read the issuer's exchange log at the span shown: which "
    "policy let the scope in, and who asked for it?",
    blind_spots="Scopes of different issuers are not compared. A second login by the agent outside "
    "the trace looks like an escalation. Scope hierarchies count only where configured.",
    retracts_if="stronger evidence shows that the delegator held the scope, or hangs the "
    "delegation under another one",
    maps=("ASI03", "NHI5", "T1548.005", "T1098.003", "AML.T0012", "RFC 8693"),
    fires={
        "child adds a scope": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin
        """,
        "the parent is not seen, but the child tells what it exchanged": """
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read root=g1
        """,
        "the child lies about what it exchanged": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read,admin
        """,
    },
    quiet={
        "narrowing": """
            alice grant planner token=t0 scopes=read,write
            planner delegate worker from=t0 token=t1 scopes=read
        """,
        "the parent span is not seen yet": """
            planner delegate worker from=t0 token=t1 scopes=read,admin root=g1
        """,
        "another issuer's scopes": """
            alice grant planner token=t0 scopes=read iss=https://a.example
            planner delegate worker from=t0 token=t1 scopes=lesen iss=https://b.example
        """,
        "what issuers add by themselves": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,openid
        """,
        "refused": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 requested=read,admin outcome=deny
        """,
    },
    late={
        "the parent comes last": """
            planner delegate worker from=t0 token=t1 scopes=read,admin root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
        "the parent comes last and shows that the child told too little": """
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read root=dlg:t0
            late: alice grant planner token=t0 scopes=read,admin
        """,
    },
)
