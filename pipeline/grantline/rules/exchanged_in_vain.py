"""Somebody tried to make new authority from what was revoked, and was refused."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.death import ALIVE, Kill, struck
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.hop import DELEGATE
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Rule


def check(use: Use, where: InChain) -> Hits:
    if not use.refused or use.operation != DELEGATE:
        return NONE
    owner, revoked = use.token.owner, use.token.revoked
    own, above = (ALIVE, ALIVE) if owner is None else (owner.own, owner.above)
    leeway = where.policy.leeway_of(owner.facts.token_issuer if owner is not None else None)
    of_token = revoked.told if revoked is not None and not revoked.rotation else ()
    for reference, deaths in (("TR-04", (of_token, *own)), ("TR-05", above)):
        kills = [struck(told, use.time, use.clocks, leeway) for told in deaths]
        if (kill := min(filter(None, kills), default=None)) is not None:
            return (_hit(reference, use, where, kill),)
    return NONE


def _hit(reference: str, use: Use, where: InChain, kill: Kill) -> Hit:
    token, chain, who = use.token, where.chain, use.by or "someone"
    dead = "it" if reference == "TR-04" else "what it came from"
    owner = token.owner
    return Hit(
        reference=reference,
        identity=(chain.root_id, token.key),
        says=f"{who} tried to exchange {words.credential(token.fingerprint, token.key)} "
        f"{words.span(use.time - kill.time)} after {dead} was revoked, and was refused",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=use.time,
        refused=True,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (token.fingerprint,))),
        path=(*chain.path(owner), f"⇏ {who}"),
        facts=(
            ("revoked", words.instant(kill.time)),
            ("revoked by span", kill.span_id),
            ("tried", words.instant(use.time)),
            ("outcome", "refused"),
        ),
        revoked_id=kill.delegation_id or None,
        revoked_by=kill.by or None,
    )


RULE = Rule(
    id="exchanged-in-vain",
    references=("TR-04", "TR-05"),
    reads=Use,
    check=check,
    effect=Effect.NOTHING,
    needs="refused",
    title="Refused: exchange of revoked authority",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    why="Nothing was done: revocation works. But a token that is gone and is still being exchanged "
    "is either an agent that nobody told, or somebody who keeps what should be nowhere.",
    triage="If it is the token's own agent, let it hear of revocations and stop. If it is somebody "
    "else, find out where the token was read.",
    blind_spots="A refused use is not said: that is how every request in flight ends. Issuers whose "
    "refusals nobody reports.",
    retracts_if="stronger evidence hangs the delegation under another parent, or the refusal turns "
    "out to be another call's",
    maps=("ASI03", "NHI1", "RFC 7009", "RFC 8693"),
    fires={
        "TR-04: the token itself": """
            alice grant planner token=t0 scopes=read
            @100 alice revoke t0 target=token
            @300 planner delegate worker from=t0 requested=read outcome=deny
        """,
        "TR-05: what it came from": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @100 alice revoke t0 target=subtree
            @300 worker delegate tool from=t1 outcome=deny
        """,
    },
    quiet={
        "a use is refused: revocation works": """
            alice grant planner token=t0 scopes=read
            @100 alice revoke t0 target=token
            @300 planner use t0 outcome=deny
        """,
        "in flight": """
            alice grant planner token=t0 scopes=read
            @100 alice revoke t0 target=token
            @150 planner delegate worker from=t0 outcome=deny
        """,
        "replaced, and refused": """
            alice grant planner token=t0 scopes=read
            @90 planner renew t2 from=t0
            @100 planner revoke t0 target=token reason=rotation
            @300 planner delegate worker from=t0 outcome=deny
        """,
        "granted: rule used-after-revocation": """
            alice grant planner token=t0 scopes=read
            @100 alice revoke t0 target=token
            @300 planner delegate worker from=t0 token=t1 scopes=read
        """,
    },
    late={
        "TR-04: the revocation is told after the attempt": """
            alice grant planner token=t0 scopes=read
            @300 planner delegate worker from=t0 outcome=deny
            late: @100 alice revoke t0 target=token
        """,
        "TR-05: so is that of the grant": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @300 worker delegate tool from=t1 outcome=deny
            late: @100 alice revoke t0 target=subtree
        """,
    },
)
