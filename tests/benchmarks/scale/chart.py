"""The picture: where each part of the design ends, and what fewer workers do to waiting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.scale.constants import HERE
from tests.benchmarks.scale.limits import ENGINE, MACHINES, TABLE, Limit
from tests.benchmarks.scale.queueing import Compared

CHART = HERE / "scale.png"
_INK = "#1b2a41"
_COLOURS = {MACHINES: "#7d9a8c", TABLE: "#c38d4f", ENGINE: "#324a5f"}


def draw(
    limits: Sequence[Limit], rates: dict[str, float], curve: Sequence[Compared], path: Path = CHART
) -> None:
    """`curve`: the same rate with more and fewer workers, all of which keep up."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _ends(left, limits, rates)
    _waiting(right, curve)
    figure.savefig(path, dpi=120)


def _ends(axes: Axes, limits: Sequence[Limit], rates: dict[str, float]) -> None:
    named: set[str] = set()
    for at, limit in enumerate(limits):
        label = "_" if limit.moved_by in named else f"moved by {limit.moved_by}"
        named.add(limit.moved_by)
        axes.barh(at, limit.rate, 0.6, color=_COLOURS[limit.moved_by], label=label)
        axes.text(limit.rate, at, f" {limit.rate:,.0f}", va="center", fontsize=8, color=_INK)
    for name, rate in rates.items():
        axes.axvline(rate, color=_INK, linewidth=0.8, linestyle=":")
        axes.text(rate, -0.6, name, ha="center", va="bottom", fontsize=8, color=_INK)
    axes.set_xscale("log")
    axes.set_xlim(100, 3e7)
    axes.set_yticks(range(len(limits)), [limit.what for limit in limits])
    axes.set_ylim(len(limits) - 0.5, -0.6)
    axes.set_title("Spans a second at which it ends", loc="left", color=_INK, pad=16)
    axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.3, -0.08))
    _plain(axes)


def _waiting(axes: Axes, curve: Sequence[Compared]) -> None:
    held = [each for each in curve if each.p99_ms is not None]
    workers = [each.workers for each in held]
    computed = [each.p99_ms[0] for each in held if each.p99_ms]
    simulated = [each.p99_ms[1] for each in held if each.p99_ms]
    axes.plot(workers, computed, color="#c38d4f", label="computed")
    axes.plot(workers, simulated, "o", color="#324a5f", label="simulated")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("workers", color=_INK)
    axes.set_title("At 100 k: p99 ms of one pass, busiest worker", loc="left", color=_INK)
    axes.legend(frameon=False)
    _plain(axes)


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=9, colors=_INK)
