"""When authority ended, and through what. Values that join in any order to the same end."""

from __future__ import annotations

from typing import NamedTuple


class Kill(NamedTuple):
    """When authority ended, and through which revocation. Ordered by time."""

    time: int
    span_id: str
    delegation_id: str


class Death(NamedTuple):
    """The earliest ends of some authority."""

    hard: Kill | None = None
    soft: Kill | None = None
    """Of revocations whose sender said that they do not cascade."""

    def earliest(self) -> Kill | None:
        return first(self.hard, self.soft)

    def joined(self, other: Death) -> Death:
        if other is ALIVE or other is self:
            return self
        if self is ALIVE:
            return other
        return Death(first(self.hard, other.hard), first(self.soft, other.soft))


def first(one: Kill | None, other: Kill | None) -> Kill | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


ALIVE = Death()


class Revoked(NamedTuple):
    """Every revocation of one token, joined."""

    time: int
    """Of the earliest."""
    span_id: str
    cascades: bool
    """False only where every revoker said that it does not."""
    rotation: bool
    """Every revoker said that the token was replaced; its delegation lives on in the successor."""

    def joined(self, other: Revoked | None) -> Revoked:
        if other is None:
            return self
        time, span_id = min(self[:2], other[:2])
        return Revoked(
            time, span_id, self.cascades or other.cascades, self.rotation and other.rotation
        )


class Tally:
    """What is known of all tokens of one delegation, kept so that no question counts them."""

    __slots__ = ("condemns", "last", "live", "real", "stale", "uncascading")

    def __init__(self) -> None:
        self.live = 0
        """Tokens that nobody revoked."""
        self.uncascading = 0
        self.real = 0
        """Tokens revoked for more than their rotation."""
        self.last: tuple[int, str] | None = None
        """(time, span id) of the revocation that came last, each token's first one counting."""
        self.condemns: Death = ALIVE
        """By revocations of the delegation that name one of its tokens."""
        self.stale = False
        """The token that `last` is of has gone."""
