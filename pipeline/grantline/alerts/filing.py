"""One finding filed: which incident it joins, which it leaves, and whom it explains or sets free.

What is filed depends on the newest revision of every finding and on nothing else, so any order,
duplication and interruption of the messages ends with the same members in the same incidents.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace

from grantline.alerts.group import Key, incident_id, key_of
from grantline.alerts.inhibit import EXPLAINS, explained, takes_part
from grantline.alerts.member import Member, member_of
from grantline.alerts.silence import Silence, silenced_by
from grantline.model.finding import Finding


class Shelf(Protocol):
    """Where members are kept."""

    def member(self, finding_id: str) -> Member | None: ...

    def sharing(self, tokens: Iterable[str]) -> Iterable[Member]:
        """Those that name any of `tokens`, each once."""
        ...

    def silences(self) -> Iterable[Silence]:
        """Those that hold."""
        ...

    def put(self, member: Member) -> None:
        """Keep it in place of what was kept of the same finding."""
        ...

    def found(self, id_: str, key: Key) -> None:
        """There is an incident of that key."""
        ...


def file(finding: Finding, shelf: Shelf, *, old: bool = False) -> set[str]:
    """The ids of the incidents that stand otherwise now; none where the revision says nothing new.

    `old`: it was said before anybody was there to be told.
    """
    before = shelf.member(finding.id)
    if before is not None and finding.revision <= before.revision:
        return set()
    key = key_of(finding)
    where = incident_id(key)
    member = member_of(finding, where, old=old)
    if before is not None and before.began:
        member = replace(member, began=True, old=before.old and not _goes_on(before, member))
    member = replace(member, silenced_by=silenced_by(member, shelf.silences()))
    shelf.found(where, key)
    touched = {where} if before is None else {where, before.incident_id}
    return touched | _explained(before, member, shelf)


def _goes_on(before: Member, now: Member) -> bool:
    """Whether something happened since, or it is worse than it was."""
    happened = now.last_seen > before.last_seen and not now.refused
    return happened or now.severity > before.severity


def _explained(before: Member | None, member: Member, shelf: Shelf) -> set[str]:
    """Keeps `member`, with what explains it, and asks anew those that it may explain."""
    if not takes_part(member.reference):
        shelf.put(member)
        return set()
    tokens = {*member.tokens, *(before.tokens if before is not None else ())}
    peers = [peer for peer in shelf.sharing(tokens) if peer.finding_id != member.finding_id]
    shelf.put(replace(member, explained_by=explained(member, peers)))
    touched = set()
    for peer in peers:
        if peer.reference not in EXPLAINS.get(member.reference, ()):
            continue
        by = explained(peer, shelf.sharing(peer.tokens))
        if by != peer.explained_by:
            shelf.put(replace(peer, explained_by=by))
            touched.add(peer.incident_id)
    return touched
