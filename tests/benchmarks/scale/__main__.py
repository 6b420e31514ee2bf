"""`make scale`: what 1 k, 100 k and 10 M spans a second need. Renews the page of this folder."""

from __future__ import annotations

import argparse
import json
import os

from rich.console import Console

from tests.benchmarks import document
from tests.benchmarks.scale import chart, constants, tables
from tests.benchmarks.scale.constants import BENCH, HERE, Assumed, Defaults, Measured
from tests.benchmarks.scale.limits import limits
from tests.benchmarks.scale.plan import plan
from tests.benchmarks.scale.queueing import Compared, compare
from tests.benchmarks.sheet import Sheet
from tests.benchmarks.world import World

PAGE = HERE / "README.md"
_RECORDS = 200_000
"""Simulated, at each rate."""
_FEWER = (1.0, 0.9, 0.8, 0.7)
_TOO_FEW = 0.55
_console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__)
    parser.add_argument(
        "--measure", action="store_true", help="first measure the sizes anew: half a minute"
    )
    _renew_constants(parser.parse_args().measure)
    measured, sources = constants.load()
    assumed, defaults = Assumed(), Defaults()
    ends = limits(measured, assumed, defaults)
    rows = _compared(measured, assumed, defaults)
    sheets: dict[str, Sheet] = {
        "plan": tables.plans(measured, assumed, defaults),
        "limits": tables.ladder(ends, measured, assumed),
        "queue": tables.compared(rows),
        "constants": tables.constants(measured, sources),
    }
    page = PAGE.read_text("utf-8")
    for name, sheet in sheets.items():
        _console.print(sheet.as_rich())
        page = document.put(page, name, sheet.as_markdown())
    PAGE.write_text(page, "utf-8")
    chart.draw(ends, tables.RATES, [each for rate, each in rows if rate == "100 k"])
    _console.print(f"renewed: {os.path.relpath(PAGE)}", markup=False)


def _renew_constants(anew: bool) -> None:
    """From the last full `make bench` of this folder, and from `sizes` where asked."""
    measured, sources = constants.load()
    values = {name: getattr(measured, name) for name in measured.__struct_fields__}
    if BENCH.exists():
        bench = json.loads(BENCH.read_text("utf-8"))
        found = constants.of_bench(bench)
        values |= found
        sources |= dict.fromkeys(found, f"`make bench`, {bench['date'][:10]}")
    if anew:
        from tests.benchmarks.scale.sizes import measure

        found = measure()
        values |= found
        sources |= dict.fromkeys(found, "`make scale ARGS=--measure`")
    constants.store(values, sources)


def _compared(
    measured: Measured, assumed: Assumed, defaults: Defaults
) -> list[tuple[str, Compared]]:
    """Each rate with the workers that its CPU needs; the middle one with fewer, too."""
    world = World(seed=5, start=1_795_000_000)
    lengths = [len(world.chain().spans) for _ in range(400)]
    rows = []
    for name, rate in tables.RATES.items():
        needed = plan(rate, measured, assumed, defaults)
        for share in (*_FEWER, _TOO_FEW) if name == "100 k" else (1.0,):
            workers = max(1, round(needed.for_cpu * share))
            seconds = _RECORDS * 256 / rate
            rows.append(
                (name, compare(needed, measured, assumed, workers, lengths, seconds=seconds))
            )
    return rows


if __name__ == "__main__":
    main()
