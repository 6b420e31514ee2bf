"""What was done with one delegation: a line for each kind of act, however often it was done.

A call that both sides report, the caller and the system that had to decide, is drawn once, as
the system saw it; what only the caller reports says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from grantline.draw.values import short, shown
from grantline.model.hop import INTERNAL, PRESENTS
from grantline.model.plain import plain

Row = dict[str, Any]

MAX_ACTIONS: Final = 25
"""Lines under one delegation; the rest is counted."""


class _Kind(NamedTuple):
    operation: str
    action: str | None
    who: str | None
    """Who presented; of an approval, who decided."""
    token: str | None
    outcome: str | None
    refused: bool


class _Report(NamedTuple):
    by: str | None
    """The system that reports; None where the presenter tells of itself."""
    violations: tuple[str, ...]


def actions(hops: Iterable[Row], at: Callable[[datetime], str]) -> Iterator[str]:
    """The hops, all of one delegation, as lines in the order in which they began."""
    kinds: dict[tuple[_Kind, _Report], list[Row]] = {}
    for hop in hops:
        kinds.setdefault((_kind(hop), _report(hop)), []).append(hop)
    confirmed: dict[_Kind, list[tuple[_Report, int]]] = {}
    for (kind, report), same in kinds.items():
        if report.by is not None:
            confirmed.setdefault(_call(kind), []).append((report, len(same)))
    lines = [
        (kind, report, same)
        for (kind, report), same in kinds.items()
        if report.by is not None or len(same) > _said(report, confirmed.get(_call(kind), ()))
    ]
    for kind, report, same in lines[:MAX_ACTIONS]:
        yield f"{_words(kind, report)}  {_when(same, at)}{_marked(report.violations)}"
    rest = sum(len(same) for _, _, same in lines[MAX_ACTIONS:])
    if rest:
        yield f"… {rest} more actions: ask chain() in SQL"


def marks(hops: Iterable[Row]) -> str:
    """What rules say of the hops, as the end of a line."""
    return _marked(sorted({name for hop in hops for name in hop["violations"]}))


def _marked(violations: Sequence[str]) -> str:
    return f"   ✗ {shown(list(violations))}" if violations else ""


def _kind(hop: Row) -> _Kind:
    return _Kind(
        hop["operation"], hop["action_name"],
        hop["approver_id"] if hop["operation"] == "approve" else hop["presenter"],
        hop["token_fingerprint"],
        hop["decision_outcome"], hop["refused"],
    )  # fmt: skip


def _call(kind: _Kind) -> _Kind:
    """What both sides know of a call: the caller does not decide its outcome."""
    return kind._replace(outcome=None)


def _said(own: _Report, systems: Iterable[tuple[_Report, int]]) -> int:
    """How often systems say the same, with all that rules say of the caller's own report."""
    return sum(many for one, many in systems if {*own.violations} <= {*one.violations})


def _report(hop: Row) -> _Report:
    # An agent of a process is not the service it runs in: a client tells of itself.
    own = hop["service"] in {None, hop["presenter"]} or hop["kind"] in PRESENTS | {INTERNAL}
    return _Report(None if own else hop["service"], tuple(hop["violations"]))


def _words(kind: _Kind, report: _Report) -> str:
    parts = [kind.operation]
    if kind.action:
        parts.append(plain(kind.action))
    if kind.who:
        parts.append(f"by {plain(kind.who)}")
    if report.by:
        parts.append(f"at {plain(report.by)}")
    if kind.token:
        parts.append(f"token {short(kind.token)}")
    if kind.outcome:
        parts.append(plain(kind.outcome))
    elif kind.refused:
        parts.append("failed")
    if kind.operation == "use" and report.by is None:
        parts.append("(only it says so)")
    return "  ".join(parts)


def _when(same: Sequence[Row], at: Callable[[datetime], str]) -> str:
    first, last = at(same[0]["seen_at"]), at(same[-1]["seen_at"])
    return first if len(same) == 1 else f"{len(same)} times, {first} to {last}"
