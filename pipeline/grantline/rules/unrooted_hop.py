"""A hop that names no root, and whose token leads to none."""

from __future__ import annotations

from typing import Final

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Waiting
from grantline.model.hop import END, REVOKE, USE
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InName, Reach, Rule

_DID: Final = {REVOKE: "revoked", END: "ended"}


def check(waiting: Waiting, where: InName) -> Hits:
    name = where.name
    # Where the token's issue was seen but has no root either, the gap lies further up; where a
    # hand-off waits for the same name, rule orphan-hop says what is missing of all below it.
    if name.roots_known or name.issued or name.below or name.same or waiting.start is not None:
        return NONE
    hop = waiting.hop
    if hop.operation == USE and name.fingerprint is not None:
        return NONE  # rule unknown-token
    who = hop.presenter or "someone"
    missing = words.name_of(name.key)
    did = _DID.get(hop.operation, f"acts ({hop.operation}) with")
    severity, says = RULE.severity, f"{who} {did} {missing}"
    if hop.refused:
        severity, says = Severity.LOW, f"{who} was refused ({hop.operation}) with {missing}"
    elif words.grave(hop.action_risk, where.policy, hop.action_name):
        severity = Severity.HIGH
    elif not words.logged(hop.token_issuer, hop.token_dialect):
        severity = Severity.LOW
    hit = Hit(
        reference="CS-06",
        identity=(name.key,),
        says=f"{says}, which leads to no grant",
        severity=severity,
        confidence=RULE.confidence,
        time=hop.time,
        refused=hop.refused,
        root_id=None,
        span_ids=(hop.span_id,),
        delegation_ids=tuple(filter(None, (hop.id,))),
        token_fingerprints=tuple(filter(None, (hop.token_fingerprint,))),
        path=("?", hop.actor_id or "?"),
        facts=(("waits for", missing),),
    )
    return (hit,)


RULE = Rule(
    id="unrooted-hop",
    references=("CS-06",),
    reads=Waiting,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.BELOW,
    absence=True,
    title="Hop that leads to no grant",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="Neither the span nor its token tells which grant this acts under, so nobody's consent can "
    "be shown for it.",
    triage="Find the emitter of the token's issue. If there is none, the token was obtained "
    "outside every instrumented issuer and agent.",
    blind_spots="A root named wrongly is believed here; TR-10 looks at that. At issuers whose log does "
    "not tell every credential's beginning (AWS) it is low: whose a key is, each call says itself.",
    retracts_if="a span tells the root of the token",
    maps=("ASI03", "NHI4", "MEASURE 2.8"),
    fires={
        "low: an exchange that was refused has not acted": """
            worker delegate tool from=t1 outcome=deny root=-
        """,
        "a revocation of something nobody knows": """
            alice revoke t1 target=token root=-
        """,
        "a session of AWS that its log does not tell the beginning of: low": """
            deployer use - jti=ASIAFAKE iss=https://sts.amazonaws.com root=-
        """,
        "the end of a task that nobody began": """
            planner end - task=k1 root=-
        """,
    },
    quiet={
        "a delegation of a token from nowhere (that is orphan-hop)": """
            worker delegate tool from=t1 token=t2 root=-
            alice revoke t1 target=token root=-
        """,
        "the token tells the root": """
            alice grant planner token=t0
            planner use t0 root=-
        """,
        "through two hops": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read root=-
            worker use t1 root=-
        """,
        "the end of a task that was granted before": """
            alice grant planner token=t0 task=k1
            @300 planner end - task=k1 root=-
        """,
        "by its jti alone": """
            alice grant planner token=t0 jti=j1 iss=https://a.example
            @300 alice revoke - jti=j1 iss=https://a.example root=-
        """,
    },
    late={
        "the grant for the task comes after the grace": """
            @300 planner end - task=k1 root=-
            late: @0 alice grant planner token=t0 task=k1
        """,
        "the grant comes after the grace": """
            @300 alice revoke t0 target=token root=-
            late: @0 alice grant planner token=t0
        """,
    },
)
