"""The picture of one run: who does how much a second, and where Grantline's time goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

CHART = Path(__file__).with_name("bench.png")
_INK = "#1b2a41"
_COLOURS = {256: "#324a5f", 10: "#c38d4f"}


def draw(throughput: Mapping[str, Any], stages: Mapping[str, Any], path: Path = CHART) -> None:
    """From what the JSON says of both parts."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _contenders(left, throughput)
    _stages(right, stages["processes"])
    figure.savefig(path, dpi=120)


def _contenders(axes: Axes, throughput: Mapping[str, Any]) -> None:
    loads = throughput["loads"]
    names = list(loads[0]["contenders"])
    for row, load in enumerate(loads):
        for at, name in enumerate(names):
            rate = load["contenders"].get(name, {}).get("spans_per_second")
            if rate is None:
                continue
            place = at + 0.2 - 0.4 * (row == 0)
            axes.barh(place, rate, 0.38, color=_COLOURS[load["batch"]], label=_label(load, at))
            axes.text(rate, place, f" {rate:,}", va="center", fontsize=8, color=_INK)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_title("Spans a second from a backlog", loc="left", color=_INK)
    axes.legend(frameon=False, loc="center right")
    _plain(axes)


def _label(load: Mapping[str, Any], at: int) -> str:
    # Only bars of the first row name the colour; a leading underscore keeps a label out.
    return f"records of {load['batch']}" if at == 0 else "_"


def _stages(axes: Axes, processes: Mapping[str, Mapping[str, float]]) -> None:
    names = list(processes)
    stages = sorted(
        {stage for each in processes.values() for stage in each},
        key=lambda stage: sum(each.get(stage, 0.0) for each in processes.values()),
    )
    places = range(len(stages))
    before = [0.0] * len(stages)
    for name, colour in zip(names, ("#324a5f", "#c38d4f", "#7d9a8c"), strict=False):
        widths = [processes[name].get(stage, 0.0) for stage in stages]
        axes.barh(places, widths, 0.7, left=before, color=colour, label=name)
        before = [start + width for start, width in zip(before, widths, strict=True)]
    axes.set_yticks(places, stages)
    axes.set_title("CPU µs a span under full load", loc="left", color=_INK)
    axes.legend(frameon=False, loc="lower right")
    _plain(axes)


def _plain(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False, labelsize=9, colors=_INK)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
