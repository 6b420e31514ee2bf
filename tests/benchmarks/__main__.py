"""`make bench`: throughput, latency, growth and memory, side by side with others that could do it.

Never fails on time: the exit status is 1 only where an output is not what it must be.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks import (
    apart,
    charts,
    document,
    emit,
    growth,
    latency,
    memory,
    recovery,
    report,
    stages,
    throughput,
)
from tests.benchmarks.bench import FULL, QUICK, Bench
from tests.benchmarks.session import console, on_a_broker, tell
from tests.benchmarks.sheet import Part
from tests.brokers import Broker

PARTS: Mapping[str, Callable[[Bench], Part]] = {
    "throughput": throughput.run,
    "apart": apart.run,
    "latency": latency.run,
    "emit": emit.run,
    "growth": growth.run,
    "memory": memory.run,
    "recovery": recovery.run,
    "stages": stages.run,
}
"""In the order in which they run."""
_JSON = Path(".grantline/bench.json")


def main() -> int:
    options = _options()
    before = os.getloadavg()[0]
    names = [name for name in PARTS if name in (options.only or PARTS)]

    def measure(broker: Broker) -> tuple[str, dict[str, Part]]:
        bench = Bench(broker, QUICK if options.quick else FULL, options.seed, tell)
        return broker.name, {name: PARTS[name](bench) for name in names}

    measured = on_a_broker(measure)
    if measured is None:
        return 1
    broker_name, parts = measured
    where = report.where(broker_name, options.quick, options.seed, before)
    report.show(console, where, parts)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.as_json(where, parts), indent=2, ensure_ascii=False)
    options.json.write_text(text + "\n", "utf-8")
    console.print(f"\nJSON: {options.json}", markup=False)
    if not options.quick:
        _document(where, parts)
    return 0


def _document(where: report.Where, parts: Mapping[str, Part]) -> None:
    """Renews the page of this folder; a short run's figures do not belong there."""
    page = document.PAGE.read_text("utf-8")
    document.PAGE.write_text(document.renew(page, where, parts), "utf-8")
    if {"throughput", "stages"} <= parts.keys() and parts["stages"].data["processes"]:
        charts.draw(parts["throughput"].data, parts["stages"].data)
    console.print(f"renewed: {os.path.relpath(document.PAGE)}", markup=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small run of each: two minutes")
    parser.add_argument(
        "--only", action="append", choices=PARTS, metavar="PART",
        help=f"one of {', '.join(PARTS)}; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=_JSON, help=f"everything measured: {_JSON}"
    )
    parser.add_argument("--seed", type=int, default=7, help="another load; the default is 7")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
