"""The picture of a soak: what was sent, how long it took, what it held and what it owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tests.benchmarks.soak.verdict import CPU

_INK = "#1b2a41"
_COLOURS = ("#324a5f", "#c38d4f", "#7d9a8c", "#a44a3f")
Series = Mapping[str, Sequence[float]]


def draw(series: Series, judged: tuple[int, int] | None, path: Path) -> None:
    """`series`: figure -> one value a minute; `judged`: the minutes that the verdict is about."""
    figure = Figure(figsize=(10, 12), layout="constrained")
    rate, latency, cpu, memory, lag = figure.subplots(5, 1, sharex=True)
    _lines(rate, series, ("spans a second", "rows a second"), "A second")
    _lines(
        latency, series, ("finding p50 ms", "finding p99 ms", "row p50 ms", "row p99 ms"),
        "Milliseconds from the span produced to",
    )  # fmt: skip
    used = [name for name in series if name.endswith(CPU)]
    _lines(cpu, series, used, f"{CPU} a span; the load's is the machine's own measure")
    held = memory.twinx()
    held.plot(_minutes(series), series["live hops"], color=_COLOURS[2], linestyle=":")
    held.set_ylim(0, 1.15 * max(series["live hops"]) or 1)
    _plain(held)
    # For the legend of the other axes.
    memory.plot([], [], color=_COLOURS[2], linestyle=":", label="live hops, at the right")
    _lines(memory, series, ("worker MiB", "writer MiB"), "Resident, MiB")
    names = [name for name in series if name.startswith("lag of ")]
    _lines(lag, series, names, "Records not yet committed, the most of each minute")
    lag.set_xlabel("minute", color=_INK)
    lag.xaxis.set_major_locator(MaxNLocator(integer=True))
    if judged is not None:
        for axes in (rate, latency, cpu, memory, lag):
            axes.axvspan(*judged, color=_COLOURS[2], alpha=0.12, linewidth=0)
    figure.savefig(path, dpi=110)


def _minutes(series: Series) -> range:
    return range(1, len(next(iter(series.values()))) + 1)


def _lines(axes: Axes, series: Series, names: Sequence[str], title: str) -> None:
    for name, colour in zip(names, _COLOURS, strict=False):
        axes.plot(
            _minutes(series), series[name], color=colour, marker=".",
            label=name.removeprefix("lag of ").removesuffix(f" {CPU}"),
        )  # fmt: skip
    axes.set_ylim(0, 1.15 * max(max(series[name]) for name in names) or 1)
    axes.set_title(title, loc="left", color=_INK, fontsize=10)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1.0, 0.97))
    _plain(axes)


def _plain(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False, right=False, labelsize=8, colors=_INK)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
