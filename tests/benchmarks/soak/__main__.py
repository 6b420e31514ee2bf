"""`make soak`: half of full load for as long as you say, and whether anything grows or is lost.

The exit status is 1 where something that was sent is not accounted for, or where memory grows.
Latency is shown and judged, and fails nothing: the machine may have others to serve.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks import document, report
from tests.benchmarks.bench import QUICK, Bench
from tests.benchmarks.ours import NAME
from tests.benchmarks.session import console, on_a_broker, tell
from tests.benchmarks.sheet import Part, plain
from tests.benchmarks.soak import chart, settings, tables
from tests.benchmarks.soak.run import Plan, Soaked, soak
from tests.benchmarks.soak.verdict import Verdict, as_json, judge
from tests.benchmarks.soak.watch import Minute
from tests.brokers import Broker

CHART = Path(__file__).with_name("soak.png")
_BENCH = Path(".grantline/bench.json")
_JSON = Path(".grantline/soak.json")


def main() -> int:
    options = _options()
    before = os.getloadavg()[0]

    def measure(broker: Broker) -> tuple[str, Plan, Soaked]:
        rate = options.rate or _half_of_full_load(Bench(broker, QUICK, options.seed, tell))
        plan = Plan(options.minutes, rate, options.batch, options.seed)
        tell(f"{rate:,.0f} spans/s in records of {plan.batch} for {plan.minutes:g} minutes")
        return broker.name, plan, soak(broker, plan, _teller(plan.minutes))

    measured = on_a_broker(measure)
    if measured is None:
        return 1
    broker_name, plan, soaked = measured
    where = report.where(broker_name, False, options.seed, before)
    verdict = _leave(options.json, where, plan, soaked)
    return 0 if verdict.good else 1


def _leave(path: Path, where: report.Where, plan: Plan, soaked: Soaked) -> Verdict:
    """Shown, as JSON and as a chart; on the page, too, where the run was long enough to judge."""
    figures = [minute.figures() for minute in soaked.minutes]
    series = {name: [each[name] for each in figures] for name in figures[0]}
    verdict = judge(series, soaked.accounted, settings.SETTLED_MINUTES)
    part = Part(_data(plan, soaked, verdict), [*tables.minutes(series), tables.verdict(verdict)])
    report.show(console, where, {"soak": part})
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.as_json(where, {"soak": part}), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
    chart.draw(series, verdict.judged, path.with_suffix(".png"))
    console.print(f"\nJSON and chart: {path}, {path.with_suffix('.png')}", markup=False)
    if verdict.judged is not None:
        chart.draw(series, verdict.judged, CHART)
        page = document.PAGE.read_text("utf-8")
        text = tables.section(plan, part.sheets, report.in_words(where))
        document.PAGE.write_text(document.put(page, "soak", text), "utf-8")
        console.print(f"renewed: {os.path.relpath(document.PAGE)}", markup=False)
    return verdict


def _data(plan: Plan, soaked: Soaked, verdict: Verdict) -> dict[str, Any]:
    return {
        "plan": plain(plan),
        "settings": settings.in_words(),
        "minutes": plain(soaked.minutes),
        "verdict": plain(as_json(verdict)),
    }


def _half_of_full_load(bench: Bench) -> float:
    """What the last `make bench` here says, or a short measurement."""
    if _BENCH.exists():
        loads = json.loads(_BENCH.read_text("utf-8")).get("throughput", {}).get("loads", ())
        for load in loads:
            if load["batch"] == 256:
                return float(load["contenders"][NAME]["spans_per_second"]) / 2
    return bench.full_load() / 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=20.0,
        help=f"of load; the default is 20, and drift is judged from {settings.least_minutes()} on",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, metavar="SPANS",
        help="a second; half of what .grantline/bench.json says, or of a short measurement",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=256, help="spans a record; 256")
    parser.add_argument("--seed", type=int, default=7, help="another load; the default is 7")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=_JSON,
        help=f"everything measured, the chart beside it: {_JSON}",
    )  # fmt: skip
    options = parser.parse_args()
    if options.minutes < 1:
        parser.error("--minutes: at least one, since figures are taken by the minute")
    return options


def _teller(minutes: float) -> Callable[[Minute], None]:
    numbers = count(1)
    return lambda minute: tell(f"minute {next(numbers)} of {minutes:g}: {minute.in_words()}")


if __name__ == "__main__":
    raise SystemExit(main())
