"""When each token of a chain was used, by whom, and against the moment it was revoked.

Takes rows of the `tokens` and `uses` views. One lane a token, over its lifetime.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grantline.model.plain import plain
from grantline.draw.values import short

INK, QUIET, FAINT, RED = "#1f2937", "#64748b", "#94a3b8", "#c8102e"
PAPER, PALE_RED = "#ffffff", "#fdecee"

Row = dict[str, Any]

_LANE: Final = 0.62
"""Inches."""
_NAME: Final = "token_fingerprint"
_GRAVE: Final = frozenset({"high", "critical"})


def draw_timeline(
    tokens: Sequence[Row], uses: Sequence[Row], revoked: datetime, title: str
) -> Figure:
    """One lane for each of `tokens` (fingerprint, actor, issued and expiry), in their order.

    `uses` are calls as the called systems saw them, with the `violations` that `chain()` gives;
    `revoked` is when the grant ended. What a rule objects to is red, and named at the first time.
    """
    height = 1.75 + _LANE * len(tokens)
    figure = Figure(figsize=(11.5, height), facecolor=PAPER)
    bottom, top = 0.85 / height, 1 - 0.95 / height
    axes = figure.add_axes((0.155, bottom, 0.825, top - bottom))
    start, end = _span(tokens, uses)
    axes.set(xlim=(_x(start), _x(end)), ylim=(len(tokens) - 0.5, -0.5))
    axes.axvspan(_x(revoked), _x(end), color=PALE_RED, zorder=0)
    axes.axvline(_x(revoked), color=RED, linewidth=1.6, zorder=1)
    for lane, token in enumerate(tokens):
        _draw_lane(axes, lane, token, end)
        _draw_uses(axes, lane, [use for use in uses if use[_NAME] == token[_NAME]])
    _dress(axes, tokens)
    figure.text(
        0.015, 1 - 0.32 / height, title, size=12, weight="bold", color=INK, parse_math=False
    )
    axes.annotate(
        f"revoked {revoked:%H:%M}", (_x(revoked), -0.5), (0, 5), textcoords="offset points",
        color=RED, size=9, weight="bold", ha="center",
    )  # fmt: skip
    _draw_key(figure, height)
    return figure


def _x(moment: datetime) -> float:
    return float(date2num(moment))  # type: ignore[no-untyped-call]


def _span(tokens: Sequence[Row], uses: Sequence[Row]) -> tuple[datetime, datetime]:
    """From the first issue to the last use, and a little room."""
    room = timedelta(minutes=20)
    moments = [use["seen_at"] for use in uses] + [token["issued_at"] for token in tokens]
    return min(moments) - room, max(moments) + room


def _draw_lane(axes: Axes, lane: int, token: Row, end: datetime) -> None:
    until = min(token["expires_at"], end)
    issued, expires = _x(token["issued_at"]), _x(until)
    axes.plot([issued, expires], [lane, lane], color=FAINT, linewidth=1.2, zorder=1)
    axes.plot([issued], [lane], marker="|", color=FAINT, markersize=9, zorder=1)
    if until < end:
        axes.plot([expires], [lane], marker="|", color=INK, markersize=12, zorder=2)
        axes.annotate(
            "expires", (expires, lane), (0, -15), textcoords="offset points", size=7.5,
            color=QUIET, ha="center",
        )  # fmt: skip


def _draw_uses(axes: Axes, lane: int, uses: Sequence[Row]) -> None:
    told: set[str] = set()
    for use in sorted(uses, key=lambda use: use["seen_at"]):
        colour, at = RED if use["violations"] else INK, _x(use["seen_at"])
        axes.plot(
            [at], [lane], marker="D" if use["action_risk"] in _GRAVE else "o", linestyle="none",
            markersize=6.5, color=PAPER if use["refused"] else colour, markeredgecolor=colour,
            markeredgewidth=1.3, zorder=3,
        )  # fmt: skip
        if new := [name for name in use["violations"] if name not in told]:
            told.update(new)
            axes.annotate(
                "\n".join(new), (at, lane), (0, 7), textcoords="offset points", size=7.5,
                color=RED, weight="bold", ha="center", parse_math=False,
            )  # fmt: skip


def _dress(axes: Axes, tokens: Sequence[Row]) -> None:
    axes.set_yticks(range(len(tokens)), [""] * len(tokens))
    for lane, token in enumerate(tokens):
        for words, down, size, colour in (
            (plain(token["actor_id"] or "?")[:24], 1, 9, INK),
            (f"token {short(token['token_fingerprint'])}", -10, 7.5, QUIET),
        ):
            axes.annotate(
                words, (0, lane), (-12, down), xycoords=axes.get_yaxis_transform(),
                textcoords="offset points", size=size, color=colour, ha="right",
                weight="bold" if colour == INK else "normal", parse_math=False,
            )  # fmt: skip
    axes.xaxis.set_major_locator(HourLocator())  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.tick_params(length=0, colors=QUIET, labelsize=8.5)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="#e2e8f0", linewidth=0.8)
    axes.spines[:].set_visible(False)


def _draw_key(figure: Figure, height: float) -> None:
    def mark(words: str, colour: str, marker: str = "o", *, filled: bool = True) -> Line2D:
        return Line2D(
            [], [], marker=marker, linestyle="none", markersize=6.5, label=words,
            color=colour if filled else PAPER, markeredgecolor=colour, markeredgewidth=1.3,
        )  # fmt: skip

    figure.legend(
        handles=[
            mark("accepted", INK),
            mark("refused", INK, filled=False),
            mark("high-risk action", INK, "D"),
            mark("a rule objects", RED),
        ],
        loc="lower left", bbox_to_anchor=(0.145, 0.05 / height), ncols=4, frameon=False,
        fontsize=8.5, labelcolor=QUIET, handletextpad=0.2, columnspacing=1.8,
    )  # fmt: skip
