"""What a rate of spans needs: partitions, workers, brokers, disk and money. Pure arithmetic."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from tests.benchmarks.scale.constants import Assumed, Defaults, Measured

DAY = 86_400.0
_HOURS_A_MONTH = 730.0
_MONTH = _HOURS_A_MONTH * 3_600
_TOPICS = 4
_KEYED = 2
"""Frames go to hops and to tokens."""


class Plan(NamedTuple):
    """For one rate. Sizes in bytes, money in dollars a month."""

    rate: float
    partitions: int
    """Of each topic."""
    hops_a_frame: float
    worker_us: float
    """CPU a span, with frames as small as that many partitions make them."""
    for_cpu: int
    """Workers, one core each."""
    for_state: int
    live_hops: float
    live_bytes: float
    writers: int
    """Cores of writing; more than one needs another table than one DuckDB file."""
    brokers: int
    kafka_bytes: float
    """On all brokers' disks, replicas included."""
    lineage_bytes: float
    crossing_bytes_a_second: float
    """Between zones."""
    money: dict[str, float]

    @property
    def workers(self) -> int:
        return max(self.for_cpu, self.for_state)


def hops_a_frame(measured: Measured, defaults: Defaults, partitions: float) -> float:
    """A delivery's hops fall on the partitions at random; a frame holds those of one of them."""
    delivery = defaults.delivery_bytes / measured.otlp_bytes
    empty: float = (1 - 1 / partitions) ** delivery
    return delivery / (partitions * (1 - empty))


def worker_us(measured: Measured, defaults: Defaults, partitions: float) -> float:
    """CPU a span. It was measured with the default partitions; more of them make more frames."""
    more = 1 / hops_a_frame(measured, defaults, partitions) - 1 / hops_a_frame(
        measured, defaults, defaults.partitions
    )
    return measured.worker_us + _KEYED * (measured.frame_us + measured.record_us) * more


def wire_bytes(measured: Measured) -> dict[str, float]:
    """Bytes a span on each topic, compressed."""
    return {
        "spans": measured.otlp_zstd_bytes,
        "hops": measured.hops_lz4_bytes,
        "tokens": measured.tokens_lz4_bytes,
        "findings": measured.finding_bytes,
    }


def plan(rate: float, measured: Measured, assumed: Assumed, defaults: Defaults) -> Plan:
    """What `rate` spans a second need."""
    live_hops = rate * assumed.live_seconds
    live_bytes = live_hops * measured.live_bytes
    for_state = ceil(live_bytes / (assumed.state_gib * 2**30))
    for_cpu, partitions = _spread(rate, for_state, measured, assumed, defaults)
    produced = rate * sum(wire_bytes(measured).values())
    brokers = _brokers(rate, produced, partitions, measured, assumed)
    writers = ceil(rate / measured.writer_rows_a_second / assumed.utilisation)
    kafka = rate * assumed.replication * DAY * _byte_days(measured, assumed)
    lineage = rate * measured.row_bytes * assumed.lineage_days * DAY
    crossing = _crossing(rate, produced, measured, assumed)
    workers = max(for_cpu, for_state)
    one_file = writers == 1 and lineage <= assumed.volume_bytes
    a_gb = assumed.disk_gb_month if one_file else assumed.object_gb_month
    cores = assumed.core_hour * _HOURS_A_MONTH
    money = {
        "workers": workers * cores,
        "writers": writers * cores,
        "brokers": brokers * assumed.broker_cores * cores,
        "Kafka's disks": kafka / 1e9 * assumed.disk_gb_month,
        "lineage": lineage / 1e9 * a_gb,
        "between zones": crossing * _MONTH / 1e9 * assumed.zone_gb,
    }
    return Plan(
        rate, partitions, hops_a_frame(measured, defaults, partitions),
        worker_us(measured, defaults, partitions), for_cpu, for_state, live_hops, live_bytes,
        writers, brokers, kafka, lineage, crossing, money,
    )  # fmt: skip


def _spread(
    rate: float, for_state: int, measured: Measured, assumed: Assumed, defaults: Defaults
) -> tuple[int, int]:
    """Workers for CPU, and partitions: more workers make more partitions, these smaller frames,
    and these more work. It grows to a fixed point, since a frame holds one hop at least.
    """
    partitions = defaults.partitions
    while True:
        cost = worker_us(measured, defaults, partitions)
        for_cpu = ceil(rate * cost / 1e6 / assumed.utilisation)
        wanted = assumed.spare_partitions * max(for_cpu, for_state)
        wanted = max(defaults.partitions, ceil(wanted / 12) * 12)
        if wanted <= partitions:
            return for_cpu, partitions
        partitions = wanted


def _brokers(
    rate: float, produced: float, partitions: int, measured: Measured, assumed: Assumed
) -> int:
    """By bytes, by CPU and by partitions, whichever asks for most; three at least."""
    replicas = partitions * _TOPICS * assumed.replication
    cores = rate * measured.broker_us / 1e6 / assumed.utilisation
    return max(
        assumed.replication,
        ceil(produced / assumed.broker_bytes_a_second),
        ceil(cores / assumed.broker_cores),
        ceil(replicas / assumed.broker_partitions),
    )


def _byte_days(measured: Measured, assumed: Assumed) -> float:
    """Bytes of a span on each topic, times the days they stay."""
    days = {
        "spans": assumed.raw_days,
        "hops": assumed.keyed_days,
        "tokens": assumed.keyed_days,
        "findings": assumed.findings_days,
    }
    return sum(size * days[topic] for topic, size in wire_bytes(measured).items())


def _crossing(rate: float, produced: float, measured: Measured, assumed: Assumed) -> float:
    """Bytes between zones: replicas stand in other zones, and two clients of three as well.

    Hops are read twice, by workers and by the writer.
    """
    read = (produced + rate * measured.hops_lz4_bytes) * assumed.readers
    elsewhere = 1 - 1 / assumed.replication
    return produced * (assumed.replication - 1) + elsewhere * (produced + read)
