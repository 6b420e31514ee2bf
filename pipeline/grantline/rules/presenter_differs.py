"""A token is presented by someone it was not issued to."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.sighting import USED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history, policy = where
    who = shown.who
    if shown.act != USED or who is None or history.issue.token_type in words.HANDED_ON_BY_DESIGN:
        return NONE
    if who not in history.rightful:
        if (
            who not in history.forwarders
            and who not in policy.proxies
            and _comparable(shown, where)
        ):
            return (_hit("TR-01", shown, where, f"{who}, and it belongs to {_names(where)}"),)
    elif shown.workload is not None:
        first = history.first_workload.get(shown.naming)
        if first is not None and first[2] != shown.workload:
            return (_hit("TR-02", shown, where, f"{shown.workload}, but first by {first[2]}"),)
    return NONE


def _comparable(shown: Presentation, where: InHistory) -> bool:
    """A bare key says nothing about a name, nor a name about a key. Of a token that nobody
    reports to have asked for, a server's name for its presenter says nothing about what that calls
    itself.
    """
    history = where.history
    if not history.asked and shown.self_told and history.seen_by_others:
        return False
    keyed = shown.principal is None
    return any(name.startswith("key ") == keyed for name in history.rightful)


def _names(where: InHistory) -> str:
    return " or ".join(sorted(where.history.rightful))


def _hit(reference: str, shown: Presentation, where: InHistory, difference: str) -> Hit:
    history = where.history
    severity = Severity.MEDIUM if reference == "TR-02" else RULE.severity
    if reference == "TR-01" and words.grave(shown.risk, where.policy, shown.action):
        severity = Severity.CRITICAL
    who = shown.workload if reference == "TR-02" else shown.who
    return Hit(
        reference=reference,
        identity=(history.key, who or ""),
        says=f"{words.token(history.fingerprint)} was presented by {difference}"
        + (", and was refused" if shown.refused else ""),
        severity=severity,
        confidence=Confidence.MEDIUM if shown.principal is None else RULE.confidence,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (history.issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(
            ("presented by", who or "?"),
            ("issued to", _names(where)),
            ("seen by", shown.service or "?"),
        ),
        # A gateway is told from a thief by its own report. Once the token came to where it is
        # meant for from somebody else, the way it takes is known.
        provisional=reference == "TR-01" and not history.accepted_from - {shown.who},
    )


RULE = Rule(
    id="presenter-differs",
    references=("TR-01", "TR-02"),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Token presented by someone else",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="A bearer token works for whoever holds it. The claims inside are the same for a thief, "
    "so only the transport tells who really presents it.",
    triage="Revoke the token. Compare the two presenters' hosts at the times shown, and look for "
    "the hop where the second one could have read the token (logs, prompts, tool arguments).",
    blind_spots="A thief on the holder's own workload looks like the holder. One who also reports "
    "having received the token counts as a gateway; using it elsewhere then shows as TR-11. "
    "Exchanging a stolen token is not judged here: its recipient may exchange it.",
    retracts_if="a span shows that the second presenter is the party the token was issued to, or "
    "a gateway that received it; or an alias or proxy is configured for it",
    maps=("ASI03", "ASI07", "NHI9", "T1550.001", "AML.T0091.000", "RFC 9700"),
    fires={
        "TR-01: a thief presents the planner's token": """
            alice grant planner token=t0 scopes=read
            planner use t0 at=crm.example.com
            mallory use t0 at=crm.example.com
        """,
        "TR-02: same agent, another workload": """
            alice grant planner token=t0
            spiffe://corp/ns/agents/sa/planner use t0
            spiffe://corp/ns/evil/sa/planner use t0
        """,
        "TR-01: nobody reported the issue, so the first presenter counts as the holder": """
            planner use t0 root=g1
            mallory use t0 root=g1
        """,
    },
    quiet={
        "nobody reported the issue; the agent goes by its service's name, its server by its client id": """
            agent-7 use t0 by=crm
            planner use t0 kind=client
        """,
        "replicas of one service": """
            alice grant planner token=t0
            spiffe://corp/ns/agents/sa/planner/pod/a use t0
            spiffe://corp/ns/agents/sa/planner/pod/b use t0
        """,
        "pods of one Deployment": """
            alice grant planner token=t0
            planner use t0
            planner-7d9f8b6c5d-x2x9z use t0
            planner-7d9f8b6c5d-kq4lm use t0
        """,
        "a gateway in front of its service": """
            alice grant planner token=t0 aud=https://crm.example.com
            planner use t0 at=gw.example.com by=gateway aud=https://crm.example.com
            gateway use t0 at=crm.example.com by=crm aud=https://crm.example.com
        """,
        "the rightful holder twice, and a fan-out": """
            alice grant planner token=t0 scopes=read
            planner use t0
            planner use t0
            planner delegate a from=t0 token=t1 scopes=read
            planner delegate b from=t0 token=t2 scopes=read
        """,
        "a transaction token is handed on": """
            alice grant planner token=t0 type=txn_token
            planner use t0
            billing use t0
        """,
    },
    late={
        "TR-02: the workload that presented it first reports last": """
            alice grant planner token=t0
            @20 spiffe://corp/ns/evil/sa/planner use t0
            late: @10 spiffe://corp/ns/agents/sa/planner use t0
        """,
        "TR-01: the grant comes last and shows who the holder is": """
            mallory use t0 root=dlg:t0
            planner use t0 root=dlg:t0
            late: alice grant planner token=t0
        """,
    },
)
