"""The tally of a delegation's tokens: whether any still lives, without counting them each time.

What must be looked for among all tokens is looked for only after the one that decided has gone.
"""

from __future__ import annotations

from grantline.model.chain import Delegation, Token
from grantline.model.death import ALIVE, Death, Kill, Revoked


def enter(owner: Delegation, token: Token) -> None:
    """Count `token`, as it is now, among `owner`'s."""
    tally, revoked = owner.tally, token.revoked
    tally.condemns = tally.condemns.joined(token.condemns)
    if token.fingerprint is None:
        return  # Not a token of its own: what it stands for is counted.
    if revoked is None:
        tally.live += 1
        return
    tally.uncascading += not revoked.cascades
    tally.real += not revoked.rotation
    if tally.last is None or revoked[:2] >= tally.last:
        tally.last, tally.stale = revoked[:2], False


def leave(owner: Delegation, token: Token) -> None:
    """`token` is no longer among `owner`'s."""
    _discount(owner, token)
    if token.condemns != ALIVE:
        owner.tally.condemns = ALIVE
        for other in owner.tokens:
            owner.tally.condemns = owner.tally.condemns.joined(other.condemns)


def revoke(token: Token, revoked: Revoked | None, condemns: Death) -> None:
    """Give `token` its new state, wherever it is counted."""
    owner = token.owner
    if owner is not None:
        _discount(owner, token)
    token.revoked, token.condemns = revoked, condemns
    if owner is not None:
        enter(owner, token)


def death_of_tokens(owner: Delegation) -> Death:
    """A delegation is dead when every token of it was revoked, unless they were replaced."""
    tally = owner.tally
    if tally.live or not tally.real or tally.last is None:
        return ALIVE
    if tally.stale:
        revoked = (t.revoked for t in owner.tokens if t.fingerprint is not None)
        tally.last = max(r[:2] for r in revoked if r is not None)
        tally.stale = False
    kill = Kill(*tally.last, owner.id)
    return Death(soft=kill) if tally.uncascading else Death(hard=kill)


def _discount(owner: Delegation, token: Token) -> None:
    tally, revoked = owner.tally, token.revoked
    if token.fingerprint is None:
        return
    if revoked is None:
        tally.live -= 1
        return
    tally.uncascading -= not revoked.cascades
    tally.real -= not revoked.rotation
    tally.stale = tally.stale or revoked[:2] == tally.last
