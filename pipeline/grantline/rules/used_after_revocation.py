"""Authority is used after it, or what it came from, was revoked."""

from __future__ import annotations

from collections.abc import Iterable

from grantline.model.chain import Delegation, Use
from grantline.model.death import ALIVE, Ends, Kill, struck
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Hits, InChain, Rule


def check(use: Use, where: InChain) -> Hits:
    token = use.token
    owner = token.owner
    if use.refused or owner is None:
        return NONE
    own, above = owner.own, owner.above
    if own is ALIVE and above is ALIVE and token.revoked is None:
        return NONE
    hits: list[Hit] = []
    kills = [_struck(use, where, told) for told in own]
    if (revoked := token.revoked) is not None:
        # What a successor replaces is still in flight for a while, whatever clock tells it.
        clocks = () if revoked.rotation else use.clocks
        kill = struck(revoked.told, use.time, clocks, where.policy.leeway_ns)
        kills.append(kill and kill._replace(delegation_id=owner.id))
    if (kill := _earliest(kills)) is not None:
        hits.append(_hit("TR-04", use, owner, where, kill, soft=False))
    hard, soft = (_struck(use, where, told) for told in above)
    if (kill := _earliest((hard, soft))) is not None:
        hits.append(_hit("TR-05", use, owner, where, kill, soft=hard is None))
    return hits or NONE


def _struck(use: Use, where: InChain, told: Ends) -> Kill | None:
    return struck(told, use.time, use.clocks, where.policy.leeway_ns)


def _earliest(kills: Iterable[Kill | None]) -> Kill | None:
    return min(filter(None, kills), default=None)


def _hit(
    reference: str, use: Use, owner: Delegation, where: InChain, kill: Kill, *, soft: bool
) -> Hit:
    token = use.token
    chain = where.chain
    severity = Severity.LOW if soft else RULE.severity
    if use.risk in words.GRAVE and not soft:
        severity = Severity.CRITICAL
    who = use.by or "someone"
    what = words.token(token.fingerprint)
    dead = what if reference == "TR-04" else f"the ancestor {_name(where, kill)}"
    doing = "exchanged" if use.operation == "delegate" else "used"
    return Hit(
        reference=reference,
        identity=(chain.root_id, token.key),
        says=f"{who} {doing} {what} {words.span(use.time - kill.time)} after {dead} was revoked",
        severity=severity,
        confidence=RULE.confidence if use.stated else Confidence.MEDIUM,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=tuple(dict.fromkeys((owner.id, kill.delegation_id))),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(
            ("revoked", words.instant(kill.time)),
            ("revoked by span", kill.span_id),
            (doing, words.instant(use.time)),
        ),
    )


def _name(where: InChain, kill: Kill) -> str:
    ancestor = where.chain.delegations.get(kill.delegation_id)
    return (ancestor.facts.actor if ancestor is not None else None) or kill.delegation_id


RULE = Rule(
    id="used-after-revocation",
    references=("TR-04", "TR-05"),
    reads=Use,
    check=check,
    title="Authority used after its revocation",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="Revoking a grant promises that everything below it is dead. A child token that still "
    "works is authority nobody gives any more.",
    triage="Stop the using agent. List the live descendants of the revoked delegation (SQL below), "
    "revoke each at its issuer, and ask why the accepting system does not look revocation up.",
    blind_spots="Within the leeway, unless one clock told both (one issuer's log, one process). "
    "Systems that report no use. Revocations that never reach the stream. A replaced "
    "token (reason `rotation`) does not kill what was derived from it.",
    retracts_if="stronger evidence hangs the delegation under another parent, or a renewal shows "
    "that the revoked token had been replaced",
    maps=("ASI03", "ASI08", "NHI1", "CWE-613", "RFC 7009"),
    fires={
        "TR-05: ghost authority: the root is revoked, the child goes on": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @100 alice revoke t0 target=subtree
            @300 worker use t1
        """,
        "TR-04: the token itself": """
            alice grant planner token=t0
            @100 alice revoke t0 target=token
            @300 planner use t0
        """,
        "TR-05: the ancestor's only token": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @100 alice revoke t0 target=token
            @300 worker use t1
        """,
        "TR-04: the task": """
            alice grant planner token=t0 task=k1
            @100 alice revoke task=k1 target=task root=dlg:t0
            @300 planner use t0
        """,
        "TR-04: told by one clock, the issuer's": """
            alice grant planner token=t0 iss=https://as.example.com
            @100.2 as revoke t0 ended=100.3 evidence=issuer iss=https://AS.example.com/
            @100.4 planner use t0 evidence=issuer iss=https://as.example.com
        """,
        "TR-05: told by one process, and one that is slow told of it, too": """
            alice grant planner token=t0
            planner delegate worker from=t0 token=t1
            @100.2 planner revoke t0 target=subtree instance=i1
            @90 idp revoke t0 target=subtree instance=i2
            @101.4 worker use t1 by=planner instance=i1
        """,
        "TR-04: whole seconds of one clock": """
            alice grant planner token=t0 iss=https://as.example.com
            @100 as revoke t0 evidence=issuer iss=https://as.example.com
            @101 planner use t0 evidence=issuer iss=https://as.example.com
        """,
    },
    quiet={
        "within what one clock can tell": """
            alice grant planner token=t0 iss=https://as.example.com
            @100 as revoke t0 evidence=issuer iss=https://as.example.com
            @100.9 planner use t0 evidence=issuer iss=https://as.example.com
        """,
        "one clock, before the revocation is done": """
            alice grant planner token=t0 iss=https://as.example.com
            @100.2 as revoke t0 ended=100.5 evidence=issuer iss=https://as.example.com
            @100.4 planner use t0 evidence=issuer iss=https://as.example.com
        """,
        "replicas of one service have a clock each": """
            alice grant planner token=t0
            @100.2 planner revoke t0 instance=i1
            @101.4 planner use t0 by=planner instance=i2
        """,
        "one clock, but its token was replaced and is in flight": """
            alice grant planner token=t0 iss=https://as.example.com
            @100.2 as revoke t0 reason=rotation evidence=issuer iss=https://as.example.com
            @100.4 planner use t0 evidence=issuer iss=https://as.example.com
        """,
        "in flight, within the leeway": """
            alice grant planner token=t0
            @100 alice revoke t0 target=subtree
            @150 planner use t0
        """,
        "refused: revocation works": """
            alice grant planner token=t0
            @100 alice revoke t0 target=subtree
            @300 planner use t0 outcome=deny
        """,
        "refused, and the client does not know": """
            alice grant planner token=t0
            @100 alice revoke t0 target=subtree
            @300 planner use t0 kind=client call=c1
            @300 planner use t0 outcome=deny call=c1
        """,
        "a renewed token whose predecessor was rotated away": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @90 planner renew t2 from=t0
            @100 planner revoke t0 target=token reason=rotation
            @300 worker use t1
            @300 planner use t2
        """,
        "a sibling is revoked": """
            alice grant planner token=t0 scopes=read
            planner delegate a from=t0 token=t1 scopes=read
            planner delegate b from=t0 token=t2 scopes=read
            @100 alice revoke t1 target=subtree
            @300 b use t2
        """,
    },
    late={
        "TR-04: the revocation of the token itself arrives after the use": """
            alice grant planner token=t0
            @300 planner use t0
            late: @100 alice revoke t0 target=token
        """,
        "TR-04: the task's revocation turns out to be another run's": """
            alice grant planner token=t0 task=k1
            @300 alice revoke - task=k1 target=task root=-
            @500 planner use t0
            late: @200 bob grant planner token=t9 task=k1
        """,
        "TR-04: the server that refused reports last": """
            alice grant planner token=t0
            @100 alice revoke t0 target=token
            @300 planner use t0 kind=client call=c1
            late: @300 planner use t0 outcome=deny call=c1
        """,
        "TR-05: the revocation arrives after the use": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @300 worker use t1
            late: @100 alice revoke t0 target=subtree
        """,
        "TR-05: the delegation between arrives after both": """
            alice grant planner token=t0 scopes=read
            @100 alice revoke t0 target=subtree
            @300 worker use t1 root=dlg:t0
            late: @50 planner delegate worker from=t0 token=t1 scopes=read
        """,
    },
)
