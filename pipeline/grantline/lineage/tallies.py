"""The tally of a delegation's tokens: whether any still lives, without counting them each time.

What must be looked for among all tokens is looked for only after the one that decided has gone.
A stand-in for an issuer and jti is a token of its own while no fingerprint carries that jti.
"""

from __future__ import annotations

from typing import Final

from grantline.model.chain import Delegation, Token
from grantline.model.death import ALIVE, Death, Ends, Revoked, Tally

BY_ROW: Final = -1
"""Evidence rank of a claim of those who know the jti alone: whoever shows the token is believed
before, and whose it is may become known better."""
OWN: Final = 1
"""Tier of a claim (`Token.issued`) that reports of the token itself make; 0 is of its jti."""


def enter(owner: Delegation, token: Token) -> None:
    """Count `token`, as it is now, among `owner`'s."""
    owner.tally.condemns = owner.tally.condemns.joined(token.condemns)
    tally, revoked = _part(owner, token), token.revoked
    if tally is None:
        return  # Not a token of its own: what it stands for is counted.
    if revoked is None:
        tally.live += 1
        return
    tally.dead += 1
    tally.uncascading += not revoked.cascades
    tally.real += not revoked.rotation
    _late(tally, revoked.told)


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


def issue(token: Token, claim: tuple[int, int, str]) -> None:
    """`token` was brought into being, by the strongest report so far."""
    owner = token.owner
    if owner is None or token.fingerprint is not None:
        token.issued = claim
        return
    _discount(owner, token)
    token.issued = claim
    enter(owner, token)


def carry(stand_in: Token) -> None:
    """A token with a fingerprint has its jti: it is counted there from now on."""
    if stand_in.owner is not None:
        _discount(stand_in.owner, stand_in)
    stand_in.carried = True


def unharmed(owner: Delegation, token: Token) -> bool:
    """Whether `token` and all others of `owner` live, so that it comes or goes without a trace."""
    tally = owner.tally
    return (
        token.revoked is None
        and not tally.dead
        and (tally.shown is None or not tally.shown.dead)
        and token.condemns == ALIVE == tally.condemns
    )


def death_of_tokens(owner: Delegation) -> Death:
    """A delegation is dead when every token of it was revoked, unless they were replaced.

    By a clock that told the end of each of them, or by any.
    """
    tally = owner.tally
    if not tally.live and not tally.dead and tally.shown is not None:
        tally = tally.shown
    if tally.live or not tally.real:
        return ALIVE
    if tally.stale:
        tally.last, tally.stale = {}, False
        for token in owner.tokens:
            if token.revoked is not None and _part(owner, token) is tally:
                _late(tally, token.revoked.told)
    told = tuple(
        (clock, kill._replace(delegation_id=owner.id))
        for clock, (kill, tokens) in sorted(tally.last.items())
        if tokens == tally.dead
    )
    return Death(soft=told) if tally.uncascading else Death(hard=told)


def _part(owner: Delegation, token: Token) -> Tally | None:
    """Where `token` is counted: as the delegation's own, as shown only, or not at all."""
    if token.fingerprint is not None:
        return owner.tally
    if token.carried or not token.jti:
        return None
    if token.issued is not None and token.issued[0] == OWN:
        return owner.tally
    if owner.tally.shown is None:
        owner.tally.shown = Tally()
    return owner.tally.shown


def _late(tally: Tally, told: Ends) -> None:
    for clock, kill in told:
        known = tally.last.get(clock)
        tally.last[clock] = (kill, 1) if known is None else (max(known[0], kill), known[1] + 1)


def _discount(owner: Delegation, token: Token) -> None:
    tally, revoked = _part(owner, token), token.revoked
    if tally is None:
        return
    if tally is owner.tally.shown and tally.live + tally.dead == 1:
        owner.tally.shown = None
        return
    if revoked is None:
        tally.live -= 1
        return
    tally.dead -= 1
    tally.uncascading -= not revoked.cascades
    tally.real -= not revoked.rotation
    for clock, kill in revoked.told:
        last, tokens = tally.last[clock]
        if tokens == 1:
            del tally.last[clock]
        else:
            tally.last[clock] = last, tokens - 1
            tally.stale = tally.stale or kill == last
