"""A service acts without showing any authority."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.once import BARE, Once, Posture
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InName, Reach, Rule

_TIERS = {"high": Severity.HIGH, "critical": Severity.CRITICAL, "medium": Severity.MEDIUM}


def check(once: Once, where: InName) -> Hits:
    if not isinstance(where.name, Posture) or not where.name.key.startswith(BARE):
        return NONE
    hop = once.hop
    service, action = hop.service or "?", hop.action_name or "?"
    tier = where.policy.tier(hop.action_name)
    hit = Hit(
        reference="CS-12",
        identity=(service, action),
        says=f"{service} reports {action if action != '?' else 'actions'} under no authority: no "
        "token, no delegation, no task",
        severity=_TIERS.get(tier or "", RULE.severity),
        confidence=RULE.confidence,
        time=hop.time,
        root_id=None,
        span_ids=(hop.span_id,),
        path=("?", "…", f"⇒ {action}"),
        facts=(
            ("service", service),
            ("action", action),
            ("first seen", words.instant(hop.time)),
            ("tier", tier or "none: said low, and once"),
        ),
    )
    return (hit,)


RULE = Rule(
    id="no-authority",
    references=("CS-12",),
    reads=Once,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.USE,
    title="Used under no authority",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    why="What is done under no authority cannot be laid to anybody, and no revocation reaches it. "
    "Mostly it is a service that was connected before its callers were.",
    triage="Connect the callers of this service, or let it read the token that they send. If it is "
    "meant to act by itself, give it a grant of its own. Give the action a tier in the policy if it "
    "must never happen.",
    blind_spots="Said once a service and action, of the earliest: how often it happens is in the "
    "table `hops`. Services that report nothing.",
    retracts_if="never by a later report: the span itself shows no authority",
    maps=("ASI03", "ASI10", "NHI9", "GOVERN 1.6"),
    fires={
        "a tool that shows no token, again and again": """
            planner use - action=crm.find by=crm root=-
            planner use - action=crm.find by=crm root=-
        """,
    },
    quiet={
        "with a token": """
            alice grant planner token=t0
            planner use t0 action=crm.find by=crm
        """,
        "with nothing but its task": """
            planner use - action=crm.find by=crm task=k1 root=-
        """,
        "refused": """
            planner use - action=crm.find by=crm outcome=deny root=-
        """,
        "in a context, whose authority was not on the span": """
            planner use - action=crm.find by=crm context=g1 root=-
        """,
    },
    late={
        "an earlier one is reported last": """
            @100 planner use - action=crm.find by=crm root=-
            late: @50 mallory use - action=crm.find by=crm root=-
        """,
    },
)
