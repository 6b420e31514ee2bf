"""Folding revocations: which token, delegation, task or whole chain is dead, and since when.

Targets are those of RFC 7009 (a token), SSF `jwt_id` (issuer and jti) and CAEP (a session or
subject). A revocation may arrive before what it revokes.
"""

from __future__ import annotations

from grantline.dialects import issuer_key
from grantline.lineage.clocks import clocks_of
from grantline.lineage.tallies import carry, revoke
from grantline.lineage.tree import Delta, counted, delegation_of, inherit, token_of
from grantline.model.chain import Chain, Named, Token
from grantline.model.death import ALIVE, Death, Ends, Kill, Revoked, ends, resolution
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import ROOT_WITHDRAWN, Hop
from grantline.model.task import Claim, Claims

_WHOLE_CHAIN = frozenset({"subject", "session"})
_WIDE = _WHOLE_CHAIN | {"subtree", "task"}
_GRAVE = frozenset({"compromise", "logout"})
_ROTATION = "rotation"


def fold(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """Add one revocation to its chain. When that was nobody knows with a clock that is unusable, so
    there is nothing that surely came after it.
    """
    if CLOCK_UNUSABLE in hop.flags:
        return
    target = hop.revocation_target
    if hop.task_granted_at is not None and hop.task_id is not None:
        _claim(chain, hop.task_id, hop, hop.task_granted_at, delta)
    elif target in _WHOLE_CHAIN:
        _delegation(chain, chain.root_id, hop, now_ms, delta)
    elif target == "task" and hop.task_id is not None:
        _task(chain, hop.task_id, hop, delta)
    elif target in ("delegation", "subtree", "task") and hop.id is not None:
        _delegation(chain, hop.id, hop, now_ms, delta)
    elif hop.token_fingerprint is not None or (hop.token_issuer and hop.token_jti):
        _token(chain, hop, now_ms, delta)
    elif hop.id is not None:
        _delegation(chain, hop.id, hop, now_ms, delta)
    elif hop.task_id is not None:
        _task(chain, hop.task_id, hop, delta)


def named_by(chain: Chain, hop: Hop, now_ms: int) -> Named | None:
    """What the issuer and jti in `hop` name, if it shows both."""
    if hop.token_issuer is None or hop.token_jti is None:
        return None
    jti = (issuer_key(hop.token_issuer), hop.token_jti)
    # Mostly known; it is asked of every use, and a call costs.
    return chain.jtis.get(jti) or named(chain, jti, now_ms)


def parent_jti(hop: Hop) -> tuple[str, str] | None:
    """(issuer, jti) of the token that `hop` was obtained with, if it tells both."""
    issuer = hop.token_parent_issuer or hop.token_issuer
    if issuer is None or hop.token_parent_jti is None:
        return None
    return issuer_key(issuer), hop.token_parent_jti


def named(chain: Chain, jti: tuple[str, str], now_ms: int) -> Named:
    """What (issuer, jti) names, the issuer as it is compared."""
    known = chain.jtis.get(jti)
    if known is None:
        known = chain.jtis[jti] = Named(*jti, now_ms)
    return known


def carries(chain: Chain, token: Token, named: Named, delta: Delta) -> bool:
    """`token` turned out to have this jti: what revoked the jti revokes it, and what revoked it
    revokes what is presented by the jti alone. False where that was known.
    """
    if token in named.tokens:
        return False
    stand_in = named.stand_in
    if not stand_in.carried:
        carry(stand_in)
        if stand_in.owner is not None:
            counted(chain, stand_in.owner, stand_in, delta)
    named.tokens[token] = None
    token.named += (named,)
    if chain.accused:  # findings tell the jti
        delta.uses |= dict.fromkeys(use for use in token.uses.values() if use.said)
    if token.revoked is not None or token.condemns is not ALIVE:
        _revoke(chain, stand_in, token.revoked, token.condemns, delta)
    if named.revoked is not None or named.condemns is not ALIVE:
        _revoke(chain, token, named.revoked, named.condemns, delta)
    return True


def _kill(hop: Hop) -> Kill:
    """What is asked to be revoked is dead once that is done."""
    done = hop.time if hop.ended is None else hop.ended
    return Kill(done, hop.span_id, "", resolution(hop.time, hop.ended), hop.presenter or "")


def _ends(hop: Hop) -> Ends:
    return ends(_kill(hop), clocks_of(hop), sure=_reaches_down(hop))


def _reaches_down(hop: Hop) -> bool:
    """Whether it says, by its words, target or reason, that descendants die, too."""
    return (
        hop.revocation_cascade is True
        or hop.revocation_target in _WIDE
        or hop.revocation_reason in _GRAVE
    )


def _death(hop: Hop) -> Death:
    told = _ends(hop)
    return Death(soft=told) if hop.revocation_cascade is False else Death(hard=told)


def _delegation(chain: Chain, identity: str, hop: Hop, now_ms: int, delta: Delta) -> None:
    delegation = delegation_of(chain, identity, now_ms)
    delegation.revoked = delegation.revoked.joined(_death(hop))
    inherit(chain, delegation, delta)


def _task(chain: Chain, task_id: str, hop: Hop, delta: Delta) -> None:
    known = chain.task_deaths_named.get(task_id, ALIVE)
    chain.task_deaths_named[task_id] = known.joined(_death(hop))
    _task_died(chain, task_id, delta)


def _claim(chain: Chain, task_id: str, hop: Hop, granted_at: int, delta: Delta) -> None:
    """Nothing but its task says that the hop belongs here: until a run fits better."""
    claims = chain.task_claims.setdefault(task_id, Claims())
    soft = hop.revocation_cascade is False
    claim = Claim(_kill(hop), soft, granted_at, clocks_of(hop))
    if ROOT_WITHDRAWN in hop.flags:
        claims.withdraw(claim)
    else:
        claims.add(claim)
    _task_died(chain, task_id, delta)


def _task_died(chain: Chain, task_id: str, delta: Delta) -> None:
    death = chain.task_deaths_named.get(task_id, ALIVE)
    if (claims := chain.task_claims.get(task_id)) is not None:
        death = death.joined(claims.death)
    if death != chain.task_deaths.get(task_id, ALIVE):
        chain.task_deaths[task_id] = death
        for delegation in chain.tasks.get(task_id, ()):
            inherit(chain, delegation, delta)


def _token(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    revoked: Revoked | None = None
    condemns = ALIVE
    if hop.revocation_target in ("delegation", "subtree", "task"):
        condemns = _death(hop)
    else:
        rotation = hop.revocation_reason == _ROTATION
        revoked = Revoked(_ends(hop), hop.revocation_cascade is not False, rotation)
    dead: list[Token] = []
    fingerprint = hop.token_fingerprint
    if fingerprint is not None:
        token = token_of(chain, fingerprint, fingerprint, now_ms)
        dead = [token, *(named.stand_in for named in token.named)]
    elif (by := named_by(chain, hop, now_ms)) is not None:
        known = (by.revoked, by.condemns)
        by.revoked = by.revoked if revoked is None else revoked.joined(by.revoked)
        by.condemns = by.condemns.joined(condemns)
        # What is known of the jti is known to all its tokens: said again, it costs none of them.
        if (by.revoked, by.condemns) != known:
            dead = [by.stand_in, *by.tokens]
    for token in dead:
        _revoke(chain, token, revoked, condemns, delta)


def _revoke(
    chain: Chain, token: Token, revoked: Revoked | None, condemns: Death, delta: Delta
) -> None:
    revoked = token.revoked if revoked is None else revoked.joined(token.revoked)
    condemns = token.condemns.joined(condemns)
    if revoked == token.revoked and condemns == token.condemns:
        return
    revoke(token, revoked, condemns)
    delta.all_uses(token)
    if token.owner is not None:
        inherit(chain, token.owner, delta)
