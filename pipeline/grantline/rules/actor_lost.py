"""An issuer's exchanged tokens do not tell who gave the authority."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.once import FLAT, Once, Posture
from grantline.rules.rule import NONE, Effect, Hits, InName, Rule


def check(once: Once, where: InName) -> Hits:
    if not isinstance(where.name, Posture) or not where.name.key.startswith(FLAT):
        return NONE
    hop = once.hop
    giver, actor = hop.delegator_id or "?", hop.actor_id or "?"
    hit = Hit(
        reference="SE-15",
        identity=(where.name.key,),
        says=f"{hop.token_issuer} turns delegation into impersonation: the token that {actor} had "
        f"from {giver} does not name {giver}",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=hop.time,
        root_id=hop.root_id,
        span_ids=(hop.span_id,),
        delegation_ids=tuple(filter(None, (hop.id,))),
        token_fingerprints=tuple(filter(None, (hop.token_fingerprint,))),
        path=(hop.subject_id or "?", giver, actor),
        facts=(
            ("issuer", hop.token_issuer or "?"),
            ("delegator", giver),
            ("the token tells of", ", ".join(hop.chain_actors or ())),
        ),
    )
    return (hit,)


RULE = Rule(
    id="actor-lost",
    references=("SE-15",),
    reads=Once,
    check=check,
    effect=Effect.NOTHING,
    title="The issuer drops the actor",
    severity=Severity.INFO,
    confidence=Confidence.MEDIUM,
    why="Who receives such a token sees the person and the last client, and nobody in between. It "
    "cannot tell a delegate from the person's own application, nor who is to answer.",
    triage="Nothing is broken: it is how this issuer is (standard token exchange in Keycloak, "
    "on-behalf-of at Entra). Let agents tell of their exchanges themselves; then the chain is whole "
    "here. Do not let systems decide on `act` alone.",
    blind_spots="Said once an issuer, of the earliest exchange; those of which nobody tells who "
    "gave the authority, or how deep it is, show nothing.",
    retracts_if="never by a later report: the token itself does not name the delegator",
    maps=("ASI03", "ASI09", "T1134.001", "RFC 8693"),
    fires={
        "an issuer that is known to tell of no actor": """
            alice grant app token=t0
            app delegate planner from=t0 token=t1 iss=https://login.microsoftonline.com/t/v2.0 actors=i~alice,i~planner
        """,
        "the exchanged token names the person and its client alone": """
            alice grant planner token=t0
            planner delegate worker from=t0 token=t1 iss=https://kc.example depth=1 actors=i~alice,i~worker
            worker delegate tool from=t1 token=t2 iss=https://kc.example/ depth=2 actors=i~alice,i~tool
            worker delegate crm from=t1 token=t3 iss=https://kc.example depth=2 actors=i~alice,i~crm
        """,
    },
    quiet={
        "the token names who gave it": """
            worker delegate tool from=t1 token=t2 iss=https://as.example depth=2 actors=i~alice,i~worker,i~tool root=g1
        """,
        "the first delegate: no token before it had an actor to lose": """
            alice grant planner token=t0
            planner delegate worker from=t0 token=t1 iss=https://kc.example depth=1 actors=i~alice,i~worker
        """,
        "an agent's own token, exchanged for another audience": """
            planner delegate planner from=t0 token=t1 iss=https://kc.example depth=2 actors=i~alice,i~planner root=g1
        """,
        "at another issuer the client has another name (ID-JAG)": """
            app delegate app-there from=t0 token=t1 type=id_jag iss=https://idp.example depth=2 actors=i~u,i~app-there root=g1
            app delegate app-there from=t1 token=t2 method=jwt_bearer iss=https://as2.example depth=3 actors=j~u2,j~app-there root=g1
        """,
    },
    late={
        "an earlier exchange is reported last": """
            @100 planner delegate worker from=t0 token=t1 iss=https://kc.example depth=2 actors=i~alice,i~worker root=g1
            late: @50 planner delegate tool from=t0 token=t2 iss=https://kc.example depth=2 actors=i~alice,i~tool root=g1
        """,
    },
)
