"""Folding sightings into a token's history, and telling what that changed.

Like `grantline.lineage.chains`: any order, any number of times, the same end.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grantline.lineage.merge import join, overlay
from grantline.lineage.principals import identify
from grantline.lineage.route import resolve
from grantline.model.audience import clean_host, meant_for
from grantline.model.history import Issue, Presentation, TokenHistory, Waiting
from grantline.model.hop import CLIENT, PRODUCER, SERVER, Hop
from grantline.model.policy import Policy
from grantline.model.sighting import ISSUED, USED, WAITING, Sighting
from grantline.model.subject import tell

_MS_PER_S = 1_000


class TokenDelta:
    """What must be asked again, and the hops whose root is now known."""

    __slots__ = ("all", "presentations", "resolved", "waiting")

    def __init__(self) -> None:
        self.presentations: dict[Presentation, TokenHistory] = {}
        self.waiting: dict[Waiting, TokenHistory] = {}
        self.resolved: list[Hop] = []
        """Hops that waited, with their root."""
        self.all: dict[TokenHistory, None] = {}
        """Where every presentation must be asked again."""

    def some(self, history: TokenHistory, shown: Iterable[Presentation]) -> None:
        self.presentations |= dict.fromkeys(shown, history)


def fold(
    history: TokenHistory, sighting: Sighting, policy: Policy, now_ms: int, delta: TokenDelta
) -> None:
    """Add one sighting to its key's history. `now_ms` is ingest time; it only starts graces."""
    history.last_arrival = max(history.last_arrival, now_ms)
    expires_at = sighting.expires_at
    if expires_at is not None and expires_at * _MS_PER_S > history.ends_at:
        history.ends_at = expires_at * _MS_PER_S
    act = sighting.act
    if act == WAITING:
        _wait(history, sighting, now_ms, delta)
        return
    if act == ISSUED:
        _issued(history, sighting, policy, delta)
    if act == ISSUED or (act == USED and not _known(history, sighting)):
        _learn(history, sighting, policy, delta)
    if history.fingerprint is not None:
        _presented(history, sighting, policy, now_ms, delta)


def _wait(history: TokenHistory, sighting: Sighting, now_ms: int, delta: TokenDelta) -> None:
    hop = sighting.hop
    if hop is None:
        return
    # The broker may take the same span twice, at two times.
    same = msgspec.structs.replace(hop, received=0, flags=())
    if same in history.waiting:
        return
    waiting = history.waiting[same] = Waiting(hop, now_ms)
    delta.waiting[waiting] = history
    delta.resolved.extend(resolve(hop, root) for root in sorted(history.roots_known))


def _issued(history: TokenHistory, sighting: Sighting, policy: Policy, delta: TokenDelta) -> None:
    if not history.issued:
        history.issued = True
        delta.all[history] = None
        for waiting in history.waiting.values():
            delta.waiting[waiting] = history
    root = sighting.root_id
    if root is not None:
        _rooted(history, root, sighting.resolved, delta)
    names = [sighting.actor_id, sighting.client_id]
    # Who asked the issuer for the token holds it; an issuer's own report (SERVER) names itself.
    if sighting.kind in (CLIENT, PRODUCER):
        names += [sighting.presenter_id or sighting.service]
    holders = {policy.principal(identify(name)[0]) for name in names if name}
    if not holders <= history.holders:
        history.holders |= holders
        _settle_holder(history, delta)


def _rooted(history: TokenHistory, root: str, resolved: bool, delta: TokenDelta) -> None:
    home = history.home
    if not resolved:
        history.root_issued = min(root, history.root_issued or root)
    if root not in history.roots_known:
        history.roots_known.add(root)
        history.root_known = min(root, history.root_known or root)
        for waiting in history.waiting.values():
            delta.waiting[waiting] = history
            delta.resolved.append(resolve(waiting.hop, root))
    if history.home != home:
        delta.all[history] = None


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
    )


def _learn(history: TokenHistory, sighting: Sighting, policy: Policy, delta: TokenDelta) -> None:
    """What the sighting says of the token itself."""
    issued = sighting.act == ISSUED
    issue = Issue(
        tuple(sorted(set(sighting.audiences))) if sighting.audiences is not None else None,
        sighting.expires_at,
        sighting.token_type,
        sighting.actor_id,
        sighting.client_id,
        sighting.subject,
        sighting.actors,
        sighting.delegation_id if issued else None,
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
        for presentation in history.presentations.values():
            _recognise(history, presentation, policy, delta)


def _presented(
    history: TokenHistory, sighting: Sighting, policy: Policy, now_ms: int, delta: TokenDelta
) -> None:
    shown = _presentation(sighting, policy, now_ms)
    if not tell(history.presentations, shown.span_id, shown):
        return
    delta.presentations[shown] = history
    if shown.root_id is not None:
        mark = (shown.time, shown.span_id, shown.root_id)
        named = history.root_named
        if named is None or mark < named:
            home = history.home
            history.root_named = mark
            if history.home != home:
                delta.all[history] = None
    if shown.act == USED:
        if shown.service is not None:
            history.by_service.setdefault(shown.service, []).append(shown)
        _recognise(history, shown, policy, delta)
        _observe(history, shown, delta)


def _presentation(sighting: Sighting, policy: Policy, now_ms: int) -> Presentation:
    name, kind, service = sighting.presenter_id, sighting.kind, sighting.service
    if name is None and kind in (CLIENT, PRODUCER):
        name = service
    principal, workload = identify(name) if name else (None, None)
    if principal:
        principal = policy.principal(principal)
    thumbprint = sighting.thumbprint if principal is None and kind == SERVER else None
    host = sighting.server_address
    return Presentation(
        sighting.span_id,
        sighting.time,
        sighting.act,
        kind,
        principal,
        workload,
        thumbprint,
        policy.principal(identify(service)[0]) if service else None,
        clean_host(host) if host else None,
        None if sighting.resolved else sighting.root_id,
        sighting.refused,
        sighting.outcome is not None,
        sighting.risk,
        sighting.action,
        sighting.delegation_id,
        principal or (f"key {thumbprint}" if thumbprint else None),
        now_ms,
    )


def _recognise(
    history: TokenHistory, presentation: Presentation, policy: Policy, delta: TokenDelta
) -> None:
    """Learn who forwards the token, and through whom it reaches what it is meant for."""
    if presentation.kind != SERVER or presentation.act != USED:
        return
    service = presentation.service
    if service is not None and service not in history.forwarders:
        history.forwarders.add(service)
        delta.some(history, history.by_presenter.get(service, ()))
    if presentation.refused:
        return
    meant = meant_for(history.issue.audiences, presentation.host, policy)
    if meant and not history.matched:
        history.matched = True
        delta.all[history] = None
    if meant or service in history.accepted_from:
        _on_the_way(history, presentation.principal, delta)


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


def _observe(history: TokenHistory, presentation: Presentation, delta: TokenDelta) -> None:
    who = presentation.who
    if who is None:
        return
    new = who not in history.by_presenter
    history.by_presenter.setdefault(who, []).append(presentation)
    mark = (presentation.time, presentation.span_id, who)
    if history.earliest is None or mark < history.earliest:
        history.earliest = mark
        new = True
    if presentation.workload is not None:
        place = (presentation.time, presentation.span_id, presentation.workload)
        known = history.first_workload.get(presentation.naming)
        if known is None or place < known:
            history.first_workload[presentation.naming] = place
            if known is not None and known[2] != place[2]:
                delta.some(history, history.by_presenter[who])
    if new:
        _settle_holder(history, delta)


def _settle_holder(history: TokenHistory, delta: TokenDelta) -> None:
    """Who rightfully presents the token: whom it was issued to, else who presented it first."""
    rightful = frozenset(history.holders & history.by_presenter.keys())
    if rightful:
        rightful = frozenset(history.holders)
    elif history.earliest is not None:
        rightful = frozenset((history.earliest[2],))
    if rightful != history.rightful:
        history.rightful = rightful
        delta.all[history] = None
