"""A token is used whose issue nobody reported."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation, TokenHistory
from grantline.model.sighting import USED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history = where.history
    if shown.act != USED or history.issued or history.below:
        return NONE  # with a hand-off below it: rule orphan-hop
    who = shown.who or "someone"
    says = f"{who} {words.did(shown)} {words.token(history.fingerprint)}"
    if _told_by_jti(history):
        if shown.root_id is None or history.root_told is not None:
            return NONE  # rule token-in-two-chains compares roots
        says += (
            f" under grant {shown.root_id}; that it is of that grant nobody shows: only a log tells of "
            "its issue, and leads to no root"
        )
        severity = Severity.LOW
    else:
        says += ", whose origin nobody reported"
        grave = words.grave(shown.risk, where.policy, shown.action)
        severity = Severity.HIGH if grave else RULE.severity
    hit = Hit(
        reference="CS-06",
        identity=(history.key,),
        says=says,
        severity=severity,
        confidence=RULE.confidence,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {shown.service or who}"),
        facts=(("missing", "the span that issued the token"),),
    )
    return (hit,)


def _told_by_jti(history: TokenHistory) -> bool:
    """Its issuer's log tells of the jti, and nobody of another token that bears it."""
    return history.same and not history.contested


RULE = Rule(
    id="unknown-token",
    references=("CS-06",),
    reads=Presentation,
    check=check,
    effect=Effect.UNPROVES,
    reaches=Reach.BELOW,
    absence=True,
    title="Token of unknown origin used",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="An unknown parent is a gap, never a root: nothing shows who gave this token to whom.",
    triage="Ask the presenter where the token came from. An uninstrumented exchange is the usual "
    "answer; a token pasted from elsewhere is the bad one.",
    blind_spots="A token issued in one chain and used in another is TR-10, not this.",
    retracts_if="the span that issued the token arrives, or its issuer's log tells of it by its jti",
    maps=("ASI03", "NHI4", "MEASURE 2.8"),
    fires={
        "nobody reported the exchange": """
            alice grant planner token=t0
            worker use t1 root=dlg:t0
        """,
        "and the use names no root either": """
            worker use t1 root=-
        """,
        "low: only a log tells of the issue, and leads to no root": """
            alice grant planner jti=j0 iss=https://as.example.com evidence=issuer root=-
            planner use t1 jti=j0 iss=https://as.example.com root=dlg:t0
        """,
    },
    quiet={
        "only a log tells of the issue, under the root that the use names": """
            alice grant planner token=t0 jti=j0 iss=https://as.example.com
            planner delegate worker jti=j1 parent-jti=j0 iss=https://as.example.com evidence=issuer root=-
            worker use t1 jti=j1 iss=https://as.example.com root=dlg:t0
        """,
        "issued": """
            alice grant planner token=t0
            planner use t0
        """,
        "a renewed token": """
            alice grant planner token=t0
            planner renew t1 from=t0
            planner use t1
        """,
        "issued, but under a parent nobody knows: the gap is further up": """
            worker delegate tool from=t1 token=t2 root=-
            tool use t2 root=-
        """,
        "exchanged, too, by a hop that names no root (that is orphan-hop)": """
            worker use t1 root=-
            worker delegate tool from=t1 token=t2 root=-
        """,
        "used in another chain (that is TR-10)": """
            alice grant planner token=t0
            bob grant helper token=t9
            helper use t0 root=dlg:t9
        """,
    },
    late={
        "the exchange is reported after the grace": """
            alice grant planner token=t0 scopes=read
            worker use t1 root=dlg:t0
            late: planner delegate worker from=t0 token=t1 scopes=read
        """,
    },
)
