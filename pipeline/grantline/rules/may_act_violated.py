"""A token names who alone may act for its subject, and somebody else does."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule

_HANDED_ON = "in_process"
"""The method of a hand-off without an issuer: nobody exchanges the token."""


def check(taker: Delegation, where: InChain) -> Hits:
    parent, facts = taker.parent, taker.facts
    if parent is None or not taker.seen or facts.method == _HANDED_ON:
        return NONE
    allowed = parent.facts.may_act
    if not allowed or facts.actor is None:
        return NONE
    policy = where.policy
    named = {policy.principal(entry.rpartition(" ")[2]) for entry in allowed}
    takers = {policy.principal(name) for name in (facts.actor, facts.client) if name}
    if takers & named:
        return NONE
    who = facts.actor or UNSEEN
    hit = Hit(
        reference="CS-05",
        identity=(where.chain.root_id, taker.id),
        says=f"{who} became the actor of a token that only {', '.join(sorted(named)[:8])} may "
        "act with",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id, parent.id),
        token_fingerprints=tuple(filter(None, (facts.fingerprint, parent.facts.fingerprint))),
        path=where.chain.path(taker),
        facts=(
            ("may act", words.scopes(tuple(sorted(named)))),
            ("acts", who),
            ("delegator", parent.facts.actor or UNSEEN),
        ),
    )
    return (hit,)


RULE = Rule(
    id="may-act-violated",
    references=("CS-05",),
    reads=Delegation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Exchanged by somebody the token does not name",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="`may_act` is the one claim with which a token says who may exchange it. An issuer that "
    "does not heed it lets anybody who gets hold of the token become its actor.",
    triage="Revoke the new token and report it to the issuer: it issued against a claim of its "
    "own. Then find how the actor came by the token that it exchanged.",
    blind_spots="Tokens without `may_act`; most have none. An issuer that names the same party by "
    "an id here and by a name there needs an alias in the policy.",
    retracts_if="stronger evidence names the actor among those who may act, or hangs the "
    "delegation under another parent; or an alias is configured",
    maps=("ASI03", "T1556", "T1134.003", "RFC 8693"),
    fires={
        "a rogue exchanges it": """
            alice grant planner token=t0 scopes=read may-act=https://as.example.com~worker
            planner delegate mallory from=t0 token=t1 scopes=read
        """,
    },
    quiet={
        "the one who may": """
            alice grant planner token=t0 scopes=read may-act=https://as.example.com~worker
            planner delegate worker from=t0 token=t1 scopes=read
        """,
        "named by its client id": """
            alice grant planner token=t0 scopes=read may-act=https://as.example.com~c-17
            planner delegate worker from=t0 token=t1 scopes=read client=c-17
        """,
        "refused": """
            alice grant planner token=t0 scopes=read may-act=https://as.example.com~worker
            planner delegate mallory from=t0 requested=read outcome=deny
        """,
        "handed on within a process": """
            alice grant planner token=t0 scopes=read may-act=https://as.example.com~worker
            planner delegate tool parent=dlg:t0 id=d1 root=dlg:t0 method=in_process
        """,
        "what its own token says is about the next one": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read may-act=https://as.example.com~tool
        """,
    },
    late={
        "the grant that names them comes last": """
            planner delegate mallory from=t0 token=t1 scopes=read root=dlg:t0
            late: alice grant planner token=t0 scopes=read may-act=https://as.example.com~worker
        """,
    },
)
