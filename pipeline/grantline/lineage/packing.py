"""Chains and token histories as bytes, and back: equal state, a fraction of the size.

A chain's delegations and tokens point at one another; packed they are numbered. What follows from
the rest (children, tallies, merged facts, indexes) is left out and made again. The bytes are ours
alone, of one release: a snapshot says which (`FORMAT`), and another one is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from grantline.lineage import approvals, endings, tasks
from grantline.lineage.edges import all_told
from grantline.lineage.merge import overlay
from grantline.lineage.tallies import enter
from grantline.lineage.tiers import Head
from grantline.model.approval import Approval
from grantline.model.chain import (
    Chain,
    Delegation,
    Endings,
    Facts,
    Named,
    Particulars,
    Renewal,
    Token,
    Use,
    View,
)
from grantline.model.death import Death, Ends, Revoked
from grantline.model.history import Given, Name, Party, Presentation, Task, TokenHistory
from grantline.model.once import Posture
from grantline.model.sighting import EXCHANGED, USED
from grantline.model.subject import Spoken, Subject
from grantline.model.task import Claim, Claims

FORMAT: Final = 18
"""Grows with every change of what is packed, and of the structs it is made of."""

_encode = msgspec.msgpack.Encoder().encode


class _Renewal(msgspec.Struct, array_like=True, gc=False):
    span_id: str
    time: int
    fingerprint: str | None
    granted_scopes: tuple[str, ...] | None
    token_issuer: str | None
    audiences: tuple[str, ...] | None
    token_dialect: str | None
    scopes_cut: bool | None
    parent_scopes: tuple[str, ...] | None
    said: tuple[Spoken, ...]


class _Use(msgspec.Struct, array_like=True, gc=False):
    span_id: str
    time: int
    operation: str
    denied: bool
    refused: bool
    client: bool
    stated: bool
    by: str | None
    action: str | None
    risk: str | None
    clocks: int
    """The number of its clocks among the chain's."""
    task_id: str | None
    told: Particulars | None
    at: str | None
    said: tuple[Spoken, ...]


class _Delegation(msgspec.Struct, array_like=True, gc=False):
    id: str
    arrived: int
    reports: dict[int, Facts]
    spans: set[tuple[int, str]]
    claimed: int
    """Its number; -1 for nobody."""
    open: bool
    """It claims a parent that closes a circle, and hangs nowhere."""
    renewals: list[_Renewal]
    depth: int | None
    limit: int | None
    revoked: Death
    own: Death
    above: Death
    passed_on: Death
    over: Ends
    said: tuple[Spoken, ...]


class _Token(msgspec.Struct, array_like=True, gc=False):
    key: str
    fingerprint: bool
    """Its key is its fingerprint; otherwise it stands in for one."""
    arrived: int
    owner: int
    issued: tuple[int, int, str] | None
    revoked: Revoked | None
    condemns: Death
    uses: list[_Use]
    refusals: set[str]
    waiting: list[int]
    granted: tuple[int, tuple[str, ...]] | None
    carried: bool | None
    """Of what stands in for a jti; None of any other."""


class _View(msgspec.Struct, array_like=True, gc=False):
    reports: dict[int, Facts]
    spans: set[tuple[int, str]]
    ids: list[str]
    renews: list[int]


class _Named(msgspec.Struct, array_like=True, gc=False):
    issuer: str
    jti: str
    revoked: Revoked | None
    condemns: Death
    tokens: list[int]
    stand_in: int
    claimants: list[int]
    view: _View | None


class _Endings(msgspec.Struct, array_like=True, gc=False):
    ids: dict[str, Ends]
    named: dict[str, Ends]
    claims: dict[str, tuple[list[Claim], list[Claim]]]


class _Chain(msgspec.Struct, array_like=True, gc=False):
    hops: int
    last_arrival: int
    ends_at: int
    delegations: list[_Delegation]
    tokens: list[_Token]
    named: list[_Named]
    task_deaths: dict[str, Death]
    task_deaths_named: dict[str, Death]
    task_claims: dict[str, tuple[list[Claim], list[Claim]]]
    tasks: dict[str, list[int]]
    clocks: list[tuple[str, ...]]
    """What told the times of uses: few clocks tell of many."""
    endings: _Endings | None
    last_use: int
    closed: bool
    unparented: bool
    granted: bool
    of_identity: bool
    doubted: bool
    rows: list[tuple[int, list[int]]]
    """By number: a delegation, and the jtis by which an issuer's log tells of it."""


_chain = msgspec.msgpack.Decoder(_Chain)


def pack_chain(chain: Chain) -> bytes:
    """`chain` without its key."""
    delegations = {d: number for number, d in enumerate(chain.delegations.values())}
    nameds = {named: number for number, named in enumerate(chain.jtis.values())}
    stand_ins = [named.stand_in for named in chain.jtis.values()]
    tokens = {t: number for number, t in enumerate((*chain.tokens.values(), *stand_ins))}
    clocks: dict[tuple[str, ...], int] = {}
    packed = _Chain(
        chain.hops,
        chain.last_arrival,
        chain.ends_at,
        [_delegation_row(d, delegations) for d in delegations],
        [_token_row(t, delegations, clocks) for t in tokens],
        [
            _Named(
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


def _endings_row(endings: Endings) -> _Endings:
    claims = {task: claims.told for task, claims in endings.claims.items()}
    return _Endings(endings.ids, endings.named, claims)


def _delegation_row(d: Delegation, numbers: dict[Delegation, int]) -> _Delegation:
    return _Delegation(
        d.id, d.arrived, d.reports, d.spans, -1 if d.claimed is None else numbers[d.claimed],
        d.parent is not d.claimed,
        [
            _Renewal(r.span_id, r.time, r.fingerprint, r.granted_scopes, r.token_issuer, r.audiences,
                     r.token_dialect, r.scopes_cut, r.parent_scopes, r.said)
            for r in d.renewals.values()
        ],
        d.depth, d.limit, d.revoked, d.own, d.above, d.passed_on, d.over, d.said,
    )  # fmt: skip


def _token_row(
    t: Token, numbers: dict[Delegation, int], clocks: dict[tuple[str, ...], int]
) -> _Token:
    return _Token(
        t.key, t.fingerprint is not None, t.arrived, -1 if t.owner is None else numbers[t.owner],
        t.issued, t.revoked, t.condemns,
        [
            _Use(u.span_id, u.time, u.operation, u.denied, u.refused, u.client, u.stated, u.by, u.action, u.risk,
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


def _endings(row: _Endings) -> Endings:
    known = Endings()
    known.ids, known.named = row.ids, row.named
    known.claims = {task: Claims.of(*told) for task, told in row.claims.items()}
    endings.find_tasks(known)
    return known


def dissolve(chain: Chain) -> None:
    """Take a chain that is no longer held apart. Its circles of references would otherwise wait
    for a full collection of garbage, which a worker with much live state must rarely pay for.
    """
    for delegation in chain.delegations.values():
        delegation.claimed = delegation.parent = None
        delegation.children.clear()
        delegation.tokens.clear()
        delegation.renewals.clear()
        delegation.rows = ()
    for named in chain.jtis.values():
        named.tokens.clear()
        named.claimants = ()
        named.view = None
        _strip(named.stand_in)
    for token in chain.tokens.values():
        _strip(token)
    chain.delegations.clear()
    chain.tokens.clear()
    chain.jtis.clear()
    chain.row_ids.clear()
    chain.tasks.clear()


def _strip(token: Token) -> None:
    token.owner = None
    token.named = ()
    token.uses.clear()
    token.waiting.clear()


def _subjects(chain: Chain) -> Iterator[Subject]:
    for delegation in chain.delegations.values():
        yield delegation
        yield from delegation.renewals.values()
        for token in delegation.tokens:
            yield from token.uses.values()
    for token in (*chain.tokens.values(), *(named.stand_in for named in chain.jtis.values())):
        if token.owner is None:
            yield from token.uses.values()


def _delegation(row: _Delegation) -> Delegation:
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
    return d


def _token(row: _Token, delegations: list[Delegation], clocks: list[tuple[str, ...]]) -> Token:
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


def _rows(chain: Chain, packed: _Chain, delegations: list[Delegation]) -> None:
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


def _view_row(view: View | None, nameds: dict[Named, int]) -> _View | None:
    if view is None:
        return None
    return _View(view.reports, view.spans, [*view.ids], [nameds[n] for n in view.renews])


def _name_tokens(
    chain: Chain, row: _Named, tokens: list[Token], delegations: list[Delegation]
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


LEADS: Final = {(False, False): b"r", (False, True): b"R", (True, False): b"d", (True, True): b"D"}
"""(Root told on evidence that does not join, by a hop with a token) -> what stands in front of a name
that only leads to a root; MessagePack's arrays begin otherwise."""
_HOW: Final = {mark: how for how, mark in LEADS.items()}


def pack_name(name: Name) -> bytes:
    """`name` without its key and what is found again from the rest."""
    if isinstance(name, TokenHistory):
        return _encode(
            replace(name, key="", touched=0, idle=0, by_presenter={}, by_service={}, by_taker=None)
        )
    if isinstance(name, Task):
        return _encode(replace(name, key="", touched=0, idle=0, waits=[]))
    if isinstance(name, Approval):
        return _encode(replace(name, key="", touched=0, idle=0, by_side={}))
    if isinstance(name, (Party, Posture)):
        return _encode(replace(name, key="", touched=0, idle=0))
    # Whatever else is known of the way up, a root is all that counts.
    plain = not (name.waiting or name.under or name.own or name.followers)
    if name.issued and len(name.roots_known) == 1 and plain:
        root_id = next(iter(name.roots_known))
        return LEADS[bool(name.doubted), name.borne] + root_id.encode()
    return _encode(replace(name, key="", touched=0, idle=0))


_GIVEN: Final = b"g"
"""In front of a party to which one delegation was given."""
_given = msgspec.msgpack.Decoder(tuple[Given, int, int])


def pack_given(at: Given, time: int, over_at: int) -> bytes:
    """A party of which only `at` is known, given at `time`, and dead at `over_at`."""
    return _GIVEN + _encode((at, time, over_at))


_NAMES: Final[dict[type[Name], msgspec.msgpack.Decoder[Any]]] = {
    kind: msgspec.msgpack.Decoder(kind)
    for kind in (Name, Task, TokenHistory, Party, Approval, Posture)
}


def unpack_name(kind: type[Name], key: str, data: bytes, head: Head) -> Name:
    """What is known of `key`, as it was packed."""
    if kind is Name and (how := _HOW.get(data[:1])) is not None:
        end, root_id = head.over_at, data[1:].decode()
        doubted = frozenset((root_id,) if how[0] else ())
        return Name(
            key, end, end, end, True, {root_id}, doubted=doubted, borne=how[1], hops=head.hops
        )
    if kind is Party and data.startswith(_GIVEN):
        at, *told = _given.decode(data[1:])
        end = head.over_at
        return Party(key, end, end, end, hops=head.hops, given={at: (told[0], told[1])})
    name: Name = _NAMES[kind].decode(data)
    name.key = key
    if isinstance(name, TokenHistory):
        for shown in name.presentations.values():
            _index(name, shown)
    elif isinstance(name, Task):
        for waiting in name.waiting.values():
            tasks.enter(name, waiting)
    elif isinstance(name, Approval):
        for citation in name.citations.values():
            approvals.enter(name, citation)
    return name


def _index(history: TokenHistory, shown: Presentation) -> None:
    if shown.act == EXCHANGED:
        history.enter_taker(shown)
    if shown.act == USED:
        if shown.service is not None:
            history.by_service.setdefault(shown.service, []).append(shown)
        if shown.who is not None:
            history.by_presenter.setdefault(shown.who, []).append(shown)
