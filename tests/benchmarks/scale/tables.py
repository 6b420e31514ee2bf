"""The page's tables, from plans, limits and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tests.benchmarks.scale.constants import Assumed, Defaults, Measured
from tests.benchmarks.scale.limits import MACHINES, TABLE, Limit, first, hottest_chain
from tests.benchmarks.scale.plan import Plan, plan
from tests.benchmarks.scale.queueing import Compared
from tests.benchmarks.sheet import Sheet

RATES = {"1 k": 1e3, "100 k": 1e5, "10 M": 1e7}
_MOVED = {
    "1 k": frozenset[str](),
    "100 k": frozenset({MACHINES}),
    "10 M": frozenset({MACHINES, TABLE}),
}
"""What has been done by then about the limits below."""
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes in words, to two digits."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count /= 1000
        power += 1
    return f"{count:.0f} {_UNITS[power]}" if count >= 9.95 else f"{count:.1f} {_UNITS[power]}"


def plans(measured: Measured, assumed: Assumed, defaults: Defaults) -> Sheet:
    """The three rates, with the default lateness and with an hour's."""
    hour = msgspec.structs.replace(assumed, lateness_seconds=3_600.0)
    long, short = (
        [plan(rate, measured, each, defaults) for rate in RATES.values()]
        for each in (assumed, hour)
    )
    return Sheet(
        "Spans a second",
        ("", *RATES),
        [
            ("partitions of each topic", *(f"{each.partitions:,}" for each in long)),
            ("hops a frame", *(f"{each.hops_a_frame:.0f}" for each in long)),
            ("workers for CPU", *(f"{each.for_cpu:,}" for each in long)),
            ("workers for live state, kept 25 hours", *(f"{each.for_state:,}" for each in long)),
            ("live state", *(size(each.live_bytes) for each in long)),
            ("writing rows, cores", *(f"{each.writers:,}" for each in long)),
            ("brokers of 8 cores", *(f"{each.brokers:,}" for each in long)),
            ("on brokers' disks, 3 replicas", *(size(each.kafka_bytes) for each in long)),
            ("lineage, 30 days", *(size(each.lineage_bytes) for each in long)),
            ("between zones, a second", *(size(each.crossing_bytes_a_second) for each in long)),
            *_money(long),
            ("**state kept 2 hours**: workers", *(f"{each.workers:,}" for each in short)),
            ("partitions", *(f"{each.partitions:,}" for each in short)),
            ("brokers", *(f"{each.brokers:,}" for each in short)),
            ("$ a month, all", *(_dollars(sum(each.money.values())) for each in short)),
        ],
    )


def _money(plans_: Sequence[Plan]) -> list[tuple[str, ...]]:
    rows = [
        (f"$ a month, {name}", *(_dollars(each.money[name]) for each in plans_))
        for name in plans_[0].money
    ]
    return [*rows, ("$ a month, all", *(_dollars(sum(each.money.values())) for each in plans_))]


def _dollars(amount: float) -> str:
    return f"{float(f'{amount:.2g}'):,.0f}"


def ladder(limits: list[Limit], measured: Measured, assumed: Assumed) -> Sheet:
    """The limits, and which is the first at each rate."""
    chain = hottest_chain(measured, assumed)
    firsts: dict[Limit, list[str]] = {}
    for name, moved in _MOVED.items():
        firsts.setdefault(first(limits, moved), []).append(name)
    return Sheet(
        "What ends where",
        ("", "spans/s", "moved by", "the first at"),
        [
            (each.what, f"{each.rate:,.0f}", each.moved_by, ", ".join(firsts.get(each, ())))
            for each in limits
        ],
        [f"Nothing moves this: one chain is one worker's, {chain:,.0f} spans a second at most."],
    )


def compared(rows: Sequence[tuple[str, Compared]]) -> Sheet:
    """Computed / simulated."""
    return Sheet(
        "The busiest worker, computed / simulated",
        ("spans/s", "workers", "skew", "of its core", "p99 of one pass, ms", "lag at the end, s"),
        [
            (
                rate,
                f"{each.workers:,}",
                f"{each.skew[0]:.2f} / {each.skew[1]:.2f}",
                f"{each.utilisation[0]:.2f} / {each.utilisation[1]:.2f}",
                "grows" if each.p99_ms is None else f"{each.p99_ms[0]:.0f} / {each.p99_ms[1]:.0f}",
                f"{each.lag_seconds[0]:.1f} / {each.lag_seconds[1]:.1f}",
            )
            for rate, each in rows
        ],
    )


def constants(measured: Measured, sources: Mapping[str, str]) -> Sheet:
    """Every measured constant and where it came from."""
    return Sheet(
        "Measured constants",
        ("", "value", "from"),
        [(name, f"{value:,g}", sources[name]) for name, value in _fields(measured)],
    )


def _fields(measured: Measured) -> list[tuple[str, float]]:
    values: dict[str, float] = msgspec.structs.asdict(measured)
    return list(values.items())
