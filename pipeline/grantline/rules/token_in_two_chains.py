"""One token turns up under two root grants."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.sighting import ISSUED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history = where.history
    if shown.root_id is None or shown.root_id == history.root_issued:
        return NONE
    home = history.home
    if home is None or shown.root_id == home:
        return NONE
    who = shown.who or "someone"
    verb = "was issued" if shown.act == ISSUED else f"was presented by {who}"
    if shown.refused and shown.act != ISSUED:
        verb += ", and refused,"
    hit = Hit(
        reference="TR-10",
        identity=(history.key, shown.root_id),
        says=f"{words.token(history.fingerprint)} {verb} under grant {shown.root_id}, "
        f"but it belongs to grant {home}",
        severity=RULE.severity,
        confidence=RULE.confidence if history.root_issued else Confidence.MEDIUM,
        time=shown.time,
        refused=shown.refused and shown.act != ISSUED,
        root_id=home,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (history.issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(("issued under", home), ("presented under", shown.root_id)),
    )
    return (hit,)


RULE = Rule(
    id="token-in-two-chains",
    references=("TR-10",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="One token in two chains",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="A token carries one grant. Under another grant it makes one person's consent pay for "
    "another person's task, and every later question of who allowed this has two answers.",
    triage="Open both chains. At the join, find out which task handed the token over: shared "
    "agent memory, a token cache keyed by agent instead of by task, or a splice at the issuer.",
    blind_spots="Spans that name no root cannot disagree about it.",
    retracts_if="the span that issued the token names the second grant as its root",
    maps=("ASI03", "ASI07", "NHI9", "T1134.001", "T1550.001", "AML.T0091.000"),
    fires={
        "a cached token serves another person's task": """
            alice grant planner token=t0
            bob grant helper token=t9
            planner use t0
            helper use t0 root=dlg:t9
        """,
        "only its issuer's log tells of the issue, and the use under another grant came first": """
            bob grant helper token=t9
            helper use t1 jti=j1 iss=https://as.example.com root=dlg:t9
            alice grant planner token=t0 jti=j0 iss=https://as.example.com
            planner delegate worker jti=j1 parent-jti=j0 iss=https://as.example.com evidence=issuer root=-
        """,
        "exchanged in another chain": """
            alice grant planner token=t0 scopes=read
            bob grant helper token=t9 scopes=read
            helper delegate worker from=t0 token=t1 root=dlg:t9 scopes=read
        """,
    },
    quiet={
        "fan-out: the holder exchanges one token twice": """
            alice grant planner token=t0 scopes=read
            planner delegate a from=t0 token=t1 scopes=read
            planner delegate b from=t0 token=t2 scopes=read
        """,
        "a hop that names no root": """
            alice grant planner token=t0
            planner use t0 root=-
        """,
    },
    late={
        "the grant comes last and settles whose token it is": """
            helper use t0 root=dlg:t9
            @20 planner use t0 root=dlg:t0
            late: @0 alice grant planner token=t0
        """,
    },
)
