"""Two views of one delegation: an issuer's log names a token by its `jti`, an agent by its fingerprint.

What is told by a jti alone (a *row*) is told of the delegations of whose token somebody said that
it bears the jti, and as long as there is none, of one that the jti names. Only what is told with
evidence `introspection` or more joins. Everything here is a set that grows, and where rows belong is a
function of the sets, so the order does not matter.
"""

from __future__ import annotations

from grantline.lineage import revocations
from grantline.lineage.edges import (
    by_id,
    facts_of,
    issued,
    owners_of,
    refresh,
    rehang,
)
from grantline.lineage.merge import join
from grantline.lineage.route import rank_of
from grantline.lineage.tallies import BY_ROW, OWN
from grantline.lineage.tree import Delta, own_token
from grantline.model.chain import Chain, Delegation, Named, View
from grantline.model.hop import JOINS, Hop
from grantline.model.names import id_of_key


def is_row(hop: Hop) -> bool:
    """Whether an issuing hop names its token by the jti alone, and that joins."""
    return (
        hop.token_fingerprint is None
        and hop.token_jti is not None
        and hop.token_issuer is not None
        and rank_of(hop) >= JOINS
    )


def told(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """A row: a grant or a hand-off that is told by a jti alone."""
    named = revocations.named_by(chain, hop, now_ms)
    if named is None:
        return
    view = _view_of(named)
    news = not view.spans or (hop.id is not None and hop.id not in view.ids)
    view.spans.add((hop.time, hop.span_id))
    if hop.id is not None and hop.id not in view.ids:
        view.ids[hop.id] = None
        chain.row_ids.setdefault(hop.id, {})[named] = None
    changed = join(view.reports, rank_of(hop), facts_of(hop))
    for owner in owners_of(chain, named, now_ms):
        delta.delegations[owner] = None
        if changed:
            refresh(chain, owner, now_ms, delta)
    if news:
        _settle(chain, named, view, now_ms, delta)


def renewed(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """A new token for the same authority, both told by their jtis alone."""
    named, jti = revocations.named_by(chain, hop, now_ms), revocations.parent_jti(hop)
    if named is None or jti is None:
        return
    above = revocations.named(chain, jti, now_ms)
    view, before = _view_of(named), _view_of(above)
    if above is not named and above not in view.renews:
        view.renews += (above,)
        before.heirs += (named,)
        _settle(chain, named, view, now_ms, delta)


def _view_of(named: Named) -> View:
    if named.view is None:
        named.view = View()
    return named.view


def claimed(chain: Chain, delegation: Delegation, named: Named, now_ms: int, delta: Delta) -> None:
    """A token of `delegation` bears the jti, as was not known: rows that name it tell of it."""
    named.claimants += (delegation,)
    if named.view is not None:
        _settle(chain, named, named.view, now_ms, delta)


def seen(chain: Chain, delegation: Delegation, now_ms: int, delta: Delta) -> None:
    """It is reported itself: its id no longer means those whom rows that bear it tell of."""
    for named in chain.row_ids[delegation.id]:
        if named.view is not None:
            _rehang_all(chain, named, named.view, now_ms, delta)


def appears(delegation: Delegation, delta: Delta) -> None:
    """It is a gap no longer: what is below it and done under it is judged anew."""
    delta.context(delegation)
    for token in delegation.tokens:
        delta.all_uses(token)


def _settle(chain: Chain, first: Named, view: View, now_ms: int, delta: Delta) -> None:
    """Tell whom the rows are of, and no longer those whom they are not of any more."""
    todo, known = [(first, view)], {first}
    while todo:
        named, view = todo.pop()
        owners = owners_of(chain, named, now_ms)
        for former in [*view.at]:
            if former not in owners:
                _leave(chain, named, former, now_ms, delta)
        view.at = ()
        if view.spans:
            view.at = tuple(owners)
            for owner in owners:
                _enter(chain, named, owner, now_ms, delta)
        if not named.claimants and (view.spans or view.renews):
            issued(chain, owners[0], named.stand_in, (OWN, BY_ROW, owners[0].id), delta)
        _rehang_all(chain, named, view, now_ms, delta)
        for heir in view.heirs:
            if heir not in known and heir.view is not None:
                known.add(heir)
                todo.append((heir, heir.view))


def _enter(chain: Chain, named: Named, owner: Delegation, now_ms: int, delta: Delta) -> None:
    if named in owner.rows:
        return
    if not owner.seen:
        owner.arrived = now_ms
        appears(owner, delta)
    owner.rows += (named,)
    delta.delegations[owner] = None
    refresh(chain, owner, now_ms, delta)


def _leave(chain: Chain, named: Named, former: Delegation, now_ms: int, delta: Delta) -> None:
    if named in former.rows:
        former.rows = tuple(row for row in former.rows if row is not named)
        refresh(chain, former, now_ms, delta)
        appears(former, delta)


def _rehang_all(chain: Chain, named: Named, view: View, now_ms: int, delta: Delta) -> None:
    """Whatever names the rows' delegation, by jti or by an id of theirs, hangs where it is now."""
    places = dict.fromkeys(owners_of(chain, named, now_ms))
    for identity in (id_of_key(named.stand_in.key), *view.ids):
        if (place := chain.delegations.get(identity)) is not None:
            places[place] = None
    for place in places:
        rehang(chain, [*place.children], now_ms, delta)
    rehang(chain, [*named.stand_in.waiting], now_ms, delta)
    for identity in view.ids:
        token = chain.tokens.get("dlg:" + identity)
        if token is not None and token.issued is None:
            owner = by_id(chain, identity, now_ms)
            if owner is not token.owner:
                own_token(chain, owner, token, delta)
