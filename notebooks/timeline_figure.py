"""When each token of a chain was used, by whom, and against the moment it was revoked.

Takes rows of the `tokens` and `uses` views. One lane a token, over its lifetime.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from chain_figure import FAINT, INK, PALE_RED, PAPER, QUIET, RED
from grantline.store.plain import plain, short
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

Row = dict[str, Any]

_LANE: Final = 0.62
"""Inches."""
_GRAVE: Final = frozenset({"high", "critical"})


def draw_timeline(
    tokens: Sequence[Row], uses: Sequence[Row], revoked: datetime, title: str
) -> Figure:
    """One lane for each of `tokens` (fingerprint, actor, issued and expiry), in their order.

    `uses` are the calls as the systems called saw them; `revoked` is when the grant ended.
    """
    height = 1.75 + _LANE * len(tokens)
    figure = Figure(figsize=(11.5, height), facecolor=PAPER)
    bottom, top = 0.85 / height, 1 - 0.95 / height
    axes = figure.add_axes((0.155, bottom, 0.825, top - bottom))
    start, end = _span(tokens, uses)
    axes.set(xlim=(date2num(start), date2num(end)), ylim=(len(tokens) - 0.5, -0.5))
    axes.axvspan(date2num(revoked), date2num(end), color=PALE_RED, zorder=0)
    axes.axvline(date2num(revoked), color=RED, linewidth=1.6, zorder=1)
    for lane, token in enumerate(tokens):
        _draw_lane(axes, lane, token, end)
        for use in uses:
            if use["token_fingerprint"] == token["token_fingerprint"]:
                _draw_use(axes, lane, use, token, revoked)
    _dress(axes, tokens)
    figure.text(0.015, 1 - 0.32 / height, title, size=12, weight="bold", color=INK, parse_math=False)
    axes.annotate(
        f"revoked {revoked:%H:%M}", (date2num(revoked), -0.5), (0, 5), textcoords="offset points",
        color=RED, size=9, weight="bold", ha="center",
    )  # fmt: skip
    _draw_key(figure, height)
    return figure


def _span(tokens: Sequence[Row], uses: Sequence[Row]) -> tuple[datetime, datetime]:
    """From the first issue to the last use, and a little room."""
    room = timedelta(minutes=20)
    moments = [use["seen_at"] for use in uses] + [token["issued_at"] for token in tokens]
    return min(moments) - room, max(moments) + room


def _draw_lane(axes: Axes, lane: int, token: Row, end: datetime) -> None:
    until = min(token["expires_at"], end)
    issued, expires = date2num(token["issued_at"]), date2num(until)
    axes.plot([issued, expires], [lane, lane], color=FAINT, linewidth=1.2, zorder=1)
    axes.plot([issued], [lane], marker="|", color=FAINT, markersize=9, zorder=1)
    if until < end:
        axes.plot([expires], [lane], marker="|", color=INK, markersize=12, zorder=2)
        axes.annotate(
            "expires", (expires, lane), (0, 8), textcoords="offset points", size=7.5, color=QUIET,
            ha="center",
        )  # fmt: skip


def _draw_use(axes: Axes, lane: int, use: Row, token: Row, revoked: datetime) -> None:
    stranger = use["presenter"] != token["actor_id"]
    wrong = not use["refused"] and (stranger or use["seen_at"] > revoked)
    colour = RED if wrong or stranger else INK
    axes.plot(
        [date2num(use["seen_at"])], [lane], marker="D" if use["action_risk"] in _GRAVE else "o",
        markersize=6.5, color=PAPER if use["refused"] else colour, markeredgecolor=colour,
        markeredgewidth=1.3, linestyle="none", zorder=3, alpha=1.0 if use["refused"] else 0.85,
    )  # fmt: skip


def _dress(axes: Axes, tokens: Sequence[Row]) -> None:
    axes.set_yticks(range(len(tokens)), [""] * len(tokens))
    for lane, token in enumerate(tokens):
        place = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        for words, down, size, colour in (
            (plain(token["actor_id"] or "?")[:24], 1, 9, INK),
            (f"token {short(token['token_fingerprint'])}", -10, 7.5, QUIET),
        ):
            axes.annotate(
                words, (0, lane), (-12, down), size=size, color=colour, ha="right",
                weight="bold" if colour == INK else "normal", parse_math=False, **place,
            )  # fmt: skip
    axes.xaxis.set_major_locator(HourLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes.tick_params(length=0, colors=QUIET, labelsize=8.5)
    axes.grid(axis="x", color="#eef2f6", linewidth=0.8, zorder=0)
    axes.spines[:].set_visible(False)


def _draw_key(figure: Figure, height: float) -> None:
    def mark(words: str, colour: str, marker: str = "o", *, filled: bool = True) -> Line2D:
        return Line2D(
            [], [], marker=marker, linestyle="none", markersize=6.5, label=words,
            color=colour if filled else PAPER, markeredgecolor=colour, markeredgewidth=1.3,
        )  # fmt: skip

    figure.legend(
        handles=[
            mark("accepted from its holder", INK),
            mark("accepted, and should not have been", RED),
            mark("refused", INK, filled=False),
            mark("high-risk action", QUIET, "D"),
        ],
        loc="lower left", bbox_to_anchor=(0.145, 0.05 / height), ncols=4, frameon=False,
        fontsize=8.5, labelcolor=QUIET, handletextpad=0.2, columnspacing=1.8,
    )  # fmt: skip
