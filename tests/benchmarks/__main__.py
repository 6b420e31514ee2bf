"""`make bench`: throughput, latency and memory, side by side with the ceiling.

Never fails on time: the exit status is 1 only where an output is not what it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tests.benchmarks import latency, memory, report, stages, throughput
from tests.benchmarks.expected import Different, expect
from tests.benchmarks.load import Load, hops_of, make
from tests.brokers import Broker, choose

_console = Console(highlight=False, soft_wrap=True)


class Size(NamedTuple):
    """How much of everything."""

    spans: int
    small_spans: int
    """In records of 10 spans."""
    times: int
    latency_seconds: float
    engine_hops: int
    lengths: tuple[int, ...]


FULL = Size(60_000, 40_000, 3, 15.0, 60_000, (10, 1_000, 10_000))
QUICK = Size(15_000, 0, 1, 6.0, 15_000, (10, 1_000))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one small run of each, about a minute"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there")
    parser.add_argument("--seed", type=int, default=7, help="another load; the default is 7")
    options = parser.parse_args()
    broker = choose()
    try:
        _tell(f"broker: {broker.name}")
        done = _run(broker, QUICK if options.quick else FULL, options.seed)
    except Different as why:
        _console.print(f"the output is not what it must be: {why}", markup=False, style="red")
        return 1
    finally:
        broker.close()
    report.show(_console, done)
    if options.json is not None:
        text = json.dumps(report.as_json(done), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", "utf-8")
        _console.print(f"JSON: {options.json}", markup=False)
    return 0


def _run(broker: Broker, size: Size, seed: int) -> report.Report:
    before = os.getloadavg()[0]
    load = _load(seed, size.spans, 256)
    rows = [throughput.measure(broker.bootstrap, load, expect(load), size.times, _tell)]
    if size.small_spans:
        small = _load(seed, size.small_spans, 10)
        rows.append(throughput.measure(broker.bootstrap, small, expect(small), size.times, _tell))
    half = rows[0].grantline_a_second / 2
    # At least some tens of findings, so that a percentile means something.
    paced = _load(seed + 1, max(6_000, int(half * size.latency_seconds)), 256)
    slow = latency.measure(broker.bootstrap, paced, expect(paced), half, _tell)
    _tell("stages and memory")
    return report.Report(
        broker=broker.name,
        quick=size is QUICK,
        seed=seed,
        load_average=(before, os.getloadavg()[0]),
        throughput=rows,
        latency=slow,
        memory=memory.measure(hops_of(load.records)),
        stages=stages.stages(load),
        lengths=stages.lengths(size.engine_hops, size.lengths),
    )


def _load(seed: int, spans: int, batch: int) -> Load:
    _tell(f"making {spans:,} spans in records of {batch}, and what must come of them")
    return make(seed, spans, batch)


def _tell(text: str) -> None:
    _console.print(f"[dim]{time.strftime('%X')}[/]  {text}")


if __name__ == "__main__":
    raise SystemExit(main())
