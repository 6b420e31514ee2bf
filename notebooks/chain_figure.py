"""The picture of a chain: the human left, what was done right.

What could not be seen is dashed, what a rule objects to red. Names come from whoever ran the
agents: they are shortened, and never read as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import networkx as nx  # type: ignore[import-untyped]
from chain_graph import HUMAN, Row, done
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Line

from grantline.model.plain import plain

INK, QUIET, FAINT, RED, BLUE = "#1f2937", "#64748b", "#94a3b8", "#c8102e", "#1d4ed8"
PAPER, PALE_RED = "#ffffff", "#fdecee"

# Inches. A column is a box and, before it, room for the scopes that its edge carries.
_BOX, _EDGE, _HUMAN, _ACTION = 1.2, 1.12, 0.66, 2.3
_ROW, _TOP, _FOOT, _MARGIN = 0.58, 0.95, 0.75, 0.2
_LINE, _BEND = 0.135, 0.3
_DASHES: Final = (0, (4, 3))
_KEY: Final = (
    (INK, 2.4, "solid", "from the human to the alert"),
    (RED, 2.4, "solid", "a rule objects"),
    (FAINT, 1.1, "solid", "the rest of the grant"),
    (FAINT, 1.1, _DASHES, "nobody reported it"),
)


def draw_chain(graph: nx.DiGraph, title: str) -> Figure:
    """The picture, as wide and high as the chain asks for."""
    places = _places(graph)
    width = max(x for x, _ in places.values()) + _ACTION + _MARGIN
    height = max(y for _, y in places.values()) + _FOOT
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    _write(axes, _MARGIN, 0.3, title, size=12, weight="bold")
    trail = _trail(graph)
    for giver, taker, edge in graph.edges(data=True):
        start = places[giver][0] + _width(graph.nodes[giver]), places[giver][1]
        _draw_way(axes, start, places[taker], edge, on_trail=(giver, taker) in trail)
        _draw_labels(axes, start[1], places[taker], edge, graph.nodes[taker])
    for name, node in graph.nodes(data=True):
        _DRAW[node["kind"]](axes, *places[name], node)
    _draw_key(axes, height - 0.22)
    return figure


def _places(graph: nx.DiGraph) -> dict[str, tuple[float, float]]:
    """Left middle of each node: a row for each leaf, delegations amid what is below them."""
    steps = nx.single_source_shortest_path_length(graph, HUMAN)
    deepest = max(steps[name] for name, node in graph.nodes(data=True) if node["kind"] != "action")
    rows: dict[str, float] = {}
    leaves = 0
    for name in nx.dfs_postorder_nodes(graph, HUMAN):
        below = [rows[child] for child in graph.successors(name)]
        rows[name] = (min(below) + max(below)) / 2 if below else _TOP + leaves * _ROW
        leaves += not below
    return {
        name: (
            _column(deepest + 1) - 0.12 if node["kind"] == "action" else _column(steps[name]),
            rows[name],
        )
        for name, node in graph.nodes(data=True)
    }


def _column(steps: int) -> float:
    return _MARGIN if steps == 0 else _MARGIN + _HUMAN + _EDGE + (steps - 1) * (_EDGE + _BOX)


def _width(node: Row) -> float:
    return {"human": _HUMAN, "action": 0.0}.get(node["kind"], _BOX)


def _trail(graph: nx.DiGraph) -> set[tuple[str, str]]:
    """The edges from the human to the actions of the alert."""
    ends = {name for name, node in graph.nodes(data=True) if node.get("alert")}
    above = ends.union(*(nx.ancestors(graph, end) for end in ends))
    return {(giver, taker) for giver, taker in graph.edges if taker in above}


def _draw_way(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], edge: Row, *, on_trail: bool
) -> None:
    colour = RED if edge["violations"] else INK if on_trail else FAINT
    (x, y), (right, level) = start, end
    bend = x + _BEND
    way = Line(
        [(x, y), (x + 0.2, y), (bend - 0.2, level), (bend, level), (right - 0.1, level)],
        [Line.MOVETO, Line.CURVE4, Line.CURVE4, Line.CURVE4, Line.LINETO],
    )
    head = Line([(right - 0.12, level), (right - 0.05, level)])
    # The head apart, or its outline would be dashed too.
    for path, arrow, style in (way, "-", edge["unseen"]), (head, "-|>", False):
        axes.add_patch(
            FancyArrowPatch(
                path=path, arrowstyle=arrow, mutation_scale=9, color=colour, fill=arrow != "-",
                linewidth=2.4 if on_trail else 1.1, linestyle=_DASHES if style else "solid",
                zorder=1 + on_trail,
            )
        )  # fmt: skip


def _draw_labels(
    axes: Axes, origin: float, end: tuple[float, float], edge: Row, taker: Row
) -> None:
    """The scopes on the free side of an edge's end, what rules say of it on the other."""
    right, level = end
    if taker["kind"] == "action":
        _write_violations(axes, right - 0.2, level, edge["violations"])
        return
    below = origin < level - 0.01
    scopes = edge["scopes"] if below else edge["scopes"][::-1]
    for number, scope in enumerate(scopes):
        gained = scope in edge["gained"]
        away = 0.12 + number * _LINE
        _write(
            axes, right - 0.12, level + (away if below else -away),
            f"+ {_cut(scope, 16)}" if gained else _cut(scope, 16), size=7.5, colour=RED if gained else QUIET,
            weight="bold" if gained else "normal", side="right",
        )  # fmt: skip
    _write_violations(axes, right - 0.16, level + (-0.15 if below else 0.15), edge["violations"])


def _draw_human(axes: Axes, x: float, y: float, node: Row) -> None:
    _box(axes, x, y, _HUMAN, 0.42, face=BLUE, line=BLUE)
    _write(
        axes, x + _HUMAN / 2, y, _cut(node["name"], 9), colour=PAPER, weight="bold", side="center"
    )


def _draw_agent(axes: Axes, x: float, y: float, node: Row) -> None:
    _box(axes, x, y, _BOX, 0.36)
    _write(axes, x + _BOX / 2, y, _cut(node["name"], 17), weight="bold", size=8.5, side="center")
    notes = f"{node['token']} until {node['until']:%H:%M}" if node["until"] else node["token"]
    _write(axes, x + _BOX / 2, y + 0.28, notes, size=7, colour=QUIET, side="center")
    if node["revoked"]:
        said = f"revoked {node['revoked']:%H:%M}"
        _write(
            axes, x + _BOX / 2, y - 0.27, said, size=7.5, colour=RED, weight="bold", side="center"
        )


def _draw_gap(axes: Axes, x: float, y: float, _node: Row) -> None:
    _box(axes, x, y, _BOX, 0.36, line=QUIET, style=_DASHES)
    _write(axes, x + _BOX / 2, y, "? not seen", size=8.5, colour=QUIET, side="center")


def _draw_action(axes: Axes, x: float, y: float, node: Row) -> None:
    right = x + _ACTION - 0.08
    if node["alert"]:
        _box(axes, x, y, _ACTION, 0.5, face=PALE_RED, line=PALE_RED)
        _write(axes, right, y - 0.1, "the alert", size=7.5, colour=RED, weight="bold", side="right")
    elif node["presenter"] is not None:
        by = f"presented by {_cut(node['presenter'], 20)}"
        _write(axes, right, y - 0.1, by, size=7.5, colour=RED, side="right")
    _write(axes, x + 0.08, y - 0.1, _cut(node["name"], 14), weight="bold", size=8.5)
    _write(axes, x + 0.08, y + 0.1, _cut(done(node), 44), size=7.5, colour=QUIET)


_DRAW: Final[Mapping[str, Any]] = {
    "human": _draw_human, "agent": _draw_agent, "gap": _draw_gap, "action": _draw_action,
}  # fmt: skip


def _draw_key(axes: Axes, y: float) -> None:
    x = _MARGIN
    for colour, width, style, words in _KEY:
        axes.plot([x, x + 0.35], [y, y], color=colour, linewidth=width, linestyle=style)
        _write(axes, x + 0.43, y, words, size=7.5, colour=QUIET)
        x += 0.72 + 0.064 * len(words)
    words = "+ a scope that the delegator did not hold"
    _write(axes, x, y, words, size=7.5, colour=RED, weight="bold")


def _write_violations(axes: Axes, x: float, y: float, violations: list[str]) -> None:
    if violations:
        text = _write(
            axes, x, y, " ".join(violations), size=7, colour=PAPER, weight="bold", side="right"
        )
        text.set_bbox({"facecolor": RED, "edgecolor": RED, "boxstyle": "round,pad=0.25"})


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, *,
    face: str = PAPER, line: str = INK, style: Any = "solid",
) -> None:  # fmt: skip
    axes.add_patch(
        FancyBboxPatch(
            (x, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=face, edgecolor=line, linestyle=style, linewidth=1.1, zorder=3,
        )
    )  # fmt: skip


def _write(
    axes: Axes, x: float, y: float, words: str, *, size: float = 9, colour: str = INK,
    weight: str = "normal", side: Literal["left", "center", "right"] = "left",
) -> Any:  # fmt: skip
    # parse_math: a `$` in a name is a dollar.
    return axes.text(
        x, y, words, size=size, color=colour, weight=weight, ha=side, va="center_baseline",
        parse_math=False, zorder=4,
    )  # fmt: skip


def _cut(name: str, longest: int) -> str:
    """A name that somebody else chose, in at most `longest` characters."""
    name = plain(name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
