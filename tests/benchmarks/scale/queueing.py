"""Whether a plan holds: how evenly keys spread, and how long work waits for the busiest worker.

A worker is one queue. Records of 256 spans arrive at random; a record that is this worker's to
ingest is one long job, and every record, whoever ingests it, leaves frames with the hops of this
worker's partitions, each a short job. Both are computed, and simulated with seeded random numbers
and Kafka's own hash; `compare` puts the two side by side.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import ceil, comb, log, sqrt
from typing import NamedTuple

from grantline.lineage.partition import murmur2
from tests.benchmarks.scale.constants import Assumed, Measured
from tests.benchmarks.scale.plan import Plan

RECORD = 256
"""Spans of a record."""
_P99 = 0.01
_MOST_CHAINS = 200_000
"""More are not drawn: a hundredth of the partitions with a hundredth of the chains is as uneven."""


class Queue(NamedTuple):
    """One worker's work."""

    records_a_second: float
    """Of all workers: each may leave hops here."""
    ingests: float
    """Share of the records that this worker takes in."""
    folds: float
    """Share of all hops that this worker folds."""
    ingest_us: float
    """A span."""
    fold_us: float

    @property
    def mean(self) -> float:
        """Seconds of work that a record brings."""
        return RECORD * (self.ingests * self.ingest_us + self.folds * self.fold_us) / 1e6

    @property
    def square(self) -> float:
        """The mean of its square: of a long job taken in or not, and a binomial number of hops."""
        long, fold = RECORD * self.ingest_us / 1e6, self.fold_us / 1e6
        hops = RECORD * self.folds
        several = hops * (1 - self.folds) + hops**2
        both = 2 * self.ingests * long * hops * fold
        return self.ingests * long**2 + fold**2 * several + both

    @property
    def utilisation(self) -> float:
        return self.records_a_second * self.mean


class Compared(NamedTuple):
    """One number of workers: computed and simulated."""

    workers: int
    skew: tuple[float, float]
    """Of the busiest worker: its hops over its fair share."""
    utilisation: tuple[float, float]
    p99_ms: tuple[float, float] | None
    """Waiting and service of what arrives; None where lag grows without end."""
    lag_seconds: tuple[float, float]
    """Of work that is left at the end."""


def queue_of(plan: Plan, measured: Measured, workers: int, skew: float) -> Queue:
    """The busiest of `workers`: it has one partition too many where they do not divide evenly."""
    most = ceil(plan.partitions / workers) / plan.partitions
    share = measured.ingest_share
    return Queue(
        plan.rate / RECORD, 1 / workers, min(1.0, most * skew),
        plan.worker_us * share, plan.worker_us * (1 - share),
    )  # fmt: skip


def p99_seconds(queue: Queue) -> float:
    """Pollaczek-Khinchine's mean wait, an exponential tail, and a record's own service.

    Infinite where more work arrives than is done.
    """
    used = queue.utilisation
    if used >= 1:
        return float("inf")
    mean = queue.records_a_second * queue.square / (2 * (1 - used))
    tail = max(0.0, log(used / _P99)) * mean / used if used > 0 else 0.0
    return tail + queue.mean


def lag_seconds(queue: Queue, seconds: float) -> float:
    """Work that is left after `seconds`: what arrives less what is done, where that is more."""
    return max(0.0, queue.utilisation - 1) * seconds


def simulate(queue: Queue, seconds: float, seed: int) -> tuple[float, float, float]:
    """p99 seconds of a record's work here, its utilisation, and the work left at the end.

    Lindley's recursion: what a record finds waiting is what the one before it found and brought,
    less the time between them.
    """
    choice = random.Random(seed)
    long, fold = RECORD * queue.ingest_us / 1e6, queue.fold_us / 1e6
    hops, weights = _binomial(RECORD, queue.folds)
    waiting = worked = at = 0.0
    took: list[float] = []
    while at < seconds:
        gap = choice.expovariate(queue.records_a_second)
        at += gap
        waiting = max(0.0, waiting - gap)
        work = fold * choice.choices(hops, cum_weights=weights)[0]
        if choice.random() < queue.ingests:
            work += long
        waiting += work
        worked += work
        took.append(waiting)
    took.sort()
    return took[int(len(took) * (1 - _P99))], worked / at, waiting


def _binomial(n: int, chance: float) -> tuple[list[int], list[float]]:
    """Outcomes and their cumulative weights; Python 3.11 draws no binomial numbers."""
    cumulative, outcomes, total = [], [], 0.0
    for number in range(n + 1):
        total += comb(n, number) * chance**number * (1 - chance) ** (n - number)
        outcomes.append(number)
        cumulative.append(total)
    return outcomes, cumulative


def skew_computed(workers: int, chains: float, lengths: Sequence[int]) -> float:
    """The busiest of `workers` over its fair share, where each chain falls on one at random."""
    if workers == 1:
        return 1.0
    mean = sum(lengths) / len(lengths)
    uneven = sum(each * each for each in lengths) / len(lengths) / mean**2
    return 1 + sqrt(2 * log(workers)) * sqrt(workers / chains * uneven)


def skew_simulated(
    partitions: int, workers: int, chains: int, lengths: Sequence[int], *, seed: int, hot: int = 0
) -> float:
    """The same with Kafka's hash over roots as they are named; `hot`: hops of one more chain."""
    choice = random.Random(seed)
    loads = [0] * workers
    most = ceil(partitions / workers)
    fair = partitions / workers / most
    for number in range(chains + (hot > 0)):
        root = f"dlg_{choice.getrandbits(128):032x}".encode()
        partition = (murmur2(root) & 0x7FFFFFFF) % partitions
        loads[partition % workers] += hot if number == chains else choice.choice(lengths)
    return max(loads) / sum(loads) * workers * fair


def compare(
    plan: Plan, measured: Measured, assumed: Assumed, workers: int, lengths: Sequence[int],
    *, seconds: float, seed: int = 7,
) -> Compared:  # fmt: skip
    """`workers` at the plan's rate and partitions, computed and simulated."""
    active = plan.rate * assumed.chain_seconds / measured.spans_a_chain
    part = max(1, ceil(active / _MOST_CHAINS))
    few = max(1, workers // part)
    partitions = max(few, plan.partitions // part)
    computed = skew_computed(workers, active, lengths)
    seen = skew_simulated(partitions, few, int(active / part), lengths, seed=seed)
    expected, found = (queue_of(plan, measured, workers, skew) for skew in (computed, seen))
    p99, used, left = simulate(found, seconds, seed)
    bounded = expected.utilisation < 1
    return Compared(
        workers, (computed, seen), (expected.utilisation, used),
        (p99_seconds(expected) * 1e3, p99 * 1e3) if bounded else None,
        (lag_seconds(expected, seconds), left),
    )  # fmt: skip
