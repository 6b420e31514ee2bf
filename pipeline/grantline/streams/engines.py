"""The two engines in the shape a fold asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.tiers import Bounds, Dump
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.streams.folds import Engine, Fold, Outcome
from grantline.wire.frames import decode_hops, decode_sightings


class Chains:
    """The engine of one partition of hops."""

    def __init__(self, policy: Policy) -> None:
        self._engine = ChainEngine(policy)

    def add(self, items: Iterable[Hop], /) -> None:
        self._engine.add(items)

    def advance(self, now_ms: int, /) -> None:
        self._engine.advance(now_ms)

    def settle(self, revision: int, /) -> Outcome:
        return Outcome(self._engine.drain(revision))

    def next_due_ms(self) -> int | None:
        return self._engine.next_due_ms()

    def stats(self) -> dict[str, int]:
        return self._engine.stats()

    def bound(self, bounds: Bounds, /) -> None:
        self._engine.bound(bounds)

    def dump(self) -> Dump:
        return self._engine.dump()

    def load(self, dump: Dump, now_ms: int, /) -> None:
        self._engine.load(dump, now_ms)


class Tokens:
    """The engine of one partition of sightings."""

    def __init__(self, policy: Policy) -> None:
        self._engine = TokenEngine(policy)

    def add(self, items: Iterable[Sighting], /) -> None:
        self._engine.add(items)

    def advance(self, now_ms: int, /) -> None:
        self._engine.advance(now_ms)

    def settle(self, revision: int, /) -> Outcome:
        return Outcome(*self._engine.drain(revision))

    def next_due_ms(self) -> int | None:
        return self._engine.next_due_ms()

    def stats(self) -> dict[str, int]:
        return self._engine.stats()

    def bound(self, bounds: Bounds, /) -> None:
        self._engine.bound(bounds)

    def dump(self) -> Dump:
        return self._engine.dump()

    def load(self, dump: Dump, now_ms: int, /) -> None:
        self._engine.load(dump, now_ms)


class Engines(NamedTuple):
    """What makes the engine of one partition; another pair may be set in its place."""

    chains: Callable[[Policy], Engine[Hop]] = Chains
    tokens: Callable[[Policy], Engine[Sighting]] = Tokens

    def chain_fold(self, policy: Policy) -> Fold[Hop]:
        return Fold(self.chains(policy), decode_hops)

    def token_fold(self, policy: Policy) -> Fold[Sighting]:
        return Fold(self.tokens(policy), decode_sightings)
