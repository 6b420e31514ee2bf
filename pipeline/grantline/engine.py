"""The engine: keeps chains and token histories, and asks the rules about what changed.

`ChainEngine` serves one partition of `delegation.hops`, `TokenEngine` one of
`delegation.tokens`; `Engine` joins both for one process without Kafka. All three are pure: the
same facts give the same findings, whatever their order, and time is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grantline.chain_engine import ChainEngine
from grantline.lineage.route import route
from grantline.lineage.tiers import Bounds, Dump
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.rules.rule import Rule
from grantline.token_engine import TokenEngine

__all__ = ["ChainEngine", "Engine", "TokenEngine"]

_MS = 1_000


class Engine:
    """Both engines joined in one process: replay, tests, and the peers we are measured against."""

    def __init__(
        self,
        policy: Policy | None = None,
        rules: Sequence[Rule] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        policy = policy or Policy()
        self._chains = ChainEngine(policy, rules, bounds)
        self._tokens = TokenEngine(policy, rules, bounds)
        self._grace_ms = int(max(policy.parent_grace_seconds, policy.witness_seconds) * _MS)
        self._now_ms = 0
        self._revision = 0
        self._placed: list[Hop] = []

    def add(self, hops: Iterable[Hop]) -> list[Hop]:
        """Take hops in; returns them, and after them those whose root was found on the way."""
        taken: list[Hop] = []
        todo = list(hops)
        while todo:
            taken.extend(todo)
            self._chains.add(todo)
            for hop in todo:
                self._tokens.add(route(hop).sightings)
            todo = self._tokens.take_resolved()
        return taken

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds."""
        self._now_ms = max(self._now_ms, now_ms)
        self._chains.advance(self._now_ms)
        self._tokens.advance(self._now_ms)

    def drain(self) -> list[Finding]:
        """The findings that are new, amended or retracted since the last drain."""
        said: list[Finding] = []
        while True:
            self._revision += 1
            said += self._chains.drain(self._revision)
            findings, hops = self._tokens.drain(self._revision)
            said += findings
            if not hops:
                return said
            self._placed += self.add(hops)

    def take_placed(self) -> list[Hop]:
        """The hops that time alone gave a place since last time."""
        placed, self._placed = self._placed, []
        return placed

    def dump(self) -> tuple[Dump, Dump]:
        """All that is held, packed; between a drain and the next hop."""
        return self._chains.dump(), self._tokens.dump()

    def load(self, dumps: tuple[Dump, Dump], now_ms: int) -> None:
        """Go on from what another engine's `dump` gave, at the time at which it did."""
        self._now_ms = max(self._now_ms, now_ms)
        self._chains.load(dumps[0], now_ms)
        self._tokens.load(dumps[1], now_ms)

    def finish(self) -> list[Finding]:
        """Judge what is left, then let every grace pass: nothing more will come."""
        judged = self.drain()
        self.advance(self._now_ms + self._grace_ms)
        judged += self.drain()
        # What was sent on when its grace had passed gets another one where it came to.
        while (due_ms := self._next_due_ms()) is not None:
            self.advance(due_ms)
            judged += self.drain()
        return judged

    def _next_due_ms(self) -> int | None:
        due = (self._chains.next_due_ms(), self._tokens.next_due_ms())
        return min((due_ms for due_ms in due if due_ms is not None), default=None)
