"""Somebody asked an issuer for more than the token held, and was refused."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.hop import DELEGATE
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Rule
from grantline.rules.scope_comparison import held, wanted
from grantline.rules.scope_domain import Side, compared


def check(use: Use, where: InChain) -> Hits:
    told, token = use.told, use.token
    if told is None or not told.requested_scopes or use.operation != DELEGATE or not use.refused:
        return NONE
    has = held(token)
    sure = has is not None
    if has is None and told.parent_scopes is not None:
        has = Side(told.parent_scopes, hearsay=True)
    if has is None:
        return NONE
    # The resource it was asked for is not told: names that mean something elsewhere are left out.
    asked = wanted(told.requested_scopes, has)._replace(audiences=None, hearsay=True)
    beyond = compared(has, asked, where.policy).gained
    if not beyond:
        return NONE
    chain, who, owner = where.chain, use.by or "someone", token.owner
    hit = Hit(
        reference="SE-01",
        identity=(chain.root_id, token.key),
        says=f"{who} asked for {words.scopes(beyond)} on {words.credential(token.fingerprint, token.key)}, which "
        "does not hold that, and was refused",
        severity=RULE.severity,
        confidence=RULE.confidence if sure else Confidence.MEDIUM,
        time=use.time,
        refused=True,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*chain.path(owner), f"⇏ {who}"),
        facts=(
            ("asked beyond", words.scopes(beyond)),
            ("asked", words.scopes(told.requested_scopes)),
            ("token holds", words.scopes(has.scopes)),
            ("outcome", "refused"),
        ),
    )
    return (hit,)


RULE = Rule(
    id="asked-beyond-parent",
    references=("SE-01",),
    reads=Use,
    check=check,
    effect=Effect.NOTHING,
    needs="requested_scopes",
    title="Refused: asked for more than the token holds",
    severity=Severity.LOW,
    confidence=Confidence.HIGH,
    why="Nothing was done: the issuer held. But an agent that asks for what its token does not "
    "hold is either wrongly configured or is trying what it can get, and the next issuer may not "
    "hold.",
    triage="If it is one client with one scope, mend its configuration. If the asked scopes vary, "
    "somebody is probing: look at what else the agent did.",
    blind_spots="Issuers whose refusals nobody reports, or reports without what was asked "
    "(`delegation.requested_scopes`).",
    retracts_if="a report of the token's issue shows that it holds the scopes, or the refusal "
    "turns out to be another call's",
    maps=("ASI03", "T1548.005", "RFC 8693"),
    fires={
        "the issuer refuses a wider token": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 requested=read,admin outcome=deny
        """,
        "nobody reported the grant, the exchange tells what it had": """
            planner delegate worker from=t0 requested=admin parent-scopes=read outcome=deny root=g1
        """,
    },
    quiet={
        "refused for another reason": """
            alice grant planner token=t0 scopes=read,write
            planner delegate worker from=t0 requested=read outcome=deny
        """,
        "asked for more, and was given what the token holds": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 requested=read,admin scopes=read
        """,
        "granted: rule scope-exceeds-parent": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 requested=read,admin scopes=read,admin
        """,
    },
    late={
        "the grant comes last": """
            planner delegate worker from=t0 requested=read,admin outcome=deny root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
    },
)
