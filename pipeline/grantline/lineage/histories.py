"""Folding sightings into a token's history, and telling what that changed.

Like `grantline.lineage.chains`: any order, any number of times, the same end.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from sys import intern

from grantline.lineage import refusals
from grantline.lineage.merge import join, overlay
from grantline.lineage.places import answer, bears, doubts, each, follow, learn, places
from grantline.lineage.route import ask_jti, jti_key
from grantline.lineage.tiers import LAST_MS
from grantline.model.audience import clean_host, meant_for
from grantline.model.history import SELF_TOLD, Issue, Name, Presentation, TokenHistory, Waiting
from grantline.model.hop import ANSWERS, ISSUING, JOINS, PRESENTS, SERVER, Hop
from grantline.model.policy import Policy
from grantline.model.principals import identify
from grantline.model.sighting import (
    ACTED,
    ANSWERED,
    ASKS,
    BORNE,
    EXCHANGED,
    ISSUED,
    JOINED,
    USED,
    WAITING,
    Sighting,
)
from grantline.model.subject import Subject, of_span, tell

_MS_PER_S = 1_000


class TokenDelta:
    """What must be asked again, and the hops whose root is now known."""

    __slots__ = ("all", "others", "presentations", "resolved", "waiting")

    def __init__(self) -> None:
        self.presentations: dict[Presentation, TokenHistory] = {}
        self.waiting: dict[Waiting, Name] = {}
        self.resolved: list[Hop] = []
        """Hops that waited, with their root or the chain they stand in; and what closes chains."""
        self.others: dict[Subject, Name] = {}
        """What of no authority must be asked again: citations of approvals, what is said once."""
        self.all: dict[TokenHistory, None] = {}
        """Where every presentation must be asked again."""

    def some(self, history: TokenHistory, shown: Iterable[Presentation]) -> None:
        self.presentations |= dict.fromkeys(shown, history)


def fold_name(name: Name, sighting: Sighting, now_ms: int, delta: TokenDelta) -> None:
    """Add one sighting of a delegation or a jti. `now_ms` is ingest time."""
    arrives(name, sighting, now_ms)
    if sighting.act == WAITING:
        _wait(name, sighting, now_ms, delta)
    elif sighting.act == ISSUED:
        _issued(name, sighting, delta)
    elif sighting.act == JOINED:
        _joined(name, sighting, delta)
    elif sighting.act == BORNE:
        delta.resolved.extend(follow(name, sighting))
    elif sighting.act == ASKS:
        delta.resolved.extend(answer(name, sighting))


def fold(
    history: TokenHistory, sighting: Sighting, policy: Policy, now_ms: int, delta: TokenDelta
) -> None:
    """Add one sighting to its token's history. `now_ms` is ingest time; it only starts graces."""
    arrives(history, sighting, now_ms)
    act = sighting.act
    if act == WAITING:
        _wait(history, sighting, now_ms, delta)
        return
    if act in (JOINED, ANSWERED):
        _told_root(history, sighting, delta)
        if act == JOINED:
            _joined(history, sighting, delta)
        else:
            _same(history, sighting, delta)
        return
    if act == ISSUED:
        _issued_token(history, sighting, policy, delta)
        _learn(history, sighting, policy, delta)
    elif act == USED and not _known(history, sighting):
        _learn(history, sighting, policy, delta)
    _presented(history, sighting, policy, now_ms, delta)
    if sighting.jti is not None and not history.issued:
        _ask_jti(history, sighting, jti_key(*sighting.jti), delta)


def _ask_jti(history: TokenHistory, use: Sighting, jti: str, delta: TokenDelta) -> None:
    """A use that names its root waits for nothing: what its jti leads to is asked for, once."""
    if jti not in history.asked_of:
        history.asked_of |= {jti}
        delta.resolved.append(ask_jti(jti, history.key, use))


def arrives(name: Name, sighting: Sighting, now_ms: int) -> None:
    """Note how long the key is to be remembered."""
    name.hops += 1
    if now_ms > name.last_arrival:  # noqa: PLR1730 - once a sighting, and a call costs
        name.last_arrival = now_ms
    expires_at = sighting.expires_at
    if expires_at is not None and expires_at * _MS_PER_S > name.ends_at:
        name.ends_at = min(expires_at * _MS_PER_S, LAST_MS)


def _wait(name: Name, sighting: Sighting, now_ms: int, delta: TokenDelta) -> None:
    hop = sighting.hop
    if hop is None:
        return
    waiting = Waiting(hop, now_ms)
    if not tell(name.waiting, hop.span_id, waiting):
        return
    delta.waiting[waiting] = name
    delta.resolved.extend(each(hop, places(name)))
    if not name.below and hop.operation in ISSUING and not hop.refused:
        # What is missing is said once, of the chain below, and no longer of each that waits.
        name.below = True
        _ask_all(name, delta)


def _ask_all(name: Name, delta: TokenDelta) -> None:
    delta.waiting |= dict.fromkeys(name.waiting.values(), name)
    if isinstance(name, TokenHistory):
        delta.all[name] = None


def _issued(name: Name, sighting: Sighting, delta: TokenDelta) -> None:
    """What waits is told of a root, each once; that there is an issue is news to it, too."""
    if not name.issued:
        name.issued = True
        if name.waiting:
            delta.waiting |= dict.fromkeys(name.waiting.values(), name)
    if sighting.action is not None and name.__class__ is Name and not name.borne:
        delta.resolved.extend(bears(name, sighting))
    _led(name, sighting, delta)


def _joined(name: Name, sighting: Sighting, delta: TokenDelta) -> None:
    """Another name tells where this one stands."""
    if sighting.led or sighting.refused:
        _same(name, sighting, delta)
    _led(name, sighting, delta)


def _same(name: Name, sighting: Sighting, delta: TokenDelta) -> None:
    """Told of the same token, by its jti: what is missing is said of the chain below that."""
    if not name.same or (sighting.refused and not name.contested):
        name.same = True
        name.contested = name.contested or sighting.refused
        _ask_all(name, delta)


def _told_root(history: TokenHistory, sighting: Sighting, delta: TokenDelta) -> None:
    """Its jti leads to a root: whose token it is, as long as nobody reported its own issue."""
    root = sighting.root_id
    by_jti = sighting.led or sighting.act == ANSWERED
    if by_jti and root is not None and _least(root, history.root_told) != history.root_told:
        history.root_told = _least(root, history.root_told)
        delta.all[history] = None


def _led(name: Name, sighting: Sighting, delta: TokenDelta) -> None:
    """The way up is known better, or as it was."""
    root = sighting.root_id
    plain = sighting.rank >= JOINS or not doubts(sighting)
    told = name.waiting or name.under or name.doubted or name.followers
    if root is not None and plain and not told:
        name.roots_known.add(root)  # mostly: a root, told where nothing waits for it
        return
    for hop in learn(name, sighting):
        delta.resolved.append(hop)
        delta.waiting |= dict.fromkeys(name.waiting.values(), name)


def _issued_token(
    history: TokenHistory, sighting: Sighting, policy: Policy, delta: TokenDelta
) -> None:
    home, first, root = history.home, not history.issued, sighting.root_id
    named = history.root_issued
    _issued(history, sighting, delta)
    if root is not None:
        history.root_known = _least(root, history.root_known)
        if not sighting.resolved:
            history.root_issued = _least(root, history.root_issued)
    if first or history.home != home or history.root_issued != named:
        delta.all[history] = None
    names = [sighting.actor_id, sighting.client_id]
    # Who asked the issuer for the token holds it; an issuer's own report (SERVER) names itself.
    if sighting.kind in PRESENTS and (asker := sighting.presenter_id or sighting.service):
        names.append(asker)
        if not history.asked:
            history.asked = True
            delta.all[history] = None
    holders = {policy.principal(identify(name)[0]) for name in names if name}
    if not holders <= history.holders:
        history.holders |= holders
        if history.presentations:
            delta.all[history] = None
        _settle_holder(history, delta)


def _least(one: str, other: str | None) -> str:
    return one if other is None or one < other else other


def _known(history: TokenHistory, use: Sighting) -> bool:
    """Whether a use repeats claims that another of its rank made already. Most do."""
    said = history.reports.get(2 * use.rank)
    if said is None:
        return False
    audiences, expires_at = use.audiences, use.expires_at
    kind, actor, client = use.token_type, use.actor_id, use.client_id
    return (
        (audiences is None or audiences == said.audiences)
        and (expires_at is None or expires_at == said.expires_at)
        and (kind is None or kind == said.token_type)
        and (actor is None or actor == said.actor_id)
        and (client is None or client == said.client_id)
        and (
            use.thumbprint is None
            or use.kind not in PRESENTS
            or (said.key is not None and use.thumbprint == said.key[1])
        )
    )


def _learn(history: TokenHistory, sighting: Sighting, policy: Policy, delta: TokenDelta) -> None:
    """What the sighting says of the token itself."""
    issued = sighting.act == ISSUED
    # A server's word at a use is of the key that was proven, not of the one the token names.
    key = sighting.thumbprint if issued or sighting.kind in PRESENTS else None
    issue = Issue(
        tuple(sorted(set(sighting.audiences))) if sighting.audiences is not None else None,
        sighting.expires_at,
        sighting.token_type,
        sighting.actor_id,
        sighting.client_id,
        sighting.subject,
        sighting.actors,
        sighting.delegation_id if issued else None,
        _bound(sighting.binding_type, key) if key is not None else None,
        sighting.may_act,
        sighting.issuer,
    )
    # A report of the issue is believed before the claims repeated at a use, rank by rank.
    if not join(history.reports, 2 * sighting.rank + issued, issue):
        return
    merged = overlay(history.reports)
    if merged == history.issue:
        return
    retargeted = merged.audiences != history.issue.audiences
    history.issue = merged
    delta.all[history] = None
    if retargeted:
        # Who handed it on to whom it is meant for is another question now.
        history.matched = False
        history.accepted_from.clear()
        for shown in history.presentations.values():
            # Where a token was issued or exchanged is no place it was accepted at.
            if shown.act == USED:
                shown.meant = meant_for(merged.audiences, shown.host, policy)
                _recognise(history, shown, delta)


def _presented(
    history: TokenHistory, sighting: Sighting, policy: Policy, now_ms: int, delta: TokenDelta
) -> None:
    if sighting.refused and sighting.kind in ANSWERS:
        _refuse(history, sighting, delta)
    shown = _presentation(history, sighting, policy, now_ms)
    if not tell(history.presentations, shown.span_id, shown):
        return
    delta.presentations[shown] = history
    if shown.root_id is not None:
        mark = (shown.place, shown.span_id, shown.root_id)
        named = history.root_named
        if named is None or mark < named:
            home = history.home
            history.root_named = mark
            if history.home != home:
                delta.all[history] = None
    if shown.act == EXCHANGED:
        history.enter_taker(shown)
    elif shown.act == USED:
        shown.meant = meant_for(history.issue.audiences, shown.host, policy)
        service = shown.service
        if service is not None:
            known = history.by_service.get(service)
            if known is None:
                history.by_service[service] = [shown]
            else:
                known.append(shown)
        _recognise(history, shown, delta)
        _observe(history, shown, delta)


def _refused(history: TokenHistory, sighting: Sighting) -> bool:
    """Whether a server refused the call that its client tells of here."""
    if sighting.span_id in history.refusals:
        return True
    unstated = sighting.outcome is None and sighting.act == USED
    return unstated and refusals.marked(history.refusals, sighting.time)


def _refuse(history: TokenHistory, sighting: Sighting, delta: TokenDelta) -> None:
    """A server refused; the client, who does not decide, may tell of the same call."""
    above = sighting.parent_span_id
    if above is not None and above not in history.refusals:
        history.refusals.add(above)
        for shown in of_span(history.presentations, above):
            if shown.kind in PRESENTS and not shown.refused:
                shown.refused = True
                delta.presentations[shown] = history
    minute = refusals.mark(sighting.time)
    if sighting.act != USED or minute in history.refusals:
        return
    history.refusals.add(minute)
    for shown in history.presentations.values():
        open_still = shown.kind in PRESENTS and not (shown.refused or shown.stated)
        if open_still and shown.act == USED and refusals.marked((minute,), shown.time):
            shown.refused = True
            delta.presentations[shown] = history


def _presentation(
    history: TokenHistory, sighting: Sighting, policy: Policy, now_ms: int
) -> Presentation:
    name, kind, service = sighting.presenter_id, sighting.kind, sighting.service
    client, denied = kind in PRESENTS, sighting.refused
    if name is None and client:
        name = service
    principal, workload = identify(name) if name else (None, None)
    reporter = identify(service)[0] if service else None
    if policy.principal_aliases or policy.presenter_aliases:
        principal = principal and policy.presenter(principal)
        reporter = reporter and policy.principal(reporter)
    act = sighting.act
    key = sighting.thumbprint if act == USED and kind == SERVER else None
    proof = _bound(sighting.binding_type, key) if key is not None else None
    host = sighting.server_address
    shown = Presentation(
        sighting.span_id,
        sighting.time,
        sighting.act,
        kind,
        principal,
        workload,
        proof,
        reporter,
        (host if "://" in host else clean_host(host)) if host else None,
        None if sighting.resolved else sighting.root_id,
        denied,
        denied or (client and bool(history.refusals) and _refused(history, sighting)),
        sighting.outcome is not None,
        sighting.risk,
        sighting.action,
        sighting.delegation_id,
        principal or (f"key {key}" if key else None),
        now_ms,
        timed=sighting.timed,
    )
    if act in (EXCHANGED, ACTED):
        shown.actor, shown.client, shown.giver = _parties(sighting)
    return shown


def _parties(exchange: Sighting) -> tuple[str | None, str | None, str | None]:
    """Actor, client and giver. Names are few, and each is kept once."""
    actor, client, giver = exchange.actor_id, exchange.client_id, exchange.delegator_id
    return actor and intern(actor), client and intern(client), giver and intern(giver)


@lru_cache(maxsize=65_536)
def _bound(binding_type: str | None, thumbprint: str) -> tuple[str, str]:
    """Cached, so that a token and all its uses with one key share one value."""
    return binding_type or "", thumbprint.rstrip("=")


def _recognise(history: TokenHistory, shown: Presentation, delta: TokenDelta) -> None:
    """Learn who forwards the token, and through whom it reaches what it is meant for."""
    if shown.kind != SERVER or shown.act != USED:
        return
    service, accepted_from = shown.service, history.accepted_from
    if service is not None and service not in history.forwarders:
        history.forwarders.add(service)
        delta.some(history, history.by_presenter.get(service, ()))
        if history.by_taker is not None:
            delta.some(history, history.by_taker.get(service, ()))
    if shown.refused:
        return
    if shown.meant and not history.matched:
        history.matched = True
        delta.all[history] = None
    if (shown.meant or service in accepted_from) and shown.principal not in accepted_from:
        _on_the_way(history, shown.principal, delta)


def _on_the_way(history: TokenHistory, who: str | None, delta: TokenDelta) -> None:
    """`who` handed the token on to where it is meant for; so did those who handed it to `who`."""
    todo = [who]
    while todo:
        who = todo.pop()
        if who is None or who in history.accepted_from:
            continue
        first = not history.accepted_from
        history.accepted_from.add(who)
        delta.some(
            history, history.presentations.values() if first else history.by_service.get(who, ())
        )
        todo.extend(
            shown.principal
            for shown in history.by_service.get(who, ())
            if shown.kind == SERVER and not shown.refused
        )


def _observe(history: TokenHistory, shown: Presentation, delta: TokenDelta) -> None:
    who = shown.who
    if who is None:
        return
    known = history.by_presenter.get(who)
    new = known is None
    if known is None:
        history.by_presenter[who] = [shown]
    else:
        known.append(shown)
    earliest, place = history.earliest, shown.weight
    if earliest is None or place <= earliest[0]:
        mark = (place, shown.span_id, who)
        if earliest is None or mark < earliest:
            history.earliest = mark
            new = True
            if earliest is not None and (earliest[0] < SELF_TOLD) != (place < SELF_TOLD):
                delta.all[history] = None
    if shown.workload is not None:
        _place(history, shown, who, shown.workload, delta)
    if new:
        _settle_holder(history, delta)


def _place(
    history: TokenHistory, shown: Presentation, who: str, workload: str, delta: TokenDelta
) -> None:
    """Learn from which workload `who` presented the token first."""
    naming, at = shown.naming, shown.place
    known = history.first_workload.get(naming)
    if known is not None and at > known[0]:
        return
    place = (at, shown.span_id, workload)
    if known is None or place < known:
        history.first_workload[naming] = place
        if known is not None and known[2] != workload:
            delta.some(history, history.by_presenter[who])


def _settle_holder(history: TokenHistory, delta: TokenDelta) -> None:
    """Who rightfully presents the token: whom it was issued to, else who presented it first, as
    others tell, or, where nobody else does, as it tells itself.
    """
    rightful = frozenset(history.holders & history.by_presenter.keys())
    if rightful:
        rightful = frozenset(history.holders)
    elif history.earliest is not None:
        rightful = frozenset((history.earliest[2],))
    if rightful != history.rightful:
        history.rightful = rightful
        delta.all[history] = None
