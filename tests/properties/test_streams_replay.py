"""Whatever order spans come in and wherever workers die, the findings at the end are those of
one engine in one process that nothing ever happened to.

The real ingest, frames, folds and engines over logs in memory: a model of the topology in which
a worker may die between any two records, losing or keeping what it had sent since its commit.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.lineage.tiers import Bounds
from grantline.model.finding import Finding
from grantline.streams.engines import Engines
from grantline.streams.folds import Fold, News, Snapshot
from grantline.streams.frames import Framing
from grantline.streams.gathering import Gathering
from grantline.streams.ingest import Ingest
from grantline.streams.messages import Addresses
from grantline.streams.outgoing import Outgoing
from grantline.wire.frames import encode_hops
from grantline.wire.otlp import decode
from tests.deliveries import Line
from tests.workers import POLICY, otlp, states, story, undisturbed

HOPS = [hop for number in range(3) for hop in story(number)]
EXPECTED = undisturbed(HOPS)
STEP_MS = 50
BOUNDS = Bounds(hot=3)
"""So that state is packed all the time."""
START_MS = 1_795_400_000_000
TP = tuple[str, int]


class Keyed:
    """One keyed partition and the worker that has it just now."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.log: list[tuple[int, bytes]] = []
        self.committed = 0
        self.unsent: list[News] = []
        self.snapshot: Snapshot | None = None
        self.fold = self._fresh()

    def _fresh(self) -> Fold[Any]:
        engines = Engines()
        make: Any = engines.chain_fold if self.topic == "hops" else engines.token_fold
        fold: Fold[Any] = make(POLICY)
        if self.snapshot is not None:
            assert self.snapshot.next_offset <= self.committed
            fold.restore(self.snapshot)
        fold.engine.bound(BOUNDS)
        fold.live_from = self.committed
        return fold

    def work(self) -> bool:
        at = self.fold.next_offset
        if at == len(self.log):
            return False
        time_ms, value = self.log[at]
        self.unsent.append(self.fold.take(at, time_ms, self.fold.decode(value)))
        return True

    def commit(self) -> list[News]:
        sent, self.unsent = self.unsent, []
        self.committed = max(self.committed, self.fold.next_offset)
        return sent

    def store(self) -> list[News]:
        """A snapshot, stored once it is committed, as a file would have it."""
        snapshot = self.fold.snapshot()
        sent = self.commit()
        stored = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot)
        if not self.fold.replaying:
            self.snapshot = stored
        return sent

    def die(self, keep: bool) -> list[News]:
        sent, self.unsent = (self.unsent if keep else []), []
        self.fold = self._fresh()
        return sent


class World:
    """All partitions, what was said, and the broker's clock."""

    def __init__(self, partitions: int) -> None:
        self.to = Addresses("hops", "tokens", "findings", "rejected", partitions, "/test")
        self.ingest = Ingest(decode, POLICY)
        self.arriving = Gathering(self.to)
        self.keyed = {
            (topic, number): Keyed(topic)
            for topic in ("hops", "tokens")
            for number in range(partitions)
        }
        self.findings: list[Finding] = []
        self.now_ms = START_MS

    def produce(self, record: Outgoing) -> None:
        self.now_ms += STEP_MS
        self.keyed[record.topic, record.partition].log.append((self.now_ms, record.value))

    def spans(self, value: bytes) -> None:
        taken = self.ingest.take("spans", 0, [Line(0, value, self.now_ms)])
        for place, hops, _ in taken.hops:
            self.arriving.add(place, hops)
        for frame in self.arriving.take().frames:
            self.produce(frame)

    def say(self, news: list[News]) -> None:
        for one in news:
            self.findings += [finding for _, finding in one.findings]
            framing = Framing(self.to)
            for hop in one.hops:
                framing.add(hop)
            for frame in framing.records():
                self.produce(frame)

    def settle(self) -> None:
        """Everything is worked through; where time is due, it is told."""
        busy = True
        while busy:
            busy = False
            for (topic, number), keyed in self.keyed.items():
                while keyed.work():
                    busy = True
                self.say(keyed.commit())
                if keyed.fold.due(self.now_ms + 10_000):
                    self.now_ms += 10_000
                    self.produce(Outgoing(topic, number, None, encode_hops(()), []))
                    busy = True


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_wherever_workers_die_the_findings_are_the_same(data: st.DataObject) -> None:
    world = World(data.draw(st.integers(1, 3), "partitions"))
    shuffled = data.draw(st.permutations(HOPS), "order")
    size = data.draw(st.integers(1, 12), "spans a record")
    todo = [otlp(shuffled[at : at + size]) for at in range(0, len(shuffled), size)]
    while todo:
        world.spans(todo.pop())
        for keyed in world.keyed.values():
            for _ in range(data.draw(st.integers(0, 4), "records")):
                keyed.work()
            match data.draw(
                st.sampled_from(["go on", "commit", "snapshot", "lose", "keep"]), "then"
            ):
                case "commit":
                    world.say(keyed.commit())
                case "snapshot":
                    world.say(keyed.store())
                case "lose":
                    world.say(keyed.die(keep=False))
                case "keep":
                    world.say(keyed.die(keep=True))
    world.settle()
    assert states(world.findings) == EXPECTED


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 30))
def test_a_replay_says_again_exactly_what_was_not_committed(seed: int, back: int) -> None:
    """From any committed offset on, a second worker says what the first one said: the same
    findings with the same revisions."""
    world = World(1)
    shuffled = list(HOPS)
    random.Random(seed).shuffle(shuffled)
    for hop in shuffled:
        world.spans(otlp([hop]))
    world.settle()
    for keyed in world.keyed.values():
        keyed.committed = 0
        keyed.die(keep=False)
        while keyed.work():
            pass
        everything = keyed.commit()
        keyed.committed = committed = max(len(keyed.log) - back, 0)
        keyed.die(keep=False)
        while keyed.work():
            pass
        later = keyed.commit()
        said = [finding for news in later for _, finding in news.findings]
        first = [finding for news in everything for _, finding in news.findings]
        assert said == first[len(first) - len(said) :]
        assert all(finding.revision >= 2 * committed for finding in said)
