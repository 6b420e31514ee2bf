"""An actor delegates to itself: past somebody else, or straight and gains by it."""

from __future__ import annotations

from grantline.model.chain import MAX_PATH, UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Rule
from grantline.rules.scope_comparison import claimed, holding, recorded
from grantline.rules.scope_domain import compared

_Gain = tuple[tuple[str, ...], tuple[str, ...]]
"""What was gained, and what was held before."""


def check(taker: Delegation, where: InChain) -> Hits:
    parent, who = taker.parent, taker.facts.actor
    if who is None or not taker.seen or taker.id == where.chain.root_id:
        return NONE
    aliases = where.policy.principal_aliases
    if aliases:
        who = aliases.get(who, who)
    giver = parent.facts.actor if parent is not None and parent.seen else taker.facts.delegator
    if giver is not None and (aliases.get(giver, giver) if aliases else giver) == who:
        gain = _gain(taker, where)
        return (_widened(taker, where, gain),) if gain is not None and gain[0] else NONE
    others, here, hops = False, parent, 0
    while here is not None and hops < MAX_PATH:
        actor = here.facts.actor
        if aliases and actor is not None:
            actor = aliases.get(actor, actor)
        if actor == who:
            if others:
                return (_returned(taker, here, where),)
        elif actor is not None:
            others = True
        here, hops = here.parent, hops + 1
    return NONE


def _gain(taker: Delegation, where: InChain) -> _Gain | None:
    names = taker.facts.granted_scopes
    if names is None:
        return None
    holds = holding(taker, names)
    had = recorded(taker, holds) or claimed(taker)
    return None if had is None else (compared(had, holds, where.policy).gained, had.scopes)


def _widened(taker: Delegation, where: InChain, gain: _Gain) -> Hit:
    facts, (gained, had) = taker.facts, gain
    sure = taker.parent is not None and taker.parent.seen
    return Hit(
        reference="CS-11",
        identity=(where.chain.root_id, taker.id),
        says=f"{facts.actor} exchanged its own token and gained {words.scopes(gained)}",
        severity=RULE.severity,
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("+ gained", words.scopes(gained)),
            ("held before", words.scopes(had)),
            ("holds now", words.scopes(facts.granted_scopes or ())),
        ),
    )


def _returned(taker: Delegation, before: Delegation, where: InChain) -> Hit:
    facts, gain = taker.facts, _gain(taker, where)
    who, gained = facts.actor or UNSEEN, gain[0] if gain is not None else ()
    between = (taker.parent.facts.actor if taker.parent is not None else None) or UNSEEN
    return Hit(
        reference="CS-08",
        identity=(where.chain.root_id, where.policy.principal(who)),
        says=f"{who} delegated to itself by way of {between}"
        + (f", and gained {words.scopes(gained)}" if gained else ""),
        severity=Severity.HIGH if gained else RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id, before.id),
        token_fingerprints=tuple(filter(None, (facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(
            ("actor", who),
            ("first as", before.id),
            ("again as", taker.id),
            ("+ gained", words.scopes(gained)),
        ),
    )


RULE = Rule(
    id="actor-returns",
    references=("CS-08", "CS-11"),
    reads=Delegation,
    check=check,
    effect=Effect.NOTHING,
    title="An actor delegates to itself",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="Work that comes back as a delegation, and not as a result, launders authority: the actor "
    "holds a token that says that another one gave it. Straight to itself an exchange has one "
    "honest purpose: to hold less, or the same for another audience.",
    triage="Of a circle: see why the second agent did not just answer; if it is a loop, stop the "
    "task. Of a gain: read the issuer's policy for this client, which chooses its own scopes, and "
    "see what was done with the new token.",
    blind_spots=f"Circles of more than {MAX_PATH} hops. Several instances of one agent that go by "
    "one name look like one that returns; an agent with two names looks like two, until it has an "
    "alias.",
    retracts_if="stronger evidence names another actor, hangs the delegation elsewhere, or shows "
    "that the agent held the scope before",
    maps=("ASI03", "ASI08", "T1098.003", "AML.T0034.002"),
    fires={
        "CS-08: planner to worker and back": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            worker delegate planner from=t1 token=t2 scopes=read
        """,
        "CS-08: and gains on the way": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            worker delegate tool from=t1 token=t2 scopes=read
            tool delegate planner from=t2 token=t3 scopes=read,write
        """,
        "CS-11: a wider token for itself": """
            alice grant planner token=t0 scopes=read
            planner delegate planner from=t0 token=t1 scopes=read,admin
        """,
    },
    quiet={
        "an agent exchanges its own token for another audience": """
            alice grant planner token=t0 scopes=read,write
            planner delegate planner from=t0 token=t1 scopes=read aud=https://crm.example.com
            planner delegate worker from=t1 token=t2 scopes=read
        """,
        "a result is returned, not a delegation": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            worker use t1
            planner delegate worker from=t0 token=t2 scopes=read
        """,
        "a hop in between that nobody reported": """
            alice grant planner token=t0 scopes=read
            planner delegate planner from=t8 token=t2 scopes=read parent=dlg:t1 root=dlg:t0
        """,
        "a gain for somebody else: rule scope-exceeds-parent": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin
        """,
    },
    late={
        "CS-08: the hop in the middle comes last": """
            alice grant planner token=t0 scopes=read
            worker delegate planner from=t1 token=t2 scopes=read root=dlg:t0
            late: planner delegate worker from=t0 token=t1 scopes=read
        """,
        "CS-08: and nobody reported the grant": """
            x delegate a from=t9 token=t0 root=g1
            a delegate b from=t0 token=t1 root=g1
            c delegate a from=t2 token=t3 root=g1
            late: b delegate c from=t1 token=t2 root=g1
        """,
        "CS-11: the grant comes last": """
            planner delegate planner from=t0 token=t1 scopes=read,admin root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
    },
)
