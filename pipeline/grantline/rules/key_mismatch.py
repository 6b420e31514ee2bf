"""A token that is bound to a key is presented with another key."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history, policy = where
    key = history.issue.key
    if shown.proof is None or key is None or shown.proof == key:
        return NONE
    (how, proven), (by, bound) = shown.proof, key
    # A certificate's thumbprint says nothing about a DPoP key.
    if proven == bound or (how and by and how != by):
        return NONE
    if shown.service in policy.proxies or shown.principal in policy.proxies:
        return NONE
    who = shown.who or "someone"
    hit = Hit(
        reference="TR-03",
        identity=(history.key, proven),
        says=f"{who} {'tried' if shown.refused else 'presented'} {words.token(history.fingerprint)} "
        f"with key {proven[:12]}…, but it is bound to key {bound[:12]}…"
        + (", and was refused" if shown.refused else ""),
        severity=Severity.LOW if shown.refused else RULE.severity,
        confidence=RULE.confidence if shown.stated else Confidence.MEDIUM,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (history.issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(
            ("bound to key", bound),
            ("proven key", proven),
            ("refused by" if shown.refused else "accepted by", shown.service or "?"),
        ),
    )
    return (hit,)


RULE = Rule(
    id="key-mismatch",
    references=("TR-03",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    needs="proof",
    title="Proven key is not the token's",
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    why="Binding a token to a key (`cnf`) is what makes a stolen one useless. A system that checks "
    "the proof and not whether it is the token's own gives that away, and somebody used it.",
    triage="Mend the accepting system first: it compares the proof with nothing. Then revoke the "
    "token; whoever holds the other key has it.",
    blind_spots="Systems that do not report the key they saw proven, or that ask for no proof at "
    "all. Where a gateway ends the binding and presents a key of its own, name it as a proxy.",
    retracts_if="stronger evidence says that the token is bound to the proven key",
    maps=("ASI03", "NHI4", "T1550.001", "RFC 9449", "RFC 8705", "RFC 7800"),
    fires={
        "a thief proves a key of her own": """
            alice grant planner token=t0 key=k-planner bound=dpop
            mallory use t0 key=k-mallory
        """,
        "refused: an attempt, low": """
            alice grant planner token=t0 key=k-planner bound=dpop
            mallory use t0 key=k-mallory outcome=deny
        """,
        "only its client tells to which key the token is bound": """
            planner use t0 kind=client key=k-planner root=g1
            planner use t0 key=k-other root=g1
        """,
    },
    quiet={
        "its own key": """
            alice grant planner token=t0 key=k-planner bound=dpop
            planner use t0 key=k-planner
        """,
        "a certificate, beside the key": """
            alice grant planner token=t0 key=k-planner bound=dpop
            planner use t0 key=c-planner bound=mtls
        """,
        "a token bound to no key": """
            alice grant planner token=t0 bound=none
            planner use t0 key=c-planner bound=mtls
        """,
        "renewed for another key": """
            alice grant planner token=t0 key=k-1 bound=dpop
            planner renew t1 from=t0 key=k-2 bound=dpop
            planner use t1 key=k-2
        """,
    },
    late={
        "the grant comes last": """
            mallory use t0 key=k-mallory root=dlg:t0
            late: alice grant planner token=t0 key=k-planner bound=dpop
        """,
    },
)
