"""A token is presented after it expired."""

from __future__ import annotations

from grantline.dialects import dialect, dialect_of
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.policy import NS
from grantline.model.sighting import ISSUED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history = where.history
    expires_at = history.issue.expires_at
    if shown.act == ISSUED or expires_at is None or not shown.timed:
        return NONE
    lag = shown.time - expires_at * NS
    # Most come in time, and need no leeway.
    if lag <= 0 or lag <= _leeway(where):
        return NONE
    who = shown.who or "someone"
    late_by = words.span(lag)
    outcome = "and was refused" if shown.refused else "and it was accepted"
    hit = Hit(
        reference="TR-06",
        identity=(history.key,),
        says=f"{who} {words.did(shown)} {words.token(history.fingerprint)} {late_by} after its expiry, "
        + (outcome if shown.stated or shown.refused else "and nobody reports a refusal"),
        severity=Severity.LOW if shown.refused else RULE.severity,
        confidence=RULE.confidence if shown.stated else Confidence.MEDIUM,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (history.issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {shown.service or who}"),
        facts=(
            ("expired", words.instant(expires_at * NS)),
            ("presented", words.instant(shown.time)),
        ),
    )
    return (hit,)


def _leeway(where: InHistory) -> int:
    """What the policy says of the issuer, else what the issuer is known to grant, else the policy's."""
    issuer, policy = where.history.issue.issuer, where.policy
    said = policy.of_issuer(issuer)
    if said is not None and said.leeway_seconds is not None:
        return said.leeway_seconds * NS
    granted = dialect((said.dialect if said else None) or dialect_of(issuer)).expiry_leeway
    return policy.leeway_ns if granted is None else granted * NS


RULE = Rule(
    id="used-after-expiry",
    references=("TR-06",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Token used after its expiry",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="Short lives bound the damage of a leak, but only where somebody checks them.",
    triage="Ask the accepting system's owner how it validates `exp`: a cached introspection or a "
    "missing check. Then see what else that system accepted from this token.",
    blind_spots="A token whose expiry nobody reported. Clock skew beyond the leeway.",
    retracts_if="stronger evidence gives the token a later expiry",
    maps=("ASI03", "NHI7", "CWE-613", "RFC 7519 4.1.4"),
    fires={
        "two minutes after": """
            alice grant planner token=t0 exp=100
            @220 planner use t0
        """,
        "exchanged after expiry": """
            alice grant planner token=t0 exp=100 scopes=read
            @300 planner delegate worker from=t0 token=t1 scopes=read
        """,
        "refused, which is only worth a note": """
            alice grant planner token=t0 exp=100
            @220 planner use t0 outcome=deny
        """,
    },
    quiet={
        "nobody knows when it was used": """
            alice grant planner token=t0 exp=100
            @220 planner use t0 flags=clock_unusable
        """,
        "within the leeway": """
            alice grant planner token=t0 exp=100
            @159 planner use t0
        """,
        "renewed in time": """
            alice grant planner token=t0 exp=100
            @90 planner renew t1 from=t0 exp=400
            @300 planner use t1
        """,
        "expiry unknown": """
            alice grant planner token=t0
            @90000 planner use t0
        """,
    },
    late={
        "the grant that tells the expiry comes last": """
            @220 planner use t0 root=dlg:t0
            late: @0 alice grant planner token=t0 exp=100
        """,
    },
)
