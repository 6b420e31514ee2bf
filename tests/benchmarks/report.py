"""The report: tables for people, JSON for everything else."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from grantline import __version__
from tests.benchmarks.latency import Latency
from tests.benchmarks.memory import Memory
from tests.benchmarks.stages import Length, Stage
from tests.benchmarks.throughput import Throughput

_LIBRARIES = ("faust-streaming", "aiokafka", "confluent-kafka", "duckdb", "msgspec", "protobuf")


class Report(NamedTuple):
    """One run of the benchmark."""

    broker: str
    quick: bool
    seed: int
    load_average: tuple[float, float]
    """Of the machine over the last minute: before and after."""
    throughput: list[Throughput]
    latency: Latency
    memory: Memory
    stages: list[Stage]
    lengths: list[Length]


def as_json(report: Report) -> dict[str, Any]:
    """Everything, with where and when it was measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "grantline": __version__,
        "machine": machine(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "broker": report.broker,
        "quick": report.quick,
        "seed": report.seed,
        "load_average": report.load_average,
        "throughput": [
            _plain(row)
            | {
                "ceiling_spans_per_second": round(row.ceiling_a_second),
                "grantline_spans_per_second": round(row.grantline_a_second),
                "ratio": round(row.ratio, 4),
                "cpu_microseconds_per_span": _plain(row.cpu_microseconds),
            }
            for row in report.throughput
        ],
        "latency_ms": _plain(report.latency),
        "memory_bytes_per_live_hop": _plain(report.memory) | {"both": report.memory.both},
        "stages_microseconds_per_span": {stage.name: stage.microseconds for stage in report.stages},
        "chain_length_microseconds_per_hop": [_plain(row) for row in report.lengths],
    }


def machine() -> dict[str, Any]:
    """What it ran on; nothing that names the machine itself."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def show(console: Console, report: Report) -> None:
    """The tables."""
    where = machine()
    console.print(
        f"\n{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB, "
        f"Python {where['python']}; broker: {report.broker}; load average before "
        f"{report.load_average[0]:.1f}, after {report.load_average[1]:.1f}; "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )
    console.print(_throughput(report.throughput))
    console.print(_latency(report.latency))
    console.print(_stages(report.stages))
    console.print(_lengths(report.lengths))
    memory = report.memory
    console.print(
        f"Memory: {memory.both:,.0f} bytes a live hop (chains {memory.chains:,.0f}, tokens "
        f"{memory.tokens:,.0f}), resident, with {memory.hops:,} hops"
    )


def _throughput(rows: Sequence[Throughput]) -> Table:
    table = Table(title="Throughput, spans/s: median (each run)", title_justify="left")
    for name in ("spans a record", "ceiling", "Grantline", "ratio", "CPU µs a span", "findings"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.batch),
            _runs(row.spans, [run.seconds for run in row.ceiling]),
            _runs(row.spans, [run.seconds for run in row.grantline]),
            f"{row.ratio:.2f}",
            ", ".join(f"{name} {used:.0f}" for name, used in row.cpu_microseconds.items()),
            f"{row.findings:,} in {row.finding_messages:,} messages",
        )
    return table


def _runs(spans: int, seconds: Sequence[float]) -> str:
    each = ", ".join(f"{spans / second:,.0f}" for second in seconds)
    return f"{spans / median(seconds):,.0f} ({each})"


def _latency(latency: Latency) -> Table:
    table = Table(
        title=f"Latency, ms, at {latency.spans_a_second:,.0f} spans/s in records of "
        f"{latency.batch}",
        title_justify="left",
    )
    for name in ("from the span produced to", "p50", "p95", "p99", "samples"):
        table.add_column(name, justify="right")
    for what, measured in (("finding readable", latency.findings), ("row in SQL", latency.rows)):
        figures = (measured.p50, measured.p95, measured.p99)
        table.add_row(what, *(f"{figure:,.0f}" for figure in figures), f"{measured.samples:,}")
    return table


def _stages(stages: Sequence[Stage]) -> Table:
    table = Table(title="Where the time goes, one stage at a time", title_justify="left")
    table.add_column("stage")
    table.add_column("µs a span", justify="right")
    for stage in stages:
        table.add_row(stage.name, f"{stage.microseconds:.1f}")
    return table


def _lengths(lengths: Sequence[Length]) -> Table:
    table = Table(title="Chain engine by length of chain, µs a hop", title_justify="left")
    for name in ("hops a chain", "fold", "rules", "both"):
        table.add_column(name, justify="right")
    for row in lengths:
        both = row.fold + row.rules
        table.add_row(f"{row.hops:,}", f"{row.fold:.1f}", f"{row.rules:.1f}", f"{both:.1f}")
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(field) for name, field in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")
