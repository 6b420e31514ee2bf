"""What the reports of a delegation say all in all, where it hangs for it, and which tokens are its.

Reports come with a token's fingerprint, with an id, or, in an issuer's own log, with a `jti` alone
(`lineage.by_jti`); whichever they name, the delegation is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from grantline.lineage import revocations
from grantline.lineage.merge import join, overlay
from grantline.lineage.tallies import BY_ROW, OWN, issue
from grantline.lineage.tree import (
    Delta,
    attach,
    counted,
    delegation_of,
    own_token,
    token_of,
)
from grantline.model.chain import Chain, Delegation, Facts, Named, Token
from grantline.model.hop import GRANT, MAX_SCOPES, SCOPES_TRUNCATED, Hop
from grantline.model.names import derived_id, id_of_jti, id_of_key


def facts_of(hop: Hop) -> Facts:
    grant = hop.operation == GRANT
    granted, exchanged = hop.granted_scopes, hop.parent_scopes
    # Emitters cut in silence, so a list as long as theirs may be counts as cut.
    flagged = SCOPES_TRUNCATED in hop.flags
    return Facts(
        None if grant else hop.parent_id,
        None if grant else hop.token_parent_fingerprint,
        hop.token_fingerprint,
        hop.subject_id,
        hop.actor_id or hop.actor_client_id,
        hop.delegator_id,
        granted,
        exchanged,
        hop.token_issuer,
        hop.method,
        hop.task_id,
        0 if grant and hop.depth is None and hop.token_fingerprint is None else hop.depth,
        hop.max_depth,
        hop.token_expires_at,
        hop.audiences,
        hop.token_type,
        hop.token_dialect,
        None if granted is None else flagged or len(granted) == MAX_SCOPES,
        None if exchanged is None else flagged or len(exchanged) == MAX_SCOPES,
        hop.token_parent_issuer,
        hop.actor_client_id if hop.actor_client_id != hop.actor_id else None,
        hop.token_may_act,
        None if grant or hop.token_parent_jti is None else revocations.parent_jti(hop),
    )


def all_told(delegation: Delegation) -> Facts:
    """What all reports say of `delegation`, by whichever name; the strongest first."""
    reports = delegation.reports
    if not delegation.rows:
        return overlay(reports) if reports else Facts()
    joined = dict(reports)
    for row in delegation.rows:
        for rank, told in row.view.reports.items() if row.view is not None else ():
            join(joined, rank, told)
    facts = overlay(joined) if joined else Facts()
    shown = overlay(reports) if reports else Facts()
    own, said = shown.granted_scopes, facts.granted_scopes
    # A log may leave out what the token holds besides its scopes, such as roles.
    if own is not None and said is not None and set(own) >= set(said):
        facts = replace(facts, granted_scopes=own, scopes_cut=shown.scopes_cut)
    return facts


def refresh(chain: Chain, delegation: Delegation, now_ms: int, delta: Delta) -> bool:
    """Believe what all reports say of `delegation`; whether that is anything new."""
    facts, before = all_told(delegation), delegation.facts
    if facts == before:
        return False
    delegation.facts = facts
    if facts.task_id is not None:
        chain.tasks.setdefault(facts.task_id, {})[delegation] = None
    if _seen_below(facts) != _seen_below(before):
        delta.redrawn[delegation] = None
    parent = parent_of(chain, delegation, now_ms)
    attach(chain, delegation, parent, delta, facts_changed=True)
    delta.context(delegation)
    for token in delegation.tokens:
        if token.uses:  # what they may do is what the delegation was given
            delta.all_uses(token)
    if delegation.id == chain.root_id:
        delta.everything = True
    return True


def _seen_below(facts: Facts) -> tuple[object, ...]:
    """What rules ask of an ancestor, however far above: its name in paths, whether its issuer ends
    what came from it, and what it held where.
    """
    return (
        facts.actor, facts.token_issuer, facts.token_dialect, facts.granted_scopes, facts.audiences,
        facts.token_type, facts.scopes_cut,
    )  # fmt: skip


def parent_of(chain: Chain, delegation: Delegation, now_ms: int) -> Delegation | None:
    """Where the facts say that the delegation hangs."""
    facts = delegation.facts
    fingerprint, jti = facts.parent_fingerprint, facts.parent_jti
    # The token decides, once its issue is known; until then the named parent is believed.
    if fingerprint is not None:
        token = token_of(chain, fingerprint, fingerprint, now_ms)
        token.waiting[delegation] = None
        if token.issued is not None:
            return token.owner
    if jti is not None:
        stand_in = revocations.named(chain, jti, now_ms).stand_in
        stand_in.waiting[delegation] = None
        if stand_in.issued is not None:
            return stand_in.owner
    if facts.parent_id is not None:
        return by_id(chain, facts.parent_id, now_ms)
    if fingerprint is None and jti is None:
        return None
    return by_id(chain, _gap_id(facts), now_ms)


def _gap_id(facts: Facts) -> str:
    """The delegation that the parent's token is of, as long as nobody reports that."""
    if facts.parent_fingerprint is not None:
        return derived_id(facts.parent_fingerprint)
    return id_of_jti(*(facts.parent_jti or ("", "")))


def by_id(chain: Chain, identity: str, now_ms: int) -> Delegation:
    """The delegation of that id; where only rows bear it that tell of another one, that one."""
    known = delegation_of(chain, identity, now_ms)
    rows = chain.row_ids.get(identity)
    if not rows or known.seen:
        return known
    return min((owners_of(chain, row, now_ms)[0] for row in rows), key=_id)


def owners_of(chain: Chain, named: Named, now_ms: int) -> Sequence[Delegation]:
    """Whose jti it is, the least id first: of those who claim it, or of what it renews, or of one
    that it names itself.
    """
    owners: dict[Delegation, None] = {}
    todo, known = [named], {named}
    while todo:
        here = todo.pop()
        if here.claimants or here.view is None or not here.view.renews:
            own = (delegation_of(chain, id_of_key(here.stand_in.key), now_ms),)
            owners |= dict.fromkeys(here.claimants or own)
        else:
            todo += (other for other in here.view.renews if other not in known)
            known.update(here.view.renews)
    return sorted(owners, key=_id) or (delegation_of(chain, id_of_key(named.stand_in.key), now_ms),)


def _id(delegation: Delegation) -> str:
    return delegation.id


def rehang(chain: Chain, children: list[Delegation], now_ms: int, delta: Delta) -> None:
    """What was told of their parents may have changed where they hang."""
    for child in children:
        attach(chain, child, parent_of(chain, child, now_ms), delta)


def carries(chain: Chain, token: Token, named: Named, delta: Delta) -> None:
    """`token` has this jti: what brought one of them into being brought the other."""
    if not revocations.carries(chain, token, named, delta):
        return
    _lent(chain, token, named.stand_in, delta)
    _lent(chain, named.stand_in, token, delta)


def _lent(chain: Chain, lender: Token, other: Token, delta: Delta) -> None:
    """The issue of `lender` is that of `other`, unless somebody reports another one of that."""
    if lender.issued is None or lender.issued[0] != OWN:
        return
    if other.issued is not None and other.issued[0] == OWN:
        return
    if lender.issued[1] == BY_ROW:
        told = (named.stand_in for named in other.named)
        lenders = [(one.issued, one) for one in told if one.issued and one.issued[0] == OWN]
        lender = max(lenders, key=_claim, default=(lender.issued, lender))[1]
    if lender.issued is not None and lender.owner is not None:
        issued(chain, lender.owner, other, (0, *lender.issued[1:]), delta)


def _claim(lent: tuple[tuple[int, int, str], Token]) -> tuple[int, int, str]:
    return lent[0]


def issued(
    chain: Chain, delegation: Delegation, token: Token, claim: tuple[int, int, str], delta: Delta
) -> None:
    known = token.issued
    # Whose a token is, of which only a jti is told, is known better at times.
    better = known is not None and known[:2] == claim[:2] and known[1] == BY_ROW
    if known is not None and (known == claim or (known > claim and not better)):
        return
    first = token.issued is None
    issue(token, claim)
    moved = token.owner is not delegation
    if moved:
        own_token(chain, delegation, token, delta)
    if first or moved:
        delta.all_uses(token)
        for child in [*token.waiting]:
            attach(chain, child, parent_of(chain, child, token.arrived), delta)
    if not moved and token.jti:
        counted(chain, delegation, token, delta)
    if claim[0] == OWN:
        for named in token.named:
            for other in named.tokens if token.jti else (named.stand_in,):
                _lent(chain, token, other, delta)
