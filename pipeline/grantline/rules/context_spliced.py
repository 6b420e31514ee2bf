"""A token of one grant is presented in the middle of another grant's work."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.names import id_of_key, is_unseen, key_of
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(use: Use, where: InChain) -> Hits:
    told, chain = use.told, where.chain
    if told is None or told.context_root_id is None or use.refused:
        return NONE
    around = told.context_root_id
    if around == chain.root_id or is_unseen(chain.key):
        return _unproven(use, where, around)
    owner, who = use.token.owner, use.by or "someone"
    what = words.credential(use.token.fingerprint, use.token.key)
    exchanged = use.operation == "delegate"
    hit = Hit(
        reference="CS-02",
        identity=(chain.root_id, use.token.key, around),
        says=f"{who} {'exchanged' if exchanged else 'used'} {what} of grant {chain.root_id} while "
        f"working under grant {around}",
        severity=RULE.severity if exchanged else Severity.HIGH,
        confidence=RULE.confidence,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (use.token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(("grant of the token", chain.root_id), ("grant of the context", around)),
    )
    return (hit,)


def _unproven(use: Use, where: InChain, around: str) -> Hits:
    """A root that nobody named may be called otherwise in the context: whether it is the same one
    only the grant's own span would tell. Below a gap, what is missing is that gap's finding.
    """
    chain = where.chain
    if not chain.granted or around in (chain.root_id, id_of_key(key_of(chain.root_id[1:]))):
        return NONE
    owner, who = use.token.owner, use.by or "someone"
    what = words.credential(use.token.fingerprint, use.token.key)
    hit = Hit(
        reference="CS-06",
        identity=(chain.root_id, use.token.key, around),
        says=f"{who} used {what} while working under grant {around}; that it is of that grant nobody "
        "shows: of its own only a log tells, which names no root",
        severity=Severity.LOW,
        confidence=RULE.confidence,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (use.token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(("grant of the context", around),),
    )
    return (hit,)


RULE = Rule(
    id="context-spliced",
    references=("CS-02", "CS-06"),
    reads=Use,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.USE,
    needs="context_root_id",
    title="Token of another context",
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    why="An issuer checks each token by itself and cannot see whose task an agent is at. One that "
    "holds tokens of two people and takes the wrong one makes one person pay for the other's "
    "request; the tokens are all in order (OAuth WG, chain splicing, February 2026).",
    triage="Open both chains. Find where the agent keeps its tokens: a cache by agent or by "
    "audience instead of by task is the usual cause. If the other person's data was read, it is "
    "an incident.",
    blind_spots="Only the hand-off tells in whose work an agent is: without baggage on the span "
    "(`delegation.context.root.id`), a splice of tokens that were rightly held cannot be told from "
    "fan-out. A batch that works for several people under one context looks like a splice; give "
    "each item its own.",
    retracts_if="the token turns out to belong to the grant that the context names",
    maps=("ASI03", "ASI07", "T1134.003", "AML.T0073"),
    fires={
        "CS-02: an agent with two people's tokens exchanges the wrong one": """
            alice grant planner token=t0 scopes=read
            bob grant planner token=t9 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read context=dlg:t9
        """,
        "CS-02: and another uses it": """
            alice grant planner token=t0 scopes=read
            bob grant planner token=t9 scopes=read
            planner use t0 context=dlg:t9
        """,
        "CS-06: which grant the token is of, only its issuer's log tells": """
            alice grant planner jti=j0 iss=https://as.example.com evidence=issuer root=-
            bob grant planner token=t9 scopes=read
            planner use t1 jti=j0 iss=https://as.example.com root=- context=dlg:t9
        """,
    },
    quiet={
        "context and token agree": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read context=dlg:t0
            worker use t1 context=dlg:t0
        """,
        "the token's root was not seen": """
            bob grant planner token=t9 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read root=- context=dlg:t9
        """,
        "refused": """
            alice grant planner token=t0 scopes=read
            bob grant planner token=t9 scopes=read
            planner use t0 context=dlg:t9 outcome=deny
        """,
    },
    late={
        "CS-02: the hop that leads to the token's root comes last": """
            alice grant planner token=t0 scopes=read
            bob grant planner token=t9 scopes=read
            worker use t1 root=- context=dlg:t9
            late: planner delegate worker from=t0 token=t1 scopes=read
        """,
        "CS-06: the log comes last": """
            bob grant planner token=t9 scopes=read
            planner use t1 jti=j0 iss=https://as.example.com root=- context=dlg:t9
            late: alice grant planner jti=j0 iss=https://as.example.com evidence=issuer root=-
        """,
    },
)
