"""What is known of a key of authority as bytes, and back: equal state, a fraction of the size.

Indexes are left out and made again. Most names lead to one root and tell no more, and most parties
were given one delegation: those have short forms. `packing.FORMAT` counts for these bytes, too.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from grantline.lineage import approvals, tasks
from grantline.lineage.tiers import Head
from grantline.model.approval import Approval
from grantline.model.history import Given, Name, Party, Presentation, Task, TokenHistory
from grantline.model.once import Posture
from grantline.model.sighting import EXCHANGED, USED

_encode = msgspec.msgpack.Encoder().encode

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
