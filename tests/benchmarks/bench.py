"""What all parts of one run share: the broker, how much of everything, and the loads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks import ours
from tests.benchmarks.contender import Measured
from tests.benchmarks.expected import Expected, expect
from tests.benchmarks.load import Load, make
from tests.brokers import Broker


class Size(NamedTuple):
    """How much of everything."""

    spans: int
    """In records of 256 spans."""
    small_spans: int
    """In records of 10."""
    times: int
    """Each contender runs."""
    latency_seconds: float
    emit_seconds: float
    growth_hops: int
    lengths: tuple[int, ...]
    """Hops a chain."""
    alive: tuple[int, ...]
    """Live chains."""
    held_hops: tuple[int, ...]
    """In memory, when it is measured."""
    recovery_hops: int
    """Live when a worker starts again."""


FULL = Size(
    100_000, 40_000, 3, 20.0, 20.0, 100_000, (10, 1_000, 100_000), (1_000, 100_000, 1_000_000),
    (100_000, 500_000, 1_000_000), 1_000_000,
)  # fmt: skip
QUICK = Size(
    10_000, 4_000, 1, 6.0, 4.0, 10_000, (10, 1_000), (1_000, 20_000), (10_000, 20_000), 50_000
)


class Task(NamedTuple):
    """A load, and what must come of it."""

    load: Load
    expected: Expected


class Bench:
    """One run of the benchmark."""

    def __init__(self, broker: Broker, size: Size, seed: int, tell: Callable[[str], None]) -> None:
        self.broker = broker
        self.size = size
        self.seed = seed
        self.tell = tell
        self._tasks: dict[int, Task] = {}
        self._rate = 0.0
        self._names = 0

    def task(self, batch: int) -> Task:
        """The run's load in records of `batch` spans; made once."""
        if batch not in self._tasks:
            spans = self.size.spans if batch == 256 else self.size.small_spans
            self._tasks[batch] = self.new_task(self.seed, spans, batch)
        return self._tasks[batch]

    def new_task(self, seed: int, spans: int, batch: int) -> Task:
        """Another load. Raises `Different` where the engine does not find what was planted."""
        self.tell(f"making {spans:,} spans in records of {batch}, and what must come of them")
        load = make(seed, spans, batch)
        return Task(load, expect(load))

    def name(self, what: str) -> str:
        """A name for a topic or a consumer group that no run had before."""
        self._names += 1
        return f"{what}-{self._names}"

    def full_load(self) -> float:
        """What Grantline did a second from a backlog, in spans; measured now if it was not yet."""
        if not self._rate:
            self.tell("what the full load is: Grantline from a backlog")
            load, expected = self.task(256)
            self.note_full_load(
                load, ours.ONE.measure(self.broker, load, expected, self.name("pilot"))
            )
        return self._rate

    def note_full_load(self, load: Load, measured: Measured) -> None:
        self._rate = load.spans / measured.seconds
