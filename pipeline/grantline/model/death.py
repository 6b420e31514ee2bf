"""When authority ended, and through what. Values that join in any order to the same end."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec

ANY: Final = ""
"""Stands for all clocks at once: what it tells is compared with the policy's leeway."""
SURE: Final = "\x00"
"""Stands for those who said that descendants die, too, by words or by their reason: the others say
nothing of them, and then it is for the issuer to say whether it ends what was made from a token."""
_NO_CLOCKS: Final = frozenset({ANY, SURE})
CLOCKS: Final = 8
"""Clocks of which one end is remembered beside these; those that told the latest are dropped."""
_RESOLUTIONS: Final = (1_000_000_000, 1_000_000, 1_000)


class Kill(NamedTuple):
    """When authority ended, and through which revocation. Ordered by time."""

    time: int
    """When the revocation was complete, nanoseconds since the epoch."""
    span_id: str
    delegation_id: str
    resolution: int = 1
    """Of `time`, nanoseconds."""
    by: str = ""
    """Who revoked, as the span names them."""


Ends: TypeAlias = tuple[tuple[str, Kill], ...]
"""(clock, the earliest end that this clock told), by clock; the first is `ANY`'s, before `SURE`'s.
Empty: no end.

A clock's own earliest end is kept beside the earliest of all, because the leeway is another one:
a second clock that is a minute fast would otherwise hide what the first one proves.
"""


class Death(NamedTuple):
    """The earliest ends of some authority."""

    hard: Ends = ()
    soft: Ends = ()
    """Of revocations whose sender said that they do not cascade."""

    def joined(self, other: Death) -> Death:
        if other is ALIVE or other is self:
            return self
        if self is ALIVE:
            return other
        return Death(first(self.hard, other.hard), first(self.soft, other.soft))

    def of(self, delegation_id: str) -> Death:
        """The same, as the death of this delegation."""
        return Death(_of(self.hard, delegation_id), _of(self.soft, delegation_id))


def ends(kill: Kill, clocks: tuple[str, ...], *, sure: bool = True) -> Ends:
    """One end, told by `clocks`; `sure`: of descendants, too."""
    alike = (ANY, SURE) if sure else (ANY,)
    return tuple((clock, kill) for clock in (*alike, *sorted(clocks)))


def first(one: Ends, other: Ends) -> Ends:
    """The earliest of both, clock by clock: associative, commutative and idempotent.

    So it stays with the bound: of a clock that is dropped, as many others told an earlier end, and
    what joins only makes theirs earlier.
    """
    if not other or one == other:
        return one
    if not one:
        return other
    known = dict(one)
    for clock, kill in other:
        before = known.get(clock)
        if before is None or kill < before:
            known[clock] = kill
    if len(known) > CLOCKS + 1:
        clocks = sorted(known.keys() - _NO_CLOCKS, key=lambda clock: (known[clock], clock))
        for clock in clocks[CLOCKS:]:
            del known[clock]
    return tuple(sorted(known.items()))


def _of(told: Ends, delegation_id: str) -> Ends:
    return tuple((clock, kill._replace(delegation_id=delegation_id)) for clock, kill in told)


NO_CLOCK: Final = ("none that can be used",)
"""The clocks of what happened at a time that nobody knows (flag `clock_unusable`): after nothing."""


def struck(told: Ends, time: int, clocks: tuple[str, ...], leeway: int) -> Kill | None:
    """The earliest of `told` that surely came before `time`, which `clocks` tell; None for none.

    Between two clocks that takes `leeway` nanoseconds. One clock goes wrong by no more than the
    coarser resolution of the two times: what it told a unit later was later.
    """
    earliest: Kill | None = None
    if clocks == NO_CLOCK:
        return None
    for clock, kill in told:
        if clock == ANY:
            after = time > kill.time + leeway
        elif clock == SURE:
            continue
        else:
            after = clock in clocks and time >= kill.time + max(kill.resolution, resolution(time))
        if after and (earliest is None or kill < earliest):
            earliest = kill
    return earliest


def surely(told: Ends, time: int, leeway: int, struck_by: Kill) -> bool:
    """Whether what struck at `time` was told by somebody who said that descendants die, too."""
    return any(
        kill.span_id == struck_by.span_id or time > kill.time + leeway
        for clock, kill in told
        if clock == SURE
    )


def resolution(*times: int | None) -> int:
    """How finely a reporter tells the time, nanoseconds: by the finest of its `times`.

    A time of whole seconds is one of a reporter that tells no more. Of one that does, a time in a
    thousand looks so by chance: it is then compared more coarsely, never too finely.
    """
    finest = _RESOLUTIONS[0]
    for time in times:
        if time is not None:
            finest = min(finest, next((unit for unit in _RESOLUTIONS if time % unit == 0), 1))
    return finest


ALIVE = Death()


class Revoked(NamedTuple):
    """Every revocation of one token, joined."""

    told: Ends
    cascades: bool
    """False only where every revoker said that it does not."""
    rotation: bool
    """Every revoker said that the token was replaced; its delegation lives on in the successor."""

    def joined(self, other: Revoked | None) -> Revoked:
        if other is None:
            return self
        return Revoked(
            first(self.told, other.told),
            self.cascades or other.cascades,
            self.rotation and other.rotation,
        )


class Tally(msgspec.Struct, eq=False):
    """What is known of all tokens of one delegation, kept so that no question counts them."""

    live: int = 0
    """Tokens that nobody revoked."""
    dead: int = 0
    """Those that somebody did."""
    uncascading: int = 0
    real: int = 0
    """Tokens revoked for more than their rotation."""
    last: dict[str, tuple[Kill, int]] = {}
    """Clock -> (the end that came last, each token's first one counting; the tokens whose end
    it told)."""
    condemns: Death = ALIVE
    """By revocations of the delegation that name one of its tokens."""
    stale: bool = False
    """A token that `last` is of has gone."""
    shown: Tally | None = None
    """The same of tokens of which only an issuer and jti were shown, at no issue: they may be
    any of the tokens counted here, and decide where there are none."""
