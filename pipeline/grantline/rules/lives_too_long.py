"""A delegate's token lives longer than the policy allows."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.policy import NS
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Rule


def check(taker: Delegation, where: InChain) -> Hits:
    limit, ends = where.policy.max_lifetime_seconds, taker.facts.expires_at
    if limit is None or ends is None or not taker.seen or taker.id == where.chain.root_id:
        return NONE
    lives = ends * NS - taker.first_time
    if lives <= limit * NS + where.policy.leeway_ns:
        return NONE
    hit = Hit(
        reference="SE-05",
        identity=(where.chain.root_id, taker.id),
        says=f"the token of {taker.facts.actor or UNSEEN} lives {words.span(lives)}; "
        f"{words.span(limit * NS)} are allowed",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=taker.first_time,
        root_id=where.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=where.chain.path(taker),
        facts=(("issued", words.instant(taker.first_time)), ("expires", words.instant(ends * NS))),
    )
    return (hit,)


RULE = Rule(
    id="lives-too-long",
    references=("SE-05",),
    reads=Delegation,
    check=check,
    effect=Effect.NOTHING,
    title="Delegate's token lives too long",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    why="A short life bounds what a leaked token can do. A delegate's needs no longer one than its "
    "work takes.",
    triage="See what the issuer gives this client by default, and lower it; then ask what the "
    "delegate does for so long.",
    blind_spots="It is silent without `max_lifetime_seconds` in the policy. A parent's expiry is no "
    "measure: issuers draw lives anew for each token, some at random (Entra), and none of the "
    "dialects promises that a child dies first.",
    retracts_if="stronger evidence gives the token an earlier expiry",
    maps=("NHI7", "ASI03", "RFC 8693"),
    policy={"max_lifetime_seconds": 3_600},
    fires={
        "longer than the policy allows": """
            alice grant planner token=t0 exp=100000
            planner delegate worker from=t0 token=t1 exp=90000
        """,
    },
    quiet={
        "as long as the policy allows": """
            alice grant planner token=t0 exp=3600
            planner delegate worker from=t0 token=t1 exp=3600
        """,
        "longer than its parent, and within what is allowed": """
            alice grant planner token=t0 exp=300
            planner delegate worker from=t0 token=t1 exp=3000
        """,
        "the grant itself": """
            alice grant planner token=t0 exp=90000
        """,
    },
    late={
        "another report of the same hand-off came earlier by the clock": """
            alice grant planner token=t0 exp=100000
            @3000 planner delegate worker from=t0 token=t1 exp=6650
            late: @2000 planner delegate worker from=t0 token=t1 exp=6650
        """,
    },
)
