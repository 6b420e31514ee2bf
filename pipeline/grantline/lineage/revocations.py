"""Folding revocations: which token, delegation, task or whole chain is dead, and since when.

Targets are those of RFC 7009 (a token), SSF `jwt_id` (issuer and jti) and CAEP (a session or
subject). A revocation may arrive before what it revokes.
"""

from __future__ import annotations

from grantline.lineage.tree import Delta, delegation_of, inherit, token_of
from grantline.model.chain import ALIVE, Chain, Death, Kill, Token, TokenRevocation
from grantline.model.hop import Hop

_WHOLE_CHAIN = frozenset({"subject", "session"})
_ROTATION = "rotation"


def fold(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """Add one revocation to its chain."""
    target = hop.revocation_target
    if target in _WHOLE_CHAIN:
        _delegation(chain, chain.root_id, hop, now_ms, delta)
    elif target == "task" and hop.task_id is not None:
        _task(chain, hop.task_id, hop, delta)
    elif target in ("delegation", "subtree", "task") and hop.id is not None:
        _delegation(chain, hop.id, hop, now_ms, delta)
    elif hop.token_fingerprint is not None or _jti(hop) is not None:
        _token(chain, hop, now_ms, delta)
    elif hop.id is not None:
        _delegation(chain, hop.id, hop, now_ms, delta)
    elif hop.task_id is not None:
        _task(chain, hop.task_id, hop, delta)


def carries_jti(chain: Chain, token: Token, jti: tuple[str, str], delta: Delta) -> None:
    """`token` turned out to have this jti: whatever revoked the jti revokes it as well."""
    tokens = chain.jtis.setdefault(jti, {})
    if token in tokens:
        return
    for other in tokens:
        if other.fingerprint is None:
            _revoke(chain, token, other.revocations, other.condemns, delta)
    tokens[token] = None


def _jti(hop: Hop) -> tuple[str, str] | None:
    if hop.token_issuer is None or hop.token_jti is None:
        return None
    return hop.token_issuer, hop.token_jti


def _death(hop: Hop) -> Death:
    kill = Kill(hop.time, hop.span_id, "")
    return Death(soft=kill) if hop.revocation_cascade is False else Death(hard=kill)


def _delegation(chain: Chain, identity: str, hop: Hop, now_ms: int, delta: Delta) -> None:
    delegation = delegation_of(chain, identity, now_ms)
    delegation.revoked = delegation.revoked.joined(_death(hop))
    inherit(chain, delegation, delta)


def _task(chain: Chain, task_id: str, hop: Hop, delta: Delta) -> None:
    known = chain.task_deaths.get(task_id, ALIVE)
    chain.task_deaths[task_id] = known.joined(_death(hop))
    for delegation in chain.delegations.values():
        if delegation.facts.task_id == task_id:
            inherit(chain, delegation, delta)


def _token(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    revocations: tuple[TokenRevocation, ...] = ()
    condemns = ALIVE
    if hop.revocation_target in ("delegation", "subtree", "task"):
        condemns = _death(hop)
    else:
        rotation = hop.revocation_reason == _ROTATION
        cascades = hop.revocation_cascade is not False
        revocations = (TokenRevocation(hop.time, hop.span_id, cascades, rotation),)
    fingerprint = hop.token_fingerprint
    if fingerprint is not None:
        token = token_of(chain, fingerprint, fingerprint, now_ms)
        _revoke(chain, token, revocations, condemns, delta)
        return
    jti = _jti(hop)
    if jti is None:
        return
    tokens = chain.jtis.setdefault(jti, {})
    if not any(token.fingerprint is None for token in tokens):
        tokens[Token(f"jti:{jti[0]} {jti[1]}", None, now_ms)] = None
    for token in tokens:
        _revoke(chain, token, revocations, condemns, delta)


def _revoke(
    chain: Chain,
    token: Token,
    revocations: tuple[TokenRevocation, ...],
    condemns: Death,
    delta: Delta,
) -> None:
    joined = tuple(sorted({*token.revocations, *revocations}))
    condemned = token.condemns.joined(condemns)
    if joined == token.revocations and condemned == token.condemns:
        return
    owner = token.owner
    if owner is not None and token.condemns == ALIVE and condemned != ALIVE:
        owner.condemned += 1
    token.revocations, token.condemns = joined, condemned
    delta.all_uses(token)
    if owner is not None:
        inherit(chain, owner, delta)
