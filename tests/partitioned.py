"""The split deployment without Kafka: one engine a partition, frames in queues between them.

Holds what the streams promise and nothing more: every frame arrives, in the order of its own
partition, and resolved hops are routed like any other. What comes between two partitions is the
caller's choice, through `step`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.partition import partition_of
from grantline.lineage.route import route
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting

_T = TypeVar("_T")


class Partitioned:
    """`hops` chain partitions and `tokens` token partitions, with a queue before each."""

    def __init__(self, hops: int, tokens: int, policy: Policy | None = None) -> None:
        policy = policy or Policy()
        self._chains = [ChainEngine(policy) for _ in range(hops)]
        self._tokens = [TokenEngine(policy) for _ in range(tokens)]
        self._hops: list[deque[Hop]] = [deque() for _ in self._chains]
        self._sightings: list[deque[Sighting]] = [deque() for _ in self._tokens]
        self._grace_ms = int(policy.parent_grace_seconds * 1_000)
        self._now_ms = 0
        self._revision = 0
        self.said: list[tuple[int, Finding]] = []
        """(partition, what it said): chain partitions first, then token partitions."""
        self.written: list[Hop] = []
        """All that was put on the topic of hops, which the store reads too."""

    def ingest(self, hops: Iterable[Hop]) -> None:
        for hop in hops:
            routed = route(hop)
            self.written.append(hop)
            self._hops[partition_of(routed.key, len(self._hops))].append(hop)
            for sighting in routed.sightings:
                at = partition_of(sighting.key, len(self._sightings))
                self._sightings[at].append(sighting)

    def step(self, partition: int, records: int) -> None:
        """One partition takes up to `records` of its frames, and says what they bring."""
        partition %= len(self._chains) + len(self._tokens)
        self._revision += 1
        if partition < len(self._chains):
            self._chains[partition].add(_taken(self._hops[partition], records))
            self._say(partition, self._chains[partition].drain(self._revision))
            return
        at = partition - len(self._chains)
        self._tokens[at].add(_taken(self._sightings[at], records))
        findings, resolved = self._tokens[at].drain(self._revision)
        self._say(partition, findings)
        self.ingest(resolved)

    def advance(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)
        for chains in self._chains:
            chains.advance(self._now_ms)
        for tokens in self._tokens:
            tokens.advance(self._now_ms)

    def finish(self) -> None:
        """Work off every queue, then let every grace pass."""
        self._work_off()
        for _ in range(3):  # what was sent on when its grace had passed gets another one
            self.advance(self._now_ms + self._grace_ms)
            self._work_off()

    def _work_off(self) -> None:
        every = range(len(self._chains) + len(self._tokens))
        for partition in every:
            self.step(partition, 0)
        while any(self._hops) or any(self._sightings):
            for partition in every:
                self.step(partition, 1_000)

    def _say(self, partition: int, findings: Iterable[Finding]) -> None:
        self.said.extend((partition, finding) for finding in findings)


def _taken(queue: deque[_T], records: int) -> list[_T]:
    return [queue.popleft() for _ in range(min(records, len(queue)))]
