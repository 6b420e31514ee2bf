"""A delegate holds a scope the human never granted, and no recorded hop shows where it came in."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Hits, InChain, Rule
from grantline.rules.scope_comparison import (
    claimed_parent_scopes,
    recorded_parent_scopes,
    same_issuer,
)


def check(taker: Delegation, where: InChain) -> Hits:
    root = where.chain.root
    held = taker.facts.granted_scopes
    if root is None or taker is root or not taker.seen or held is None:
        return NONE
    granted = root.facts.granted_scopes
    if granted is None or not same_issuer(root.facts.token_issuer, taker.facts.token_issuer):
        return NONE
    extra = where.policy.gained(held, granted)
    extra = tuple(scope for scope in extra if scope in _unexplained(taker, where, held))
    if not extra:
        return NONE
    who = taker.facts.actor or UNSEEN
    hit = Hit(
        reference="SE-02",
        identity=(where.chain.root_id, taker.id),
        says=f"{who} holds {words.scopes(extra)}, which {root.facts.subject or 'the root'} "
        "never granted",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("+ beyond the grant", words.scopes(extra)),
            ("granted at the root", words.scopes(granted)),
            ("delegate holds", words.scopes(held)),
        ),
    )
    return (hit,)


def _unexplained(taker: Delegation, where: InChain, held: tuple[str, ...]) -> frozenset[str]:
    """Scopes that came in here, as far as the records go, without this hop's own report failing.

    A scope the recorded parent holds came in further up and is reported there. One that this
    hop's own report admits to have gained is SE-01.
    """
    scopes = set(held)
    recorded, claimed = recorded_parent_scopes(taker), claimed_parent_scopes(taker)
    if recorded is not None:
        scopes -= where.policy.widen(recorded)
    if claimed is not None:
        scopes &= where.policy.widen(claimed)
    elif recorded is not None:
        scopes.clear()
    return frozenset(scopes)


RULE = Rule(
    id="scope-exceeds-root",
    references=("SE-02",),
    reads=Delegation,
    check=check,
    title="Delegate exceeds the original grant",
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    why="Every hop may look right by itself while the chain as a whole does what nobody agreed to: "
    "a hop is missing, crosses issuers and comes back, or reports a parent it does not have.",
    triage="Find the hop between the grant and this delegate that is not in the lineage, and ask "
    "the issuer what was presented there.",
    blind_spots="A root that reports no scopes; a delegate whose issuer differs from the root's.",
    retracts_if="the missing hop arrives and shows where the scope came in",
    maps=("ASI03", "NHI5", "T1548.005", "T1134", "AML.T0012", "RFC 8693"),
    fires={
        "the hop in between is missing": """
            alice grant planner token=t0 scopes=read
            worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
        """,
        "the hop reports a parent it does not have": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read,admin
        """,
        "out to another issuer and back": """
            alice grant planner token=t0 scopes=read iss=https://a.example
            planner delegate b from=t0 token=t1 scopes=lesen iss=https://b.example
            b delegate c from=t1 token=t2 scopes=admin iss=https://a.example
        """,
    },
    quiet={
        "a recorded hop shows the gain (that is SE-01)": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read
            worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=read,admin
        """,
        "narrowing across a gap": """
            alice grant planner token=t0 scopes=read,write
            worker delegate tool from=t1 token=t2 scopes=read root=dlg:t0
        """,
    },
    late={
        "the missing hop arrives and takes the blame": """
            alice grant planner token=t0 scopes=read
            @20 worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
            late: @10 planner delegate worker from=t0 token=t1 scopes=admin parent-scopes=read
        """,
    },
)
