"""The report: where and when, tables for people, JSON for everything else."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from grantline import __version__
from grantline.wire.otlp import decoder
from tests.benchmarks.sheet import Part

_LIBRARIES = ("faust-streaming", "aiokafka", "confluent-kafka", "duckdb", "msgspec", "protobuf")


class Where(NamedTuple):
    """What the figures were taken on and under."""

    broker: str
    quick: bool
    seed: int
    load_average: tuple[float, float]
    """Of the machine over the last minute: before and after."""
    when: datetime


def where(broker: str, quick: bool, seed: int, before: float) -> Where:
    """Now, on this machine."""
    now = datetime.now(UTC)
    return Where(broker, quick, seed, (round(before, 1), round(os.getloadavg()[0], 1)), now)


def as_json(where: Where, parts: Mapping[str, Part]) -> dict[str, Any]:
    """Everything, with where and when it was measured."""
    return {
        "date": where.when.isoformat(timespec="seconds"),
        "grantline": __version__,
        "machine": machine(),
        "decoder": decoder(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "broker": where.broker,
        "quick": where.quick,
        "seed": where.seed,
        "load_average": where.load_average,
        **{name: part.data for name, part in parts.items()},
    }


def show(console: Console, where: Where, parts: Mapping[str, Part]) -> None:
    """The tables."""
    console.print(f"\n{in_words(where)}")
    for part in parts.values():
        for sheet in part.sheets:
            console.print()
            console.print(sheet.as_rich())


def in_words(where: Where) -> str:
    """One sentence for under a table."""
    here = machine()
    return (
        f"{here['processor']}, {here['cores']} cores, {here['memory_gib']} GiB, {here['system']}, "
        f"Python {here['python']}, {decoder()} decoder; {where.broker}; load average before {where.load_average[0]:.1f}, "
        f"after {where.load_average[1]:.1f}; {where.when:%Y-%m-%d %H:%M} UTC"
    )


def machine() -> dict[str, Any]:
    """What it ran on; nothing that names the machine itself."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")
