"""How all findings of one incident stand together: a pure function of its members, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from grantline.alerts.group import Key
from grantline.alerts.member import Member, by_weight
from grantline.alerts.threshold import FLOOR

MAX_NAMED = 20
"""Names of one kind shown on a page; counts stay exact."""
MAX_LISTED = 100
"""Findings that are named."""


class Names(msgspec.Struct, frozen=True):
    """The most frequent names of one kind, and how many there are."""

    first: tuple[str, ...] = ()
    count: int = 0


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is to be told of an incident, but the words."""

    id: str
    kind: str
    subject: str
    members: int
    """Findings in all, whatever became of them."""
    open: int
    pending: int
    """Of the open ones: not sure yet."""
    explained: int
    """Of the open ones: told under another incident."""
    signals: int
    """Of the open ones: below what pages anyone. They raise the risk and nothing else."""
    severity: int
    """The worst of those that count; 0 where none does."""
    fresh: int
    """The worst of those that may begin a page: sure, not old, not of a policy alone; 0 for none."""
    loud: int
    """The worst of these that no silence covers."""
    began: int
    """Of the open ones: said first before anybody was there to be told."""
    counting: int
    """Of the open ones: sure, and told here."""
    silenced: int
    """Of those that count: under a silence."""
    silenced_by: str | None
    """The silence that most of them are under."""
    old: int
    """Of the open ones: said before anybody was there, and nothing happened since."""
    uses: int
    """Violating spans of the open ones."""
    allowed: int
    """Of the open ones: let in by the system."""
    refused: int
    first_seen: str
    last_seen: str
    references: tuple[tuple[str, int], ...]
    """What was detected, and how often, most first."""
    systems: Names
    actors: Names
    tokens: Names
    let_in: int
    """Systems that let any of it in."""
    lead: str
    """The finding that the page is about: the worst, and the earliest of those."""
    listed: tuple[str, ...]
    """The first findings by weight, `MAX_LISTED` at most."""
    explained_by: str | None
    """The finding under which this is told, where all is."""


_CLOSED: Final = Member(finding_id="", revision=-1, incident_id="", reference="", severity=0,
                        open=False)  # fmt: skip


def summarise(id_: str, key: Key, members: Iterable[Member]) -> Incident:
    """The incident of `members`; of none it is closed and has no lead."""
    everyone = sorted(members, key=by_weight)
    standing = [member for member in everyone if member.open]
    counting = [member for member in standing if member.counts]
    shown = standing or everyone
    fresh = [m for m in counting if not (m.silent or m.old)]
    silences = Counter(m.silenced_by for m in counting if m.silenced_by is not None)
    by_lead = everyone[0] if everyone else _CLOSED
    return Incident(
        id=id_,
        kind=key.kind,
        subject=key.subject,
        members=len(everyone),
        open=len(standing),
        pending=sum(m.pending for m in standing),
        explained=sum(m.explained_by is not None for m in standing),
        signals=sum(m.severity < FLOOR for m in standing),
        severity=max((m.severity for m in counting), default=0),
        fresh=max((m.severity for m in fresh), default=0),
        loud=max((m.severity for m in fresh if m.silenced_by is None), default=0),
        began=sum(m.began for m in standing),
        counting=len(counting),
        silenced=silences.total(),
        silenced_by=max(silences, key=lambda id_: (silences[id_], id_), default=None),
        old=sum(m.old for m in standing),
        uses=sum(m.count for m in standing),
        allowed=sum(m.allowed for m in standing),
        refused=sum(m.refused for m in standing),
        first_seen=min((m.first_seen for m in shown), default=""),
        last_seen=max((m.last_seen for m in shown), default=""),
        references=_most(m.reference for m in shown),
        systems=_names(m.system for m in shown),
        actors=_names(m.actor for m in shown),
        tokens=_names(token for m in shown for token in m.tokens),
        let_in=len({m.system for m in counting if m.allowed and m.system}),
        lead=by_lead.finding_id,
        listed=tuple(m.finding_id for m in everyone[:MAX_LISTED]),
        explained_by=next((m.explained_by for m in standing if m.explained_by), None),
    )


def _most(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _names(names: Iterable[str | None]) -> Names:
    found = _most(name for name in names if name is not None)
    return Names(tuple(name for name, _ in found[:MAX_NAMED]), len(found))
