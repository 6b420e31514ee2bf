"""Where what waits under a key goes: to the chains the key leads to, or to one that begins here.

The names of a chain have a rank: a root that a span names; a grant of which only an issuer told,
by its jti; a gap, which is the key that its topmost hop waits under. Hops go to the chains of the
highest rank that the key knows. Where it learns a higher one, they are sent on, and the chain that
began here is closed: it takes back what it said. All that is known only grows, so where hops
end up does not depend on the order in which it was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from grantline.lineage.route import asking, close, doubt, join_names, rank_of, resolve, stand
from grantline.model.history import Name, Task, Waiting
from grantline.model.hop import GRANT, ISSUING, JOINS, REVOKE, Hop
from grantline.model.names import gap_key, is_top, key_of, rank_of_chain, top_key
from grantline.model.policy import Policy
from grantline.model.sighting import ISSUED, Sighting

_MS_PER_S = 1_000
_BEGINS: Final = ISSUING | {REVOKE}
"""What makes a chain worth its while: uses of a token of which nothing else is told need none."""


class Places(NamedTuple):
    """Where a key leads."""

    roots: frozenset[str]
    """For hand-offs, grants and renewals."""
    doubted: frozenset[str]
    """For all others, besides."""
    chains: frozenset[str]
    """Keys of chains without a root, where no root is known."""


def places(name: Name) -> Places:
    """Where `name` leads, as far as is known."""
    roots, doubted = name.roots_known - name.doubted, name.doubted
    if roots:
        return Places(frozenset(roots), doubted, frozenset())
    # A gap that begins here is none, once it is known that the way leads further up.
    own = {key for key in name.own if is_top(key) or not (name.led or name.under)}
    return Places(frozenset(), doubted, _strongest(name.under | own))


def _strongest(chains: frozenset[str]) -> frozenset[str]:
    rank = max(map(rank_of_chain, chains), default=0)
    return frozenset(key for key in chains if rank_of_chain(key) == rank)


def each(hop: Hop, to: Places) -> Iterator[Hop]:
    """`hop`, once for each place it goes to."""
    roots = to.roots if hop.operation in ISSUING else to.roots | to.doubted
    for root_id in sorted(roots):
        yield resolve(hop, root_id)
    for chain_key in sorted(to.chains):
        yield stand(hop, chain_key)


def doubts(sighting: Sighting) -> bool:
    """Whether it tells of a jti, and nobody whose word would join it to what others tell of it."""
    return sighting.act == ISSUED and sighting.rank < JOINS and sighting.key.startswith("jti:")


def learn(name: Name, sighting: Sighting) -> Iterator[Hop]:
    """Take in what `sighting` says of the way up; the hops that go on for it."""
    if not _is_news(name, sighting):
        return
    before, below, led = places(name), name.under, name.led
    _take_in(name, sighting)
    after = places(name)
    yield from move(name, before, after)
    if after.doubted and not before.doubted:
        for chain_key in sorted(name.own):
            yield doubt(chain_key, sighting.span_id, sighting.time)
    # What stands in a chain without a root has a root, or a grant above it: so has all of that
    # chain, and the key that it hangs below is told.
    for chain_key in sorted(name.under):
        key, rank = key_of(chain_key), rank_of_chain(chain_key)
        for root_id in sorted(after.roots):
            if chain_key not in below or root_id not in before.roots:
                yield join_names(key, sighting, root_id, None)
        for other in sorted(name.under | name.own):
            known = chain_key in below and (other in below or other in name.own)
            if rank_of_chain(other) > rank and not known:
                yield join_names(key, sighting, None, other)
    for key in sorted(name.followers):
        yield from _tell(key, sighting, _new(before, after), led=name.led and not led)


def follow(name: Name, sighting: Sighting) -> Iterator[Hop]:
    """A token bears the jti: it is told what is known of the way up, and what will be."""
    key = sighting.action
    if key is not None and key not in name.followers:
        name.followers |= {key}
        yield from _tell(key, sighting, places(name), led=name.led)
        if name.borne:
            yield join_names(key, sighting, None, None, same=True, contested=True)


def answer(name: Name, sighting: Sighting) -> Iterator[Hop]:
    """A token of unknown issue shows the jti: it is told of that, now and later."""
    if sighting.action is not None and asking(sighting.action) not in name.followers:
        yield from follow(name, replace(sighting, action=asking(sighting.action)))


def bears(name: Name, sighting: Sighting) -> Iterator[Hop]:
    """The issue of a token that bears the jti was reported: one of another fingerprint is another."""
    if sighting.action is not None and not name.borne:
        name.borne = True
        for key in sorted(name.followers):
            yield join_names(key, sighting, None, None, same=True, contested=True)


def _tell(key: str, why: Sighting | Hop, to: Places, *, led: bool) -> Iterator[Hop]:
    for root_id in sorted(to.roots):
        yield join_names(key, why, root_id, None, same=True)
    for chain_key in sorted(to.chains):
        yield join_names(key, why, None, chain_key, same=True)
    if led:
        yield join_names(key, why, None, None, same=True)


def _new(before: Places, after: Places) -> Places:
    return Places(
        after.roots - before.roots, after.doubted - before.doubted, after.chains - before.chains
    )


def _is_news(name: Name, sighting: Sighting) -> bool:
    root, under = sighting.root_id, sighting.chain_key
    if root is not None:
        return root not in name.roots_known or (root in name.doubted and not doubts(sighting))
    if doubts(sighting):
        return False
    if sighting.led and not name.led:
        return True
    return under is not None and under not in name.under and under not in name.own


def _take_in(name: Name, sighting: Sighting) -> None:
    root, under = sighting.root_id, sighting.chain_key
    if root is not None:
        if not doubts(sighting):
            name.doubted -= {root}
        elif root not in name.roots_known:
            name.doubted |= {root}
        name.roots_known.add(root)
    if under is not None and under not in name.own:
        name.under |= {under}
    name.led = name.led or sighting.led


def move(name: Name, before: Places, after: Places) -> Iterator[Hop]:
    """What waits goes where it did not go before; a chain that began here and is left is closed."""
    if before == after:
        return
    new = _new(before, after)
    for waiting in name.waiting.values():
        # A root that is no longer doubted was known to these before.
        gone = before.doubted if waiting.hop.operation not in ISSUING else frozenset()
        yield from each(waiting.hop, new._replace(roots=new.roots - gone))
    for chain_key in sorted((before.chains - after.chains) & name.own):
        hop = next(iter(name.waiting.values())).hop
        yield close(chain_key, hop.span_id, hop.time)


def due_ms(name: Name, waiting: Waiting, policy: Policy) -> int | None:
    """When a chain begins here for want of anything above `waiting`; None for never.

    Of a grant told by its issuer a span may still come that names its root: it gets the time of
    a witness. For a gap the grace must have passed.
    """
    hop = waiting.hop
    if hop.operation not in _BEGINS or hop.refused or isinstance(name, Task):
        return None
    if not _may_begin(name, waiting):
        return None
    grace = policy.witness_seconds if _tells_of_grant(waiting) else policy.parent_grace_seconds
    return waiting.arrived + int(grace * _MS_PER_S)


def begin(name: Name, waiting: Waiting) -> Iterator[Hop]:
    """A chain begins here; all that waits goes there."""
    before = places(name)
    chain_key = _own_key(name, waiting)
    name.own |= {chain_key}
    after = places(name)
    yield from move(name, before, after)
    for other in sorted(name.under):
        if rank_of_chain(chain_key) > rank_of_chain(other):
            yield join_names(key_of(other), waiting.hop, None, chain_key)
    for key in sorted(name.followers):
        yield from _tell(key, waiting.hop, _new(before, after), led=False)
    if name.doubted:
        yield doubt(chain_key, waiting.hop.span_id, waiting.hop.time)


def _may_begin(name: Name, waiting: Waiting) -> bool:
    if name.roots_known - name.doubted or _own_key(name, waiting) in name.own:
        return False
    return _tells_of_grant(waiting) or not (name.led or name.under)


def _own_key(name: Name, waiting: Waiting) -> str:
    return top_key(name.key) if _tells_of_grant(waiting) else gap_key(name.key)


def _tells_of_grant(waiting: Waiting) -> bool:
    return waiting.hop.operation == GRANT and rank_of(waiting.hop) >= JOINS
