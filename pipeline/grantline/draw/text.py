"""A chain as a tree of lines: from the human down to the actions, gaps and cuts drawn.

Takes the rows of the macros `tree` and `chain`; asks nothing itself. A dotted line (`└┄`) is a
place that nobody reported: what hangs there is said to belong there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from grantline.draw.actions import actions, marks
from grantline.draw.values import short, shown
from grantline.model.plain import plain

Row = dict[str, Any]
Place = tuple[str | None, str]
"""(root, id) of a delegation."""

_ISSUES: Final = frozenset({"grant", "delegate"})


def draw(delegations: Sequence[Row], hops: Sequence[Row]) -> list[str]:
    """One tree for each root among the rows, in their order."""
    lines: list[str] = []
    for root_id in dict.fromkeys(row["root_id"] for row in [*delegations, *hops]):
        if lines:
            lines.append("")
        chain = _Chain(
            root_id,
            [row for row in delegations if row["root_id"] == root_id],
            [row for row in hops if row["root_id"] == root_id],
        )
        lines += [chain.title(), *chain.lines()]
    return lines


def place(row: Row) -> Place:
    return row["root_id"], row["id"]


class _Line(NamedTuple):
    text: str
    id: str | None
    """The delegation whose lines come below this one."""
    dotted: bool


class _Chain:
    """The rows of one root, sorted by where they hang."""

    def __init__(
        self, root_id: str | None, delegations: Sequence[Row], hops: Sequence[Row]
    ) -> None:
        self._root_id = root_id
        self._delegations = delegations
        days = {hop["seen_at"].date() for hop in hops if hop["seen_at"] is not None}
        self._day: date | None = days.pop() if len(days) == 1 else None
        """Said once, in the title, where all that happened happened on one day."""
        known = {row["id"] for row in delegations}
        self._below: dict[str | None, list[Row]] = {}
        for row in delegations:
            loose = row["parent_id"] not in known or row["state"] == "unplaced"
            self._below.setdefault(None if loose else row["parent_id"], []).append(row)
        self._said: dict[str | None, list[Row]] = {}
        for hop in hops:
            if not hop["gap"]:
                owner = hop["delegation_id"] if hop["delegation_id"] in known else None
                self._said.setdefault(owner, []).append(hop)

    def title(self) -> str:
        if self._root_id is None:
            words = "? (the human is not seen)   no root is known for these hops"
        else:
            words = f"{human(self._root_id, self._delegations)}   chain {plain(self._root_id)}"
        return words if self._day is None else f"{words}   {self._day}, UTC"

    def lines(self) -> Iterator[str]:
        """Depth first, without recursion: a chain may be deeper than Python's stack is meant for."""
        stack = [("", self._children(None))]
        while stack:
            indent, children = stack[-1]
            if not children:
                stack.pop()
                continue
            line = children.pop()
            yield f"{indent}{'├' if children else '└'}{'┄' if line.dotted else '─'} {line.text}"
            if line.id is not None:
                inner = indent + ("│  " if children else "   ")
                stack.append((inner, self._children(line.id)))

    def _children(self, identity: str | None) -> list[_Line]:
        """What hangs under one delegation, the last first."""
        reports = [hop for hop in self._said.get(identity, ()) if not _reports_issue(hop)]
        lines = [_Line(text, None, dotted=False) for text in actions(reports, self._at)]
        for row in self._below.get(identity, ()):
            issues = [hop for hop in self._said.get(row["id"], ()) if _reports_issue(hop)]
            dotted = row["hung_by"] is not None
            lines.append(_Line(self._delegation(row) + marks(issues), row["id"], dotted))
        return lines[::-1]

    def _delegation(self, row: Row) -> str:
        if row["state"] == "gap":
            return self._gap(row)
        parts = self._facts(row)
        if row["state"] == "unplaced":
            parts.append("(no way from the root leads here)")
        elif row["truncated"]:
            parts.append("(the walk stops here: deeper ones are listed at the end)")
        elif row["hung_by"] is not None:
            parts.append("(it does not say what it was obtained with)")
        return "  ".join(parts)

    def _facts(self, row: Row) -> list[str]:
        parts = [plain(row["actor_id"] or "?"), plain(row["operation"] or "?")]
        if row["granted_scopes"] is not None:
            parts.append(f"[{shown(row['granted_scopes'])}]")
        if row["gained_scopes"]:
            parts.append(f"+[{shown(row['gained_scopes'])}]")
        if row["token_fingerprint"]:
            parts.append(f"token {short(row['token_fingerprint'])}")
        if row["expires_at"] is not None:
            parts.append(f"until {self._at(row['expires_at'])}")
        return parts

    def _gap(self, row: Row) -> str:
        if row["elsewhere"]:
            others = "; or ".join(_other(row["id"], other) for other in row["elsewhere"])
            return f"⇄  of another chain: {others}"
        if row["id"] == self._root_id:
            return "?  the original grant was not reported"
        text = f"?  not reported: {plain(row['id'])}"
        if row["claimed_actor"]:
            text += f", held by {plain(row['claimed_actor'])} as others say"
        return text + ("; where it hangs is not known" if row["hung_by"] == "root" else "")

    def _at(self, moment: datetime) -> str:
        text = shown(moment)
        return text.partition(" ")[2] if moment.date() == self._day else text


def human(root_id: str | None, rows: Sequence[Row]) -> str:
    """Who granted; where the grant was not reported, whom the tokens below it name."""
    granted = next((row["subject_id"] for row in rows if row["id"] == root_id), None)
    if granted:
        return plain(granted)
    named = sorted({row["subject_id"] for row in rows if row["subject_id"]})
    return f"{shown(named)}, as tokens say" if named else "? (the human is not seen)"


def _other(identity: str, other: Row) -> str:
    """A delegation where it belongs, for a chain in which it only turned up."""
    what = "grant" if identity == other["root_id"] else f"delegation {plain(identity)}"
    whose, human = (plain(other[name] or "?") for name in ("actor_id", "subject_id"))
    return f"{whose}'s {what} for {human}, chain {plain(other['root_id'])}"


def _reports_issue(hop: Row) -> bool:
    return hop["operation"] in _ISSUES and not hop["refused"]
