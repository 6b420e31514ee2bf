"""A delegate holds a scope its delegator never had."""

from __future__ import annotations

from typing import NamedTuple

from grantline.dialects import scope_kind
from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule
from grantline.rules.scope_comparison import claimed, holding, recorded, regained, where
from grantline.rules.scope_domain import Comparison, Side, compared, nothing_new

_TIERS = {"high": Severity.HIGH, "critical": Severity.CRITICAL}


class _Verdict(NamedTuple):
    """What is held against a delegate."""

    names: tuple[str, ...]
    severity: Severity
    confidence: Confidence


def check(taker: Delegation, at: InChain) -> Hits:
    names, parent = taker.facts.granted_scopes, taker.parent
    if names is None or taker.id == at.chain.root_id or not taker.seen:
        return NONE
    if parent is not None and nothing_new(parent.facts.granted_scopes, names, at.policy):
        return NONE
    holds = holding(taker, names)
    had = recorded(taker, holds)
    sure = had is not None
    if had is None and (had := claimed(taker)) is None:
        return NONE
    found = compared(had, holds, at.policy)
    foreign = (*found.elsewhere, *found.unproven)
    if foreign and not found.gained:
        back = regained(taker, holds, foreign, at.policy, at.chain.root_id)
        found = found._replace(gained=back) if back else found
    verdict = _verdict(found, at, sure=sure) if any(found) else None
    return NONE if verdict is None else (_hit(taker, at, verdict, _sides(had, holds, verdict)),)


def _verdict(found: Comparison, at: InChain, *, sure: bool) -> _Verdict | None:
    if found.gained:
        confidence = RULE.confidence if sure and not found.guessed else Confidence.MEDIUM
        tier = at.policy.tier(*found.gained)
        return _Verdict(
            found.gained, Severity.CRITICAL if tier == "critical" else RULE.severity, confidence
        )
    if at.policy.action_tiers:
        # Roles of a client that is new here come with every audience, unless they are called grave.
        tiers = {n: at.policy.tier(n) for n in found.elsewhere if scope_kind(n) == "client_role"}
        grave = {name: _TIERS[tier] for name, tier in tiers.items() if tier in _TIERS}
        if grave:
            return _Verdict(tuple(sorted(grave)), max(grave.values()), Confidence.MEDIUM)
    if found.unproven:
        return _Verdict(found.unproven, Severity.LOW, Confidence.LOW)
    return None


def _sides(had: Side, holds: Side, verdict: _Verdict) -> tuple[tuple[str, str], ...]:
    proven = verdict.severity > Severity.LOW
    facts = (
        ("+ gained" if proven else "? gained", words.scopes(verdict.names)),
        ("delegator holds", words.scopes(had.scopes)),
        ("delegate holds", words.scopes(holds.scopes)),
    )
    if proven:
        return facts
    return (
        *facts,
        ("delegator's scopes are of", where(had)),
        ("delegate's scopes are of", where(holds)),
        ("would decide it", "the issuer's scope_domain, or a crossing, in the policy"),
    )


def _hit(
    taker: Delegation, at: InChain, verdict: _Verdict, facts: tuple[tuple[str, str], ...]
) -> Hit:
    who = taker.facts.actor or UNSEEN
    parent = taker.parent
    giver = (parent.facts.actor if parent is not None else None) or taker.facts.delegator or UNSEEN
    names = words.scopes(verdict.names)
    if verdict.severity > Severity.LOW:
        says = f"{who} gained {names}, which {words.holder(giver, who)} does not hold"
    else:
        says = f"{who} holds {names} for another audience: whether {words.holder(giver, who)} could give it is unproven"
    return Hit(
        reference="SE-01",
        identity=(at.chain.root_id, taker.id),
        says=says,
        severity=verdict.severity,
        confidence=verdict.confidence,
        time=taker.first_time,
        root_id=at.chain.root_id,
        span_ids=taker.span_ids,
        delegation_ids=(taker.id,),
        token_fingerprints=tuple(filter(None, (taker.facts.fingerprint,))),
        path=at.chain.path(taker),
        facts=facts,
    )


RULE = Rule(
    id="scope-exceeds-parent",
    references=("SE-01",),
    reads=Delegation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    title="Delegate exceeds its delegator's scopes",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="Delegation may only narrow authority; no standard makes issuers check it.",
    triage="Revoke the child token, then read the issuer's exchange log at the span shown: which "
    "policy let the scope in, and who asked for it?",
    blind_spots="Scopes of different issuers, and of different resources where an issuer defines "
    "them by resource, are not compared unless the policy has a crossing. Where nobody knows whether "
    "two resources share their names it says unproven, at low. Of a parent whose list was cut "
    "nothing is said. A second login by the agent outside the trace looks like an escalation.",
    retracts_if="stronger evidence shows that the delegator held the scope, or hangs the "
    "delegation under another one",
    maps=("ASI03", "NHI5", "T1548.005", "T1098.003", "AML.T0012", "RFC 8693"),
    fires={
        "child adds a scope": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin
        """,
        "the parent is not seen, but the child tells what it exchanged": """
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read root=g1
        """,
        "the child lies about what it exchanged": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read,admin
        """,
        "an opaque token of one service, exchanged for a wider one of the same": """
            alice grant planner token=t0 scopes=repo dialect=github
            planner delegate b from=t0 token=t1 scopes=repo,admin:org dialect=github
        """,
        "an opaque token of the issuer whose token it was exchanged for": """
            alice grant planner token=t0 scopes=read iss=https://as.example aud=https://a.example
            planner delegate b from=t0 token=t1 scopes=admin
        """,
        "the same audience at an issuer whose scopes are defined by audience": """
            alice grant planner token=t0 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
            planner delegate b from=t0 token=t1 scopes=use,own iss=https://t.eu.auth0.com/ aud=https://a.example/
        """,
        "another audience, and names in common show one vocabulary": """
            alice grant planner token=t0 scopes=read iss=https://as.example aud=https://a.example
            planner delegate b from=t0 token=t1 scopes=read,own iss=https://as.example aud=https://b.example
        """,
        "another audience, and nothing tells whether the names mean the same (unproven)": """
            alice grant planner token=t0 scopes=read iss=https://as.example aud=https://a.example
            planner delegate b from=t0 token=t1 scopes=own iss=https://as.example aud=https://b.example
        """,
        "out to another resource and back, to more than was held there": """
            alice grant planner token=t0 scopes=x iss=https://t.eu.auth0.com aud=https://x.example
            planner delegate a from=t0 token=t1 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
            a delegate b from=t1 token=t2 scopes=read iss=https://t.eu.auth0.com aud=https://b.example
            b delegate a from=t2 token=t3 scopes=use,own iss=https://t.eu.auth0.com aud=https://a.example
        """,
        "a realm's role, whatever the audience": """
            alice grant planner token=t0 scopes=role:user iss=https://kc.example/realms/r aud=a
            planner delegate b from=t0 token=t1 scopes=role:user,role:boss iss=https://kc.example/realms/r aud=b
        """,
        "a client's role where the audience stays": """
            alice grant planner token=t0 scopes=read iss=https://kc.example/realms/r aud=a
            planner delegate b from=t0 token=t1 scopes=read,role:a:boss iss=https://kc.example/realms/r aud=a
        """,
        "a path beside the one that was given": """
            alice grant planner token=t0 scopes=storage.read:/cms
            planner delegate worker from=t0 token=t1 scopes=storage.read:/cmsx
        """,
        "a path that climbs": """
            alice grant planner token=t0 scopes=storage.read:/cms
            planner delegate worker from=t0 token=t1 scopes=storage.read:/cms/../atlas
        """,
    },
    quiet={
        "narrowing": """
            alice grant planner token=t0 scopes=read,write
            planner delegate worker from=t0 token=t1 scopes=read
        """,
        "the parent span is not seen yet": """
            planner delegate worker from=t0 token=t1 scopes=read,admin root=g1
        """,
        "another issuer's scopes": """
            alice grant planner token=t0 scopes=read iss=https://a.example
            planner delegate worker from=t0 token=t1 scopes=lesen iss=https://b.example
        """,
        "what issuers add by themselves": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read,openid,profile,email
        """,
        "on behalf of, at an issuer whose scopes are defined by resource": """
            alice grant planner token=t0 scopes=access_as_user iss=https://login.microsoftonline.com/t/v2.0 aud=api
            planner delegate b from=t0 token=t1 scopes=User.Read,Mail.Read iss=https://sts.windows.net/t/ aud=graph
        """,
        "out to another resource and back, to what was held there": """
            alice grant planner token=t0 scopes=x iss=https://t.eu.auth0.com aud=https://x.example
            planner delegate a from=t0 token=t1 scopes=use,own iss=https://t.eu.auth0.com aud=https://a.example
            a delegate b from=t1 token=t2 scopes=read iss=https://t.eu.auth0.com aud=https://b.example
            b delegate a from=t2 token=t3 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
        """,
        "a client's roles that come with its audience": """
            alice grant planner token=t0 scopes=role:user iss=https://kc.example/realms/r aud=a
            planner delegate b from=t0 token=t1 scopes=role:user,role:b:boss iss=https://kc.example/realms/r aud=b
        """,
        "a path below the one that was given": """
            alice grant planner token=t0 scopes=storage.read:/
            planner delegate worker from=t0 token=t1 scopes=storage.read:/cms/data
        """,
        "a wildcard includes it": """
            alice grant planner token=t0 scopes=files:*
            planner delegate worker from=t0 token=t1 scopes=files:read
        """,
        "a token that says by itself whose it is, had for another issuer's (a token vault)": """
            alice grant planner token=t0 scopes=read iss=https://as.example aud=https://a.example
            planner delegate planner from=t0 token=t1 scopes=repo,gist dialect=github
        """,
        "refused": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 requested=read,admin outcome=deny
        """,
    },
    late={
        "the parent comes last": """
            planner delegate worker from=t0 token=t1 scopes=read,admin root=dlg:t0
            late: alice grant planner token=t0 scopes=read
        """,
        "the parent comes last and shows that the child told too little": """
            planner delegate worker from=t0 token=t1 scopes=read,admin parent-scopes=read root=dlg:t0
            late: alice grant planner token=t0 scopes=read,admin
        """,
        "what was held there before is told last": """
            alice grant planner token=t0 scopes=x iss=https://t.eu.auth0.com aud=https://x.example
            a delegate b from=t1 token=t2 scopes=read iss=https://t.eu.auth0.com aud=https://b.example root=dlg:t0
            b delegate a from=t2 token=t3 scopes=use,own iss=https://t.eu.auth0.com aud=https://a.example root=dlg:t0
            late: planner delegate a from=t0 token=t1 scopes=use iss=https://t.eu.auth0.com aud=https://a.example
        """,
        "the grant comes last and shows the same audience": """
            planner delegate b from=t0 token=t1 scopes=own parent-scopes=use aud=https://a.example root=dlg:t0
            late: alice grant planner token=t0 scopes=use aud=https://a.example
        """,
    },
)
