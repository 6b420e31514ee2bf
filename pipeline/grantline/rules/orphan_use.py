"""A token is used in a chain in which nobody reported its issue."""

from __future__ import annotations

from collections.abc import Iterator

from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import InChain, Rule, Used


def check(used: Used, where: InChain) -> Iterator[Hit]:
    token, use = used
    owner = token.owner
    if use.operation != "use" or token.issued is not None or (owner is not None and owner.seen):
        return
    who = use.by or "someone"
    yield Hit(
        reference="CS-06",
        identity=(where.chain.root_id, token.key),
        says=f"{who} used {words.token(token.fingerprint)}, whose origin nobody reported",
        severity=Severity.HIGH if use.risk in words.GRAVE else RULE.severity,
        confidence=RULE.confidence,
        time=use.time,
        root_id=where.chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*where.chain.path(None), f"⇒ {use.action or who}"),
        facts=(("missing", owner.id if owner is not None else "the token's issue"),),
    )


RULE = Rule(
    id="orphan-use",
    references=("CS-06",),
    reads=Used,
    check=check,
    absence=True,
    title="Token of unknown origin used",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    why="The hop names the grant it acts under, but no hop of that grant produced this token.",
    triage="Ask the presenter where the token came from. An uninstrumented exchange is the usual "
    "answer; a token pasted from elsewhere is the bad one.",
    blind_spots="A use that names neither a token nor a delegation.",
    retracts_if="the span that issued the token arrives",
    maps=("ASI03", "NHI4", "MEASURE 2.8"),
    fires={
        "nobody reported the exchange": """
            alice grant planner token=t0
            worker use t1 root=dlg:t0
        """,
    },
    quiet={
        "issued in the chain": """
            alice grant planner token=t0
            planner use t0
        """,
        "a renewed token": """
            alice grant planner token=t0
            planner renew t1 from=t0
            planner use t1
        """,
        "an in-process hand-off without a token": """
            alice grant planner token=t0
            planner delegate worker parent=dlg:t0 id=d1 root=dlg:t0
            worker use - id=d1 root=dlg:t0
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
