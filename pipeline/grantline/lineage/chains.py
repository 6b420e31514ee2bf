"""Folding hops into a chain, and telling what that changed.

`fold` may be called with the hops of a chain in any order and any number of times: the chain
ends up the same. It notes in a `Delta` the subjects whose rules must be asked again: the hop's
own, and the dependents of a fact that changes their context.
"""

from __future__ import annotations

from grantline.lineage import revocations
from grantline.lineage.merge import join, overlay
from grantline.lineage.route import own_id
from grantline.lineage.tree import Delta, attach, delegation_of, inherit, own_token, token_of
from grantline.model.chain import Chain, Delegation, Facts, Renewal, Token, Use
from grantline.model.hop import DELEGATE, EVIDENCE_RANK, GRANT, RENEW, REVOKE, USE, Hop
from grantline.model.names import derived_id

__all__ = ["Delta", "fold"]

_MS_PER_S = 1_000


def fold(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """Add one hop to its chain. `now_ms` is ingest time; it only starts graces."""
    chain.hops += 1
    chain.last_arrival = max(chain.last_arrival, now_ms)
    if hop.token_expires_at is not None:
        chain.ends_at = max(chain.ends_at, hop.token_expires_at * _MS_PER_S)
    operation = hop.operation
    if operation == USE:
        _use(chain, hop, now_ms, delta)
    elif operation in (GRANT, DELEGATE):
        if operation == DELEGATE:
            _exchange(chain, hop, now_ms, delta)
        if not hop.refused:
            _delegation(chain, hop, now_ms, delta)
    elif operation == RENEW:
        if not hop.refused:
            _renewal(chain, hop, now_ms, delta)
    elif operation == REVOKE and not hop.refused:
        revocations.fold(chain, hop, now_ms, delta)


def _use(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    token = _presented(chain, hop.token_fingerprint, hop.id, now_ms, delta)
    if token is not None:
        _add_use(token, hop, delta)


def _exchange(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """A delegation is also a presentation of the token it was obtained with."""
    token = _presented(chain, hop.token_parent_fingerprint, hop.parent_id, now_ms, delta)
    if token is not None:
        _add_use(token, hop, delta)


def _add_use(token: Token, hop: Hop, delta: Delta) -> None:
    use = Use(
        hop.span_id,
        hop.time,
        hop.operation,
        hop.refused,
        hop.decision_outcome is not None,
        hop.presenter_id or hop.actor_id or hop.service,
        hop.action_name,
        hop.action_risk,
    )
    if use not in token.uses:
        token.uses.add(use)
        delta.uses[token, use] = None


def _presented(
    chain: Chain, fingerprint: str | None, claimed_id: str | None, now_ms: int, delta: Delta
) -> Token | None:
    """The token a hop presents; where it names none, the stand-in of the delegation it names."""
    if fingerprint is None:
        if claimed_id is None:
            return None
        token = token_of(chain, "dlg:" + claimed_id, None, now_ms)
    else:
        token = token_of(chain, fingerprint, fingerprint, now_ms)
        if token.issued is not None:
            return token
    # Nobody has reported its issue yet: until then it belongs where it says it belongs.
    claimed = claimed_id or derived_id(fingerprint or "")
    if token.owner is None or claimed < token.owner.id:
        own_token(chain, delegation_of(chain, claimed, now_ms), token, delta)
    return token


def _delegation(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    identity = own_id(hop)
    if identity is None:
        return
    delegation = delegation_of(chain, identity, now_ms)
    rank = EVIDENCE_RANK.get(hop.evidence or "", 0)
    first = not delegation.seen
    delegation.spans.add((hop.time, hop.span_id))
    delta.delegations[delegation] = None
    if join(delegation.reports, rank, _facts(hop)):
        merged = overlay(delegation.reports)
        if merged != delegation.facts:
            delegation.facts = merged
            _place(chain, delegation, now_ms, delta)
    if first:
        _first_seen(delegation, delta)
    _issue(chain, delegation, hop, now_ms, delta)


def _facts(hop: Hop) -> Facts:
    grant = hop.operation == GRANT
    return Facts(
        None if grant else hop.parent_id,
        None if grant else hop.token_parent_fingerprint,
        hop.token_fingerprint,
        hop.subject_id,
        hop.actor_id or hop.actor_client_id,
        hop.delegator_id,
        hop.granted_scopes,
        hop.parent_scopes,
        hop.token_issuer,
        hop.method,
        hop.task_id,
        hop.depth,
        hop.max_depth,
        hop.token_expires_at,
    )


def _place(chain: Chain, delegation: Delegation, now_ms: int, delta: Delta) -> None:
    """Hang the delegation where its merged facts say it hangs."""
    facts = delegation.facts
    parent: Delegation | None = None
    if facts.parent_fingerprint is not None:
        token = token_of(chain, facts.parent_fingerprint, facts.parent_fingerprint, now_ms)
        token.waiting[delegation] = None
        # The token decides, once its issue is known; until then the named parent is believed.
        if token.issued is not None:
            parent = token.owner
    if parent is None and facts.parent_id is not None:
        parent = delegation_of(chain, facts.parent_id, now_ms)
    elif parent is None and facts.parent_fingerprint is not None:
        parent = delegation_of(chain, derived_id(facts.parent_fingerprint), now_ms)
    attach(chain, delegation, parent, delta)
    inherit(chain, delegation, delta, facts_changed=True)
    delta.context(delegation)
    if delegation.id == chain.root_id:
        delta.everything = True


def _first_seen(delegation: Delegation, delta: Delta) -> None:
    """What waited for this delegation to be reported is judged anew."""
    delta.context(delegation)
    for token in delegation.tokens:
        delta.all_uses(token)


def _issue(chain: Chain, delegation: Delegation, hop: Hop, now_ms: int, delta: Delta) -> None:
    """A report that this delegation's token (or its successor) was brought into being."""
    fingerprint = hop.token_fingerprint
    if fingerprint is None:
        return
    token = token_of(chain, fingerprint, fingerprint, now_ms)
    if hop.token_issuer is not None and hop.token_jti is not None:
        revocations.carries_jti(chain, token, (hop.token_issuer, hop.token_jti), delta)
    claim = (EVIDENCE_RANK.get(hop.evidence or "", 0), delegation.id)
    if token.issued is not None and token.issued >= claim:
        return
    first = token.issued is None
    token.issued = claim
    moved = token.owner is not delegation
    if moved:
        own_token(chain, delegation, token, delta)
    if first or moved:
        delta.all_uses(token)
        for child in token.waiting:
            if child.facts.parent_fingerprint == fingerprint:
                attach(chain, child, delegation, delta)
                delta.context(child)


def _renewal(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    identity = hop.id
    if identity is None and hop.token_parent_fingerprint is not None:
        identity = derived_id(hop.token_parent_fingerprint)
    if identity is None:
        return
    delegation = delegation_of(chain, identity, now_ms)
    renewal = Renewal(
        hop.span_id, hop.time, identity, hop.token_fingerprint, hop.granted_scopes, hop.token_issuer
    )
    if renewal not in delegation.renewals:
        delegation.renewals[renewal] = None
        delta.renewals[delegation, renewal] = None
    _issue(chain, delegation, hop, now_ms, delta)
