"""What gives way first: the rate at which each part of the design ends, and what moves that end."""

from __future__ import annotations

from typing import NamedTuple

from tests.benchmarks.scale.constants import Assumed, Defaults, Measured
from tests.benchmarks.scale.plan import DAY, hops_a_frame, worker_us

MACHINES = "more partitions, workers and memory"
TABLE = "a table that many write: DuckLake, Iceberg"
ENGINE = "an engine with its state on disk and its own shuffle: Flink"
_SMALL_FRAME = 2.0
"""Hops a frame, below which framing no longer saves anything."""


class Limit(NamedTuple):
    """One part of the design."""

    what: str
    rate: float
    """Spans a second at which it is used up."""
    moved_by: str


def limits(measured: Measured, assumed: Assumed, defaults: Defaults) -> list[Limit]:
    """All, the lowest first."""
    workers = defaults.partitions
    state = workers * defaults.ceiling_bytes / (measured.live_bytes * assumed.live_seconds)
    cpu = workers * assumed.utilisation * 1e6 / measured.worker_us
    writer = measured.writer_rows_a_second * assumed.utilisation
    file = assumed.volume_bytes / (measured.row_bytes * assumed.lineage_days * DAY)
    days, tera = f"{assumed.lineage_days:.0f} days", assumed.volume_bytes / 1e12
    gib = defaults.ceiling_bytes / 2**30
    return sorted(
        [
            Limit(f"live state of {workers} workers, {gib:.0f} GiB each", state, MACHINES),
            Limit(f"CPU of {workers} workers", cpu, MACHINES),
            Limit("the one writer", writer, TABLE),
            Limit(f"one DuckDB file of {days} on {tera:.0f} TB", file, TABLE),
            Limit(
                f"frames of {_SMALL_FRAME:.0f} hops", _framing(measured, assumed, defaults), ENGINE
            ),
        ],
        key=lambda limit: limit.rate,
    )


def hottest_chain(measured: Measured, assumed: Assumed) -> float:
    """Spans a second of one chain: its hops are folded by one worker, whatever else there is."""
    fold_us = measured.worker_us * (1 - measured.ingest_share)
    return assumed.utilisation * 1e6 / fold_us


def first(limits_: list[Limit], moved: frozenset[str]) -> Limit:
    """The lowest limit that is not among those moved already."""
    return min((each for each in limits_ if each.moved_by not in moved), key=lambda each: each.rate)


def _framing(measured: Measured, assumed: Assumed, defaults: Defaults) -> float:
    """The rate whose workers need so many partitions, by CPU alone, that a frame holds two hops."""
    partitions = defaults.partitions
    while hops_a_frame(measured, defaults, partitions) > _SMALL_FRAME:
        partitions += 12
    workers = partitions / assumed.spare_partitions
    return workers * assumed.utilisation * 1e6 / worker_us(measured, defaults, partitions)
