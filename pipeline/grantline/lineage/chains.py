"""Folding hops into a chain, and telling what that changed.

`fold` may be called with the hops of a chain in any order and any number of times: the chain
ends up the same. It notes in a `Delta` the subjects whose rules must be asked again: the hop's
own, and the dependents of a fact that changes their context.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern

from grantline.lineage import by_jti, endings, refusals, revocations
from grantline.lineage.clocks import clocks_of
from grantline.lineage.edges import by_id, carries, facts_of, issued, refresh
from grantline.lineage.merge import join
from grantline.lineage.route import names_above, own_id, token_key
from grantline.lineage.tallies import OWN
from grantline.lineage.tiers import LAST_MS
from grantline.lineage.tree import Delta, delegation_of, own_token, token_of
from grantline.model.chain import Chain, Delegation, Named, Particulars, Renewal, Token, Use
from grantline.model.hop import (
    ANSWERS,
    DELEGATE,
    END,
    EVIDENCE_RANK,
    GRANT,
    IDENTITIES,
    MAX_SCOPES,
    PRESENTS,
    RENEW,
    REVOKE,
    ROOT_DOUBTED,
    ROOT_WITHDRAWN,
    SCOPES_TRUNCATED,
    USE,
    Hop,
)
from grantline.model.names import chain_below, derived_id, gap_key, id_of_jti
from grantline.model.subject import of_span, tell

__all__ = ["Delta", "fold", "stands"]

_MS_PER_S = 1_000
_VERIFIED = EVIDENCE_RANK["introspection"]


def fold(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """Add one hop to its chain. `now_ms` is ingest time; it only starts graces."""
    chain.hops += 1
    chain.last_arrival = max(chain.last_arrival, now_ms)
    expires_at = hop.token_expires_at
    if expires_at is not None and expires_at * _MS_PER_S > chain.ends_at:
        chain.ends_at = min(expires_at * _MS_PER_S, LAST_MS)
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
    elif operation == END:
        endings.fold(chain, hop, now_ms, delta)


def stands(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> bool:
    """Whether a hop of a chain without a root is to be folded; False once the chain is closed."""
    if ROOT_DOUBTED in hop.flags:
        chain.doubted = delta.everything = True
        chain.hops += 1
        return False
    if ROOT_WITHDRAWN in hop.flags:
        chain.closed = delta.everything = True
    elif not hop.refused:
        if hop.operation == GRANT and not chain.granted:
            chain.granted = delta.everything = True
        elif hop.operation == DELEGATE:
            if not (chain.unparented or names_above(hop)):
                chain.unparented = delta.everything = True
            if hop.token_parent_type in IDENTITIES and not chain.of_identity:
                below = hop.token_parent_fingerprint
                if below is not None and chain.key == chain_below(gap_key(token_key(below))):
                    chain.of_identity = delta.everything = True
    if chain.closed:
        chain.hops += 1
        chain.last_arrival = max(chain.last_arrival, now_ms)
    return not chain.closed


def _use(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    named = revocations.named_by(chain, hop, now_ms)
    if named is not None and hop.token_fingerprint is None:
        token: Token | None = _claim(chain, named.stand_in, hop.id, now_ms, delta)
    else:
        token = _presented(chain, hop.token_fingerprint, hop.id, now_ms, delta)
        if named is not None and token is not None and token not in named.tokens:
            carries(chain, token, named, delta)
    if token is not None:
        _add_use(chain, token, hop, delta)


def _exchange(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """A delegation is also a presentation of the token it was obtained with."""
    fingerprint = hop.token_parent_fingerprint
    jti = revocations.parent_jti(hop) if hop.token_parent_jti is not None else None
    if jti is not None and fingerprint is None:
        stand_in = revocations.named(chain, jti, now_ms).stand_in
        claimed_id = hop.parent_id or id_of_jti(*jti)
        token: Token | None = _claim(chain, stand_in, claimed_id, now_ms, delta)
    else:
        token = _presented(chain, fingerprint, hop.parent_id, now_ms, delta)
        if jti is not None and token is not None:
            carries(chain, token, revocations.named(chain, jti, now_ms), delta)
    if token is not None:
        _add_use(chain, token, hop, delta)


def _add_use(chain: Chain, token: Token, hop: Hop, delta: Delta) -> None:
    denied, client = hop.refused, hop.kind in PRESENTS
    use = Use(
        token,
        hop.span_id,
        hop.time,
        hop.operation,
        denied,
        denied or (client and bool(token.refusals) and _refused(token, hop)),
        client,
        hop.decision_outcome is not None,
        hop.presenter,
        hop.action_name,
        hop.action_risk,
        clocks_of(hop),
        intern(hop.task_id) if hop.task_id else None,
        at=(hop.service if hop.kind in ANSWERS else None) or hop.server_address,
    )
    if hop.required_scopes or hop.context_root_id or (denied and hop.requested_scopes):
        use.told = _particulars(hop)
    if hop.time > chain.last_use:  # noqa: PLR1730 - once a use, and a call costs
        chain.last_use = hop.time
    if tell(token.uses, hop.span_id, use):
        delta.uses[use] = None
    if denied and hop.kind in ANSWERS:
        _refuse(token, hop, delta)


def _particulars(hop: Hop) -> Particulars | None:
    context = hop.context_root_id
    if hop.operation == DELEGATE:
        # What an exchange got is judged as the delegation that it made.
        asked, had = (hop.requested_scopes, hop.parent_scopes) if hop.refused else (None, None)
        return _shared(None, asked, had, None, context)
    required, held = hop.required_scopes, hop.granted_scopes
    if held is not None and required is not None:
        if EVIDENCE_RANK.get(hop.evidence or "", 0) < _VERIFIED:
            held = None
        elif _holds(held, required) or _cut(hop, held):
            required = held = None  # mostly: who verified the token found in it what it needs
    if required is None and context is None:
        return None
    return _shared(required, None, None, held if required is not None else None, context)


def _holds(held: tuple[str, ...], required: tuple[str, ...]) -> bool:
    # They are few: to look through them costs less than to hash them all.
    for scope in required:  # noqa: SIM110 - once a use, and a generator costs
        if scope not in held:
            return False
    return True


def _cut(hop: Hop, scopes: tuple[str, ...]) -> bool:
    return SCOPES_TRUNCATED in hop.flags or len(scopes) == MAX_SCOPES


_shared = lru_cache(4_096)(Particulars)
"""Actions are few, and need the same scopes every time."""


def _refused(token: Token, hop: Hop) -> bool:
    """Whether a server refused the call that its client tells of here."""
    if hop.span_id in token.refusals:
        return True
    unstated = hop.decision_outcome is None and hop.operation == USE
    return unstated and refusals.marked(token.refusals, hop.time)


def _refuse(token: Token, hop: Hop, delta: Delta) -> None:
    """A server refused; the client, who does not decide, may tell of the same call."""
    above = hop.parent_span_id
    if above is not None and above not in token.refusals:
        token.refusals.add(above)
        for use in of_span(token.uses, above):
            if use.client and not use.refused:
                use.refused = True
                delta.uses[use] = None
    minute = refusals.mark(hop.time)
    if hop.operation != USE or minute in token.refusals:
        return
    token.refusals.add(minute)
    for use in token.uses.values():
        open_still = use.client and not (use.refused or use.stated)
        if open_still and use.operation == USE and refusals.marked((minute,), use.time):
            use.refused = True
            delta.uses[use] = None


def _presented(
    chain: Chain, fingerprint: str | None, claimed_id: str | None, now_ms: int, delta: Delta
) -> Token | None:
    """The token a hop presents; where it names none, the stand-in of the delegation it names."""
    if fingerprint is not None:
        token = token_of(chain, fingerprint, fingerprint, now_ms)
        if token.issued is not None:
            return token
        return _claim(chain, token, claimed_id or derived_id(fingerprint), now_ms, delta)
    if claimed_id is None:
        return None
    token = token_of(chain, "dlg:" + claimed_id, None, now_ms)
    return _claim(chain, token, claimed_id, now_ms, delta)


def _claim(chain: Chain, token: Token, claimed_id: str | None, now_ms: int, delta: Delta) -> Token:
    """Until somebody reports its issue, a token belongs where it says it belongs."""
    if token.issued is not None or claimed_id is None:
        return token
    if token.fingerprint is None and token.key.startswith("dlg:"):
        owner = by_id(chain, claimed_id, now_ms)
        if owner is not token.owner:
            own_token(chain, owner, token, delta)
    elif token.owner is None or claimed_id < token.owner.id:
        own_token(chain, delegation_of(chain, claimed_id, now_ms), token, delta)
    return token


def _delegation(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    if hop.token_fingerprint is None and by_jti.is_row(hop):
        by_jti.told(chain, hop, now_ms, delta)
        return
    identity = own_id(hop)
    if identity is None:
        return
    delegation = delegation_of(chain, identity, now_ms)
    rank = EVIDENCE_RANK.get(hop.evidence or "", 0)
    first = not delegation.seen
    if first:
        # The grace for its parent begins here, not where others spoke of it.
        delegation.arrived = now_ms
        if identity in chain.row_ids:
            by_jti.seen(chain, delegation, now_ms, delta)
    delegation.spans.add((hop.time, hop.span_id))
    delta.delegations[delegation] = None
    news = join(delegation.reports, rank, facts_of(hop))
    # What is new in it asks all that its appearance does.
    if not (news and refresh(chain, delegation, now_ms, delta)) and first:
        by_jti.appears(delegation, delta)
    named = _issue(chain, delegation, hop, now_ms, delta)
    # Within one chain any word joins: it can draw nothing in from elsewhere.
    if named is not None and delegation not in named.claimants:
        by_jti.claimed(chain, delegation, named, now_ms, delta)


def _issue(
    chain: Chain, delegation: Delegation, hop: Hop, now_ms: int, delta: Delta
) -> Named | None:
    """A report that this delegation's token (or its successor) was brought into being; what its
    issuer and jti name.
    """
    claim = (OWN, EVIDENCE_RANK.get(hop.evidence or "", 0), delegation.id)
    named = revocations.named_by(chain, hop, now_ms)
    if named is not None:
        issued(chain, delegation, named.stand_in, claim, delta)
    if hop.token_fingerprint is not None:
        token = token_of(chain, hop.token_fingerprint, hop.token_fingerprint, now_ms)
        # Both are issued by now, so neither need borrow the other's issue.
        issued(chain, delegation, token, claim, delta)
        if named is not None:
            carries(chain, token, named, delta)
    return named


def _renewal(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    identity = hop.id
    if identity is None and hop.token_parent_fingerprint is not None:
        identity = derived_id(hop.token_parent_fingerprint)
    if identity is None and by_jti.is_row(hop):
        by_jti.renewed(chain, hop, now_ms, delta)
        jti = revocations.parent_jti(hop)
        identity = id_of_jti(*jti) if jti is not None else None
    if identity is None:
        return
    delegation = delegation_of(chain, identity, now_ms)
    scopes, before = hop.granted_scopes, hop.parent_scopes
    renewal = Renewal(
        delegation, hop.span_id, hop.time, hop.token_fingerprint, hop.granted_scopes,
        hop.token_issuer, hop.audiences, hop.token_dialect,
        None if scopes is None else _cut(hop, scopes),
        before if before is not None and not _cut(hop, before) else None,
    )  # fmt: skip
    if tell(delegation.renewals, hop.span_id, renewal):
        delta.renewals[renewal] = None
        if delegation.renewed(renewal):
            delta.renewals |= dict.fromkeys(delegation.renewals.values())
    if hop.id is None and hop.token_parent_fingerprint is None:
        return  # Whose the new token is, is known by its jti.
    _issue(chain, delegation, hop, now_ms, delta)
    if hop.granted_scopes is not None and not _cut(hop, hop.granted_scopes):
        _granted(chain, hop, hop.granted_scopes, delta)


def _granted(chain: Chain, hop: Hop, scopes: tuple[str, ...], delta: Delta) -> None:
    """What a renewed token holds: that may be less than its delegation does."""
    told = (EVIDENCE_RANK.get(hop.evidence or "", 0), scopes)
    named = chain.jtis.get((hop.token_issuer or "", hop.token_jti or ""))
    stand_in = named.stand_in if named is not None else None
    for held in (chain.tokens.get(hop.token_fingerprint or ""), stand_in):
        if held is not None and (held.granted is None or told > held.granted):
            held.granted = told
            delta.all_uses(held)
