"""A renewed token holds a scope its delegation never had."""

from __future__ import annotations

from collections.abc import Iterator

from grantline.model.chain import UNSEEN
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import InChain, Renewed, Rule
from grantline.rules.scope_comparison import same_issuer


def check(renewed: Renewed, where: InChain) -> Iterator[Hit]:
    delegation, renewal = renewed
    had, held = delegation.facts.granted_scopes, renewal.granted_scopes
    if not delegation.seen or had is None or held is None:
        return
    if not same_issuer(delegation.facts.token_issuer, renewal.token_issuer):
        return
    gained = where.policy.gained(held, had)
    if not gained:
        return
    who = delegation.facts.actor or UNSEEN
    yield Hit(
        reference="SE-01",
        identity=(where.chain.root_id, delegation.id, renewal.fingerprint or renewal.span_id),
        says=f"{who} gained {words.scopes(gained)} by renewing its token",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=renewal.time,
        root_id=where.chain.root_id,
        span_ids=(renewal.span_id,),
        delegation_ids=(delegation.id,),
        token_fingerprints=tuple(filter(None, (renewal.fingerprint,))),
        path=where.chain.path(delegation),
        facts=(
            ("+ gained", words.scopes(gained)),
            ("held before", words.scopes(had)),
            ("holds now", words.scopes(held)),
        ),
    )


RULE = Rule(
    id="renewal-gains-scope",
    references=("SE-01",),
    reads=Renewed,
    check=check,
    title="Renewed token exceeds its delegation's scopes",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="A renewal is a new credential for the same authority (RFC 6749 section 6: the scope must "
    "not include any scope not originally granted).",
    triage="Revoke the renewed token and check the issuer's refresh policy for this client.",
    blind_spots="Renewals that do not report their scopes.",
    retracts_if="stronger evidence shows that the delegation held the scope from the start",
    maps=("ASI03", "NHI5", "T1548.005", "RFC 6749 6"),
    fires={
        "a scope appears at renewal": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0 scopes=read,admin
        """,
    },
    quiet={
        "the same scopes": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0 scopes=read
        """,
        "no scopes reported": """
            alice grant planner token=t0 scopes=read
            planner renew t1 from=t0
        """,
    },
    late={
        "the grant comes last": """
            planner renew t1 from=t0 scopes=read,admin root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
    },
)
