"""A renewed token holds a scope its delegation never had."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Renewal
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule
from grantline.rules.scope_comparison import renewed, renewed_from
from grantline.rules.scope_domain import compared


def check(renewal: Renewal, where: InChain) -> Hits:
    delegation = renewal.delegation
    had, holds = renewed_from(renewal), renewed(renewal)
    if had is None or holds is None:
        return NONE
    gained = compared(had, holds, where.policy).gained
    if not gained:
        return NONE
    who = delegation.facts.actor or UNSEEN
    hit = Hit(
        reference="SE-01",
        identity=(where.chain.root_id, delegation.id, renewal.fingerprint or renewal.span_id),
        says=f"{who} gained {words.scopes(gained)} by renewing its token",
        severity=RULE.severity,
        confidence=Confidence.MEDIUM if had.hearsay else RULE.confidence,
        time=renewal.time,
        root_id=where.chain.root_id,
        span_ids=(renewal.span_id,),
        delegation_ids=(delegation.id,),
        token_fingerprints=tuple(filter(None, (renewal.fingerprint,))),
        path=where.chain.path(delegation),
        facts=(
            ("+ gained", words.scopes(gained)),
            ("held before", words.scopes(had.scopes)),
            ("holds now", words.scopes(holds.scopes)),
        ),
    )
    return (hit,)


RULE = Rule(
    id="renewal-gains-scope",
    references=("SE-01",),
    reads=Renewal,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Renewed token exceeds its delegation's scopes",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="A renewal is a new credential for the same authority (RFC 6749 section 6: the scope must "
    "not include any scope not originally granted).",
    triage="Revoke the renewed token and check the issuer's refresh policy for this client.",
    blind_spots="Renewals that do not report their scopes, or are for another resource of an issuer "
    "whose refresh tokens are good for several (Entra).",
    retracts_if="stronger evidence shows that the delegation held the scope from the start",
    maps=("ASI03", "NHI5", "T1548.005", "RFC 6749 6"),
    fires={
        "a scope appears at renewal": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0 scopes=read,admin
        """,
        "nobody reported the grant, and the renewal tells what it renewed": """
            planner renew t1 from=t0 scopes=read,admin parent-scopes=read root=dlg:t0
        """,
    },
    quiet={
        "the same scopes": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0 scopes=read
        """,
        "another resource, at an issuer that defines scopes by resource": """
            alice grant planner token=t0 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
            planner renew t1 from=t0 scopes=admin iss=https://t.eu.auth0.com aud=https://b.example
        """,
        "narrowed, and back, where nobody reported the grant": """
            planner renew t1 from=t0 scopes=read parent-scopes=read,admin root=dlg:t0
            @100 planner renew t2 from=t0 scopes=read,admin parent-scopes=read root=dlg:t0
        """,
        "no scopes reported": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0
        """,
    },
    late={
        "what was held first comes last": """
            @100 planner renew t2 from=t0 scopes=read,admin parent-scopes=read root=dlg:t0
            late: @0 planner renew t1 from=t0 scopes=read parent-scopes=read,admin root=dlg:t0
        """,
        "the grant comes last, and its renewal had told too little": """
            planner renew t1 from=t0 scopes=read,admin parent-scopes=read root=dlg:t0
            late: alice grant planner token=t0 scopes=read,admin
        """,
        "the grant comes last": """
            planner renew t1 from=t0 scopes=read,admin root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
    },
)
