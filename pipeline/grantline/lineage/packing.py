"""Chains as bytes, and back: equal state, a fraction of the size.

A chain's delegations and tokens point at one another; packed they are numbered (`lineage.packed`).
What follows from the rest (children, tallies, merged facts, indexes) is left out and made again. The
bytes are ours alone, of one release: a snapshot says which (`FORMAT`), and another one is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from grantline.lineage import endings
from grantline.lineage.edges import all_told
from grantline.lineage.merge import overlay
from grantline.lineage.packed import (
    ChainRow,
    DelegationRow,
    EndingsRow,
    NamedRow,
    RenewalRow,
    TokenRow,
    UseRow,
    ViewRow,
)
from grantline.lineage.tallies import enter
from grantline.lineage.tiers import Head
from grantline.model.chain import (
    Chain,
    Delegation,
    Endings,
    Facts,
    Named,
    Renewal,
    Token,
    Use,
    View,
)
from grantline.model.subject import Subject
from grantline.model.task import Claims

FORMAT: Final = 18
"""Grows with every change of what is packed, here or in `lineage.packing_names`, and of the structs it
is made of."""

_encode = msgspec.msgpack.Encoder().encode
_chain = msgspec.msgpack.Decoder(ChainRow)


def pack_chain(chain: Chain) -> bytes:
    """`chain` without its key."""
    delegations = {d: number for number, d in enumerate(chain.delegations.values())}
    nameds = {named: number for number, named in enumerate(chain.jtis.values())}
    stand_ins = [named.stand_in for named in chain.jtis.values()]
    tokens = {t: number for number, t in enumerate((*chain.tokens.values(), *stand_ins))}
    clocks: dict[tuple[str, ...], int] = {}
    packed = ChainRow(
        chain.hops,
        chain.last_arrival,
        chain.ends_at,
        [_delegation_row(d, delegations) for d in delegations],
        [_token_row(t, delegations, clocks) for t in tokens],
        [
            NamedRow(
                *jti, n.revoked, n.condemns, [tokens[t] for t in n.tokens], tokens[n.stand_in],
                [delegations[d] for d in n.claimants], _view_row(n.view, nameds),
            )
            for jti, n in chain.jtis.items()
        ],
        chain.task_deaths,
        chain.task_deaths_named,
        {task: claims.told for task, claims in chain.task_claims.items()},
        {task: [delegations[d] for d in of] for task, of in chain.tasks.items()},
        list(clocks),
        _endings_row(chain.endings) if chain.endings is not None else None,
        chain.last_use,
        chain.closed, chain.unparented, chain.granted, chain.of_identity, chain.doubted,
        [(delegations[d], [nameds[n] for n in d.rows]) for d in delegations if d.rows],
    )  # fmt: skip
    return _encode(packed)


def _endings_row(endings: Endings) -> EndingsRow:
    claims = {task: claims.told for task, claims in endings.claims.items()}
    return EndingsRow(endings.ids, endings.named, claims)


def _delegation_row(d: Delegation, numbers: dict[Delegation, int]) -> DelegationRow:
    return DelegationRow(
        d.id, d.arrived, d.reports, d.spans, -1 if d.claimed is None else numbers[d.claimed],
        d.parent is not d.claimed,
        [
            RenewalRow(r.span_id, r.time, r.fingerprint, r.granted_scopes, r.token_issuer, r.audiences,
                     r.token_dialect, r.scopes_cut, r.parent_scopes, r.said)
            for r in d.renewals.values()
        ],
        d.depth, d.limit, d.revoked, d.own, d.above, d.passed_on, d.over, d.said,
    )  # fmt: skip


def _token_row(
    t: Token, numbers: dict[Delegation, int], clocks: dict[tuple[str, ...], int]
) -> TokenRow:
    return TokenRow(
        t.key, t.fingerprint is not None, t.arrived, -1 if t.owner is None else numbers[t.owner],
        t.issued, t.revoked, t.condemns,
        [
            UseRow(u.span_id, u.time, u.operation, u.denied, u.refused, u.client, u.stated, u.by, u.action, u.risk,
                 clocks.setdefault(u.clocks, len(clocks)), u.task_id, u.told, u.at, u.said)
            for u in t.uses.values()
        ],
        t.refusals, [numbers[d] for d in t.waiting], t.granted, t.carried if t.jti else None,
    )  # fmt: skip


def unpack_chain(key: str, data: bytes, _: Head) -> Chain:
    """The chain that was packed."""
    packed = _chain.decode(data)
    chain = Chain(key)
    chain.closed, chain.unparented = packed.closed, packed.unparented
    chain.granted, chain.of_identity = packed.granted, packed.of_identity
    chain.doubted = packed.doubted
    chain.hops = packed.hops
    chain.last_arrival, chain.ends_at = packed.last_arrival, packed.ends_at
    delegations = [_delegation(row) for row in packed.delegations]
    chain.delegations = {d.id: d for d in delegations}
    for d, row in zip(delegations, packed.delegations, strict=True):
        if row.claimed >= 0:
            d.claimed = delegations[row.claimed]
            d.claimed.children[d] = None
            d.parent = None if row.open else d.claimed
    tokens = [_token(row, delegations, packed.clocks) for row in packed.tokens]
    for named in packed.named:
        _name_tokens(chain, named, tokens, delegations)
    _rows(chain, packed, delegations)
    stand_ins = {named.stand_in for named in packed.named}
    chain.tokens = {t.key: t for n, t in enumerate(tokens) if n not in stand_ins}
    chain.task_deaths, chain.task_deaths_named = packed.task_deaths, packed.task_deaths_named
    chain.task_claims = {task: Claims.of(*told) for task, told in packed.task_claims.items()}
    chain.tasks = {
        task: {delegations[n]: None for n in numbers} for task, numbers in packed.tasks.items()
    }
    chain.last_use = packed.last_use
    if packed.endings is not None:
        chain.endings = _endings(packed.endings)
    chain.accused = {subject: None for subject in _subjects(chain) if subject.said}
    return chain


def _endings(row: EndingsRow) -> Endings:
    known = Endings()
    known.ids, known.named = row.ids, row.named
    known.claims = {task: Claims.of(*told) for task, told in row.claims.items()}
    endings.find_tasks(known)
    return known


def _subjects(chain: Chain) -> Iterator[Subject]:
    for delegation in chain.delegations.values():
        yield delegation
        yield from delegation.renewals.values()
        for token in delegation.tokens:
            yield from token.uses.values()
    for token in (*chain.tokens.values(), *(named.stand_in for named in chain.jtis.values())):
        if token.owner is None:
            yield from token.uses.values()


def _delegation(row: DelegationRow) -> Delegation:
    d = Delegation(
        row.id, row.arrived, row.reports, overlay(row.reports) if row.reports else Facts(),
        row.spans, depth=row.depth, limit=row.limit, revoked=row.revoked, own=row.own,
        above=row.above, passed_on=row.passed_on, over=row.over, said=row.said,
    )  # fmt: skip
    for r in row.renewals:
        renewal = Renewal(
            d, r.span_id, r.time, r.fingerprint, r.granted_scopes, r.token_issuer, r.audiences,
            r.token_dialect, r.scopes_cut, r.parent_scopes, said=r.said,
        )  # fmt: skip
        d.renewals[_free(d.renewals, renewal.span_id)] = renewal
        d.renewed(renewal)
    return d


def _token(row: TokenRow, delegations: list[Delegation], clocks: list[tuple[str, ...]]) -> Token:
    owner = delegations[row.owner] if row.owner >= 0 else None
    token = Token(
        row.key, row.key if row.fingerprint else None, row.arrived, owner, row.issued, row.revoked,
        row.condemns, refusals=row.refusals, waiting={delegations[n]: None for n in row.waiting},
        granted=row.granted, jti=row.carried is not None, carried=bool(row.carried),
    )  # fmt: skip
    uses = token.uses
    for u in row.uses:
        use = Use(
            token, u.span_id, u.time, u.operation, u.denied, u.refused, u.client, u.stated, u.by, u.action, u.risk,
            clocks[u.clocks], u.task_id, u.told, u.at, said=u.said,
        )  # fmt: skip
        uses[_free(uses, use.span_id)] = use
    if owner is not None:
        owner.tokens[token] = None
        enter(owner, token)
    return token


def _rows(chain: Chain, packed: ChainRow, delegations: list[Delegation]) -> None:
    """Whom what is told by a jti alone is of, and what renews what."""
    nameds = [*chain.jtis.values()]
    for number, rows in packed.rows:
        told = delegations[number]
        told.rows = tuple(nameds[n] for n in rows)
        told.facts = all_told(told)
        for of in told.rows:
            if of.view is not None:
                of.view.at += (told,)
    for named, row in zip(nameds, packed.named, strict=True):
        if named.view is None or row.view is None:
            continue
        named.view.renews = tuple(nameds[n] for n in row.view.renews)
        for above in named.view.renews:
            if above.view is not None:
                above.view.heirs += (named,)


def _view_row(view: View | None, nameds: dict[Named, int]) -> ViewRow | None:
    if view is None:
        return None
    return ViewRow(view.reports, view.spans, [*view.ids], [nameds[n] for n in view.renews])


def _name_tokens(
    chain: Chain, row: NamedRow, tokens: list[Token], delegations: list[Delegation]
) -> None:
    named = Named(row.issuer, row.jti, 0)
    named.revoked, named.condemns = row.revoked, row.condemns
    named.stand_in = tokens[row.stand_in]
    named.stand_in.named = (named,)
    for number in row.tokens:
        token = tokens[number]
        named.tokens[token] = None
        token.named += (named,)
    named.claimants = tuple(delegations[n] for n in row.claimants)
    if row.view is not None:
        view = named.view = View()
        view.reports, view.spans = row.view.reports, row.view.spans
        view.ids = dict.fromkeys(row.view.ids)
        for identity in view.ids:
            chain.row_ids.setdefault(identity, {})[named] = None
    chain.jtis[row.issuer, row.jti] = named


def _free(known: dict[str, Any], span_id: str) -> str:
    """The key that `subject.tell` gave the next of that span id."""
    key, number = span_id, 0
    while key in known:
        number += 1
        key = f"{span_id} {number}"
    return key
