"""Authority is used after it, or what it came from, was revoked."""

from __future__ import annotations

from collections.abc import Iterable

from grantline.dialects import dialect, dialect_of
from grantline.model.chain import Delegation, Use
from grantline.model.death import ALIVE, NO_CLOCK, Ends, Kill, struck, surely
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(use: Use, where: InChain) -> Hits:
    token = use.token
    owner = token.owner
    if use.refused:
        return NONE
    own, above = (ALIVE, ALIVE) if owner is None else (owner.own, owner.above)
    if own is ALIVE and above is ALIVE and token.revoked is None:
        return NONE
    leeway = _leeway(use, where)
    hits: list[Hit] = []
    kills = [struck(told, use.time, use.clocks, leeway) for told in own]
    if (revoked := token.revoked) is not None:
        # What a successor replaces is still in flight for a while, whatever clock tells it.
        clocks = () if revoked.rotation and use.clocks != NO_CLOCK else use.clocks
        kill = struck(revoked.told, use.time, clocks, leeway)
        kills.append(kill)
    if (kill := _earliest(kills)) is not None:
        hits.append(_hit("TR-04", use, owner, where, kill, soft=False))
    hard, soft = (struck(told, use.time, use.clocks, leeway) for told in above)
    if (kill := _earliest((hard, soft))) is not None:
        lives_on = hard is None or _lives_on(above.hard, kill, use, where, leeway)
        hits.append(_hit("TR-05", use, owner, where, kill, soft=lives_on))
    return hits or NONE


def _leeway(use: Use, where: InChain) -> int:
    """Between two clocks: the issuer's, and what the policy allows the accepting system."""
    policy, owner = where.policy, use.token.owner
    leeway = policy.leeway_of(owner.facts.token_issuer if owner is not None else None)
    return leeway + policy.allowance_ns(use.at) if policy.allowances else leeway


def _lives_on(told: Ends, kill: Kill, use: Use, where: InChain, leeway: int) -> bool:
    """Whether the ancestor's issuer leaves alive, by design, what was made from its tokens.

    Unless whoever revoked said that descendants die, or gave a reason that is theirs as well.
    """
    if surely(told, use.time, leeway, kill):
        return False
    ancestor = where.chain.delegations.get(kill.delegation_id)
    if ancestor is None:
        return False
    facts = ancestor.facts
    said = where.policy.of_issuer(facts.token_issuer)
    if said is not None and said.cascade is not None:
        return not said.cascade
    named = said.dialect if said is not None else None
    name = named or dialect_of(facts.token_issuer) or facts.token_dialect
    return dialect(name).cascades is False


def _earliest(kills: Iterable[Kill | None]) -> Kill | None:
    return min(filter(None, kills), default=None)


def _hit(
    reference: str, use: Use, owner: Delegation | None, where: InChain, kill: Kill, *, soft: bool
) -> Hit:
    token = use.token
    chain = where.chain
    severity = Severity.LOW if soft else RULE.severity
    if not soft and words.grave(use.risk, where.policy, use.action):
        severity = Severity.CRITICAL
    who = use.by or "someone"
    what = words.credential(token.fingerprint, token.key)
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
        delegation_ids=tuple(
            filter(None, dict.fromkeys((owner.id if owner else "", kill.delegation_id)))
        ),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(
            ("revoked", words.instant(kill.time)),
            ("revoked by", kill.by or "?"),
            ("revoked by span", kill.span_id),
            (doing, words.instant(use.time)),
        ),
        revoked_id=kill.delegation_id or None,
        revoked_by=kill.by or None,
    )


def _name(where: InChain, kill: Kill) -> str:
    ancestor = where.chain.delegations.get(kill.delegation_id)
    return (ancestor.facts.actor if ancestor is not None else None) or kill.delegation_id


RULE = Rule(
    id="used-after-revocation",
    references=("TR-04", "TR-05"),
    reads=Use,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Authority used after its revocation",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="Revoking a grant promises that everything below it is dead. A child token that still "
    "works is authority nobody gives any more.",
    triage="Stop the using agent. List the live descendants of the revoked delegation "
    "(`FROM descendants(...)`), revoke each at its issuer, and ask why the accepting system does not look revocation up.",
    blind_spots="Within the leeway, unless one clock told both (one issuer's log, one process). "
    "Systems that report no use. Revocations that never reach the stream. A replaced "
    "token (reason `rotation`) does not kill what was derived from it. At an issuer that leaves "
    "alive what was made from a revoked token (Keycloak, AWS), TR-05 is low unless the reason is "
    "compromise or logout, the revocation names a subtree, or the policy says `cascade`.",
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
        "TR-04: the person, named by the identity provider": """
            alice grant planner token=t0 iss=https://as.example.com
            @100 idp revoke - target=subject subject=alice subject-iss=https://as.example.com/
            @300 planner use t0
        """,
        "TR-05: the session": """
            alice grant planner token=t0 iss=https://as.example.com session=s1
            planner delegate worker from=t0 token=t1
            @100 idp revoke - target=session session=s1 subject-iss=https://as.example.com
            @300 worker use t1
        """,
        "TR-05: the agent, whose delegates lose what it handed on": """
            alice grant planner token=t0 iss=https://as.example.com
            planner delegate worker from=t0 token=t1 iss=https://as.example.com
            worker delegate tool from=t1 token=t2 iss=https://as.example.com
            @100 admin revoke - target=agent actor=worker actor-iss=https://as.example.com
            @300 tool use t2
        """,
        "TR-04: what one person gave to one agent": """
            alice grant planner token=t0
            @100 alice revoke - target=agent actor=planner subject=alice
            @300 planner use t0
        """,
        "TR-05: by issuer and jti, which is all that anybody tells of the tokens": """
            alice grant planner id=d0 root=d0 iss=https://as.example.com jti=j0
            planner delegate worker id=d1 root=d0 parent-jti=j0 iss=https://as.example.com jti=j1
            @100 as revoke - root=d0 iss=https://as.example.com/ jti=j0
            @300 worker use - root=d0 iss=https://as.example.com jti=j1
        """,
        "TR-05: by issuer and jti, of a token that its exchange shows": """
            alice grant planner token=t0
            planner delegate worker from=t0 token=t1 parent-jti=j0 parent-iss=https://as.example.com
            @100 as revoke - root=dlg:t0 iss=https://as.example.com jti=j0
            @300 worker use t1
        """,
        "TR-04: by issuer and jti, and exchanged by that name": """
            alice grant planner token=t0 iss=https://as.example.com jti=j0
            @100 as revoke t0 target=token
            @300 planner delegate worker token=t1 root=dlg:t0 parent-jti=j0 iss=https://as.example.com
        """,
        "TR-05: the exchange of what was revoked is all that is known of it": """
            planner delegate worker token=t1 root=g1 parent-jti=j0 iss=https://as.example.com
            @100 as revoke - root=g1 iss=https://as.example.com jti=j0
            @300 worker use t1 root=g1
        """,
        "TR-04: revocation and use by issuer and jti, whose issue nobody reports": """
            @100 as revoke - root=g1 iss=https://as.example.com jti=j0
            @300 planner use - root=g1 iss=https://as.example.com jti=j0
        """,
        "TR-04: whole seconds of one clock": """
            alice grant planner token=t0 iss=https://as.example.com
            @100 as revoke t0 evidence=issuer iss=https://as.example.com
            @101 planner use t0 evidence=issuer iss=https://as.example.com
        """,
    },
    quiet={
        "nobody knows when it was used": """
            alice grant planner token=t0
            @100 as revoke t0
            @500 planner use t0 flags=clock_unusable
        """,
        "nobody knows when it was replaced, or used": """
            alice grant planner token=t0
            @100 as revoke t0 reason=rotation
            @500 planner use t0 flags=clock_unusable
        """,
        "nobody knows when it was revoked": """
            alice grant planner token=t0
            @100 as revoke t0 flags=clock_unusable
            @500 planner use t0
        """,
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
        "refused, and nothing in the trace joins the client's report to the server's": """
            alice grant planner token=t0
            @100 alice revoke t0 target=token
            @300 planner use t0 kind=client
            @301 planner use t0 outcome=deny
        """,
        "a renewed token whose predecessor was rotated away": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @90 planner renew t2 from=t0
            @100 planner revoke t0 target=token reason=rotation
            @300 worker use t1
            @300 planner use t2
        """,
        "a later login of a revoked person": """
            @100 idp revoke - target=subject subject=alice
            @101 alice grant planner token=t0
            @300 planner use t0
        """,
        "another session, and another issuer's person of that name": """
            alice grant planner token=t0 iss=https://as.example.com session=s1
            @100 idp revoke - target=session session=s2 subject-iss=https://as.example.com
            @100 idp revoke - target=subject subject=alice subject-iss=https://other.example.com
            @300 planner use t0
        """,
        "what another person gave to the agent, and what was given to its delegator": """
            bob grant planner token=t0
            planner delegate worker from=t0 token=t1
            @100 alice revoke - target=agent actor=planner subject=alice
            @100 admin revoke - target=agent actor=worker
            @300 planner use t0
        """,
        "a revocation that was refused": """
            alice grant planner token=t0
            @100 idp revoke - target=subject subject=alice outcome=deny
            @300 planner use t0
        """,
        "one of two tokens is revoked by its jti": """
            alice grant planner id=d0 root=d0 iss=https://as.example.com jti=j0
            planner renew - id=d0 root=d0 iss=https://as.example.com jti=j9
            planner delegate worker id=d1 root=d0 parent-jti=j9 iss=https://as.example.com jti=j1
            @100 as revoke - root=d0 iss=https://as.example.com jti=j0
            @300 worker use - root=d0 iss=https://as.example.com jti=j1
        """,
        "another issuer's jti is revoked": """
            alice grant planner id=d0 root=d0 iss=https://as.example.com jti=j0
            planner delegate worker id=d1 root=d0 parent-jti=j0 iss=https://as.example.com jti=j1
            @100 as revoke - root=d0 iss=https://other.example.com jti=j0
            @300 worker use - root=d0 iss=https://as.example.com jti=j1
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
        "TR-04: the grant to the revoked person comes last": """
            @100 idp revoke - target=subject subject=alice
            @300 planner use t0 root=dlg:t0
            late: @50 alice grant planner token=t0
        """,
        "TR-05: the person's revocation comes last, and an earlier report of the grant": """
            @150 alice grant planner token=t0
            @160 planner delegate worker from=t0 token=t1
            @300 worker use t1
            @140 idp revoke - target=subject subject=alice
            late: @100 alice grant planner token=t0 by=as
        """,
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
        "TR-05: the hop that shows which token the jti is of comes last": """
            alice grant planner token=t0
            planner delegate worker from=t0 token=t1
            @100 as revoke - root=dlg:t0 iss=https://as.example.com jti=j0
            @300 worker use t1
            late: @50 planner use t0 iss=https://as.example.com jti=j0
        """,
        "TR-04: the server that refused reports last, in a trace of its own": """
            alice grant planner token=t0
            @100 alice revoke t0 target=token
            @300 planner use t0 kind=client
            late: @301 planner use t0 outcome=deny
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
