"""Somebody exchanges a token that was meant for somebody else."""

from __future__ import annotations

from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Presentation
from grantline.model.hop import IDENTITIES
from grantline.model.policy import Policy
from grantline.model.principals import identify
from grantline.model.sighting import EXCHANGED
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InHistory, Reach, Rule


def check(shown: Presentation, where: InHistory) -> Hits:
    history, policy = where
    audiences = history.issue.audiences
    if shown.act != EXCHANGED or not audiences:
        return NONE
    named = policy.principal_aliases or policy.presenter_aliases
    if not named and (shown.giver not in audiences or history.issue.token_type in IDENTITIES):
        # Mostly the audience is a resource. That of an ID token is the client it was issued to, so
        # its giver stands there whoever exchanges it: the client's back end has another name.
        return NONE
    takers = _takers(shown, policy)
    if not takers or not history.issued or _rightly(shown, takers, where):
        return NONE
    if not all(_is_party(audience, shown, policy) for audience in audiences):
        return NONE
    if {_name(audience, policy) for audience in audiences} <= history.holders:
        return NONE  # issuers that name whom they gave it to (Spring) do not say who is next
    who = shown.principal or shown.actor or "someone"
    names = ", ".join(sorted(audiences))
    hit = Hit(
        reference="CS-01",
        identity=(history.key, *sorted(takers)),
        says=f"{who} {'tried to exchange' if shown.refused else 'exchanged'} "
        f"{words.token(history.fingerprint)}, which is for {names}"
        + (", and was refused" if shown.refused else ""),
        severity=Severity.LOW if shown.refused else RULE.severity,
        confidence=RULE.confidence,
        time=shown.time,
        refused=shown.refused,
        root_id=history.home or shown.root_id,
        span_ids=(shown.span_id,),
        delegation_ids=tuple(filter(None, (history.issue.delegation_id or shown.delegation_id,))),
        token_fingerprints=tuple(filter(None, (history.fingerprint,))),
        path=(*history.path, f"⇒ {who}"),
        facts=(
            ("exchanged by", ", ".join(sorted(takers))),
            ("meant for", names),
            ("issued to", ", ".join(sorted(history.holders)) or "?"),
        ),
        # Who received the token before is told by its own report.
        provisional=True,
    )
    return (hit,)


def _rightly(shown: Presentation, takers: set[str], where: InHistory) -> bool:
    """Whether one of `takers` is whom the token is for or was issued to, or was handed it."""
    history, policy = where
    meant = {_name(audience, policy) for audience in history.issue.audiences or ()}
    return bool(
        takers & meant
        or takers & history.holders
        or takers & policy.proxies
        or shown.principal in history.forwarders
        or history.issue.token_type in words.HANDED_ON_BY_DESIGN
        or _may(takers, where)
    )


def _takers(shown: Presentation, policy: Policy) -> set[str]:
    names = (shown.principal, shown.actor, shown.client)
    return {_name(name, policy) for name in names if name}


def _name(name: str, policy: Policy) -> str:
    return policy.principal(identify(name)[0])


def _may(takers: set[str], where: InHistory) -> bool:
    allowed = where.history.issue.may_act or ()
    return any(_name(entry.rpartition(" ")[2], where.policy) in takers for entry in allowed)


def _is_party(audience: str, shown: Presentation, policy: Policy) -> bool:
    """Whether it is certain that the audience is somebody, and not the name of a resource."""
    if shown.giver == audience:
        return True
    aliases = (policy.principal_aliases, policy.presenter_aliases)
    return any(audience in named or audience in named.values() for named in aliases)


RULE = Rule(
    id="subject-token-spliced",
    references=("CS-01",),
    reads=Presentation,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    needs="exchange",
    title="Somebody else's token exchanged",
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    why="No standard makes an issuer check that who exchanges a token is whom it was meant for "
    "(RFC 8693 sections 2.1 and 2.2): real ones answer 200. The new token then says that its "
    "holder was asked to act, and nobody asked it.",
    triage="Revoke the new token and what was derived from it. Find how the token came to the one "
    "that exchanged it; then let the issuer require that the audience of a subject token is its "
    "client.",
    blind_spots="An audience is compared only where it is known to be a party: named in the "
    "policy's aliases, or the very delegator of the same exchange. A URL, or the issuer itself, "
    "may stand for anybody, and an ID token's is its client, whoever of it exchanges it. A splice of tokens that were rightly held (upstream splice) cannot be "
    "told from tokens alone: the hand-off would decide it (rule context-spliced).",
    retracts_if="a span shows that the token was handed to the one that exchanged it, or was "
    "issued to it; or an alias says that the two are one",
    maps=("ASI03", "ASI07", "T1134.003", "T1606", "AML.T0073", "RFC 8693"),
    fires={
        "refused: an attempt, low": """
            alice grant app token=t0 scopes=read aud=planner
            planner delegate mallory from=t0 outcome=deny
        """,
        "a rogue exchanges a token that is for its delegator": """
            alice grant app token=t0 scopes=read aud=planner
            planner delegate mallory from=t0 token=t1 scopes=read
        """,
    },
    quiet={
        "the audience itself": """
            alice grant app token=t0 scopes=read aud=planner
            app delegate planner from=t0 token=t1 scopes=read
            planner delegate worker from=t1 token=t2 scopes=read
        """,
        "the one it was issued to": """
            alice grant planner token=t0 scopes=read aud=crm
            planner delegate planner from=t0 token=t1 scopes=read
        """,
        "an issuer whose tokens are all for the client they were given to (Spring)": """
            alice grant planner token=t0 scopes=read aud=planner
            planner delegate worker from=t0 token=t1 scopes=read aud=worker
            worker delegate tool from=t1 token=t2 scopes=read aud=tool
        """,
        "an audience that may be anything": """
            alice grant app token=t0 scopes=read aud=https://crm.example.com
            app delegate mallory from=t0 token=t1 scopes=read
        """,
        "one of several audiences may be it": """
            alice grant app token=t0 scopes=read aud=planner,urn:tools
            planner delegate worker from=t0 token=t1 scopes=read
        """,
        "the token says that it may": """
            alice grant app token=t0 scopes=read aud=planner may-act=https://as.example.com~worker
            planner delegate worker from=t0 token=t1 scopes=read
        """,
        "it received the token": """
            alice grant app token=t0 scopes=read aud=planner
            planner use t0 by=worker
            planner delegate worker from=t0 token=t1 scopes=read
        """,
    },
    late={
        "the grant comes last": """
            planner delegate mallory from=t0 token=t1 scopes=read root=dlg:t0
            late: alice grant app token=t0 scopes=read aud=planner
        """,
        "that it received the token is told last": """
            alice grant app token=t0 scopes=read aud=planner
            planner delegate worker from=t0 token=t1 scopes=read
            late: planner use t0 by=worker
        """,
    },
)
