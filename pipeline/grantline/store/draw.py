"""A chain as a tree of lines: from the human down to the actions, gaps and cuts drawn.

Takes the rows of the macros `tree` and `chain`; asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from grantline.model.plain import plain
from grantline.store.values import short, shown

Row = dict[str, Any]

MAX_ACTIONS: Final = 25
"""Lines of actions under one delegation; the rest is counted."""

_ISSUES: Final = frozenset({"grant", "delegate"})


def draw(delegations: Sequence[Row], hops: Sequence[Row]) -> list[str]:
    """One tree for each root among the rows, in their order."""
    lines: list[str] = []
    for root_id in dict.fromkeys(row["root_id"] for row in [*delegations, *hops]):
        if lines:
            lines.append("")
        lines += _chain(
            root_id,
            [row for row in delegations if row["root_id"] == root_id],
            [row for row in hops if row["root_id"] == root_id],
        )
    return lines


def _chain(root_id: str | None, delegations: Sequence[Row], hops: Sequence[Row]) -> list[str]:
    known = {row["id"] for row in delegations}
    below: dict[str | None, list[Row]] = {}
    for row in delegations:
        parent = row["parent_id"] if row["parent_id"] in known else None
        below.setdefault(None if row["state"] == "unplaced" else parent, []).append(row)
    said: dict[str | None, list[Row]] = {}
    for hop in hops:
        if not hop["gap"]:
            owner = hop["delegation_id"] if hop["delegation_id"] in known else None
            said.setdefault(owner, []).append(hop)
    human = next((row["subject_id"] for row in delegations if row["id"] == root_id), None)
    title = plain(human) if human else "? (the human is not seen)"
    chain = f"chain {plain(root_id)}" if root_id else "no root is known for these hops"
    return [f"{title}   {chain}", *_under(None, below, said)]


def _under(
    identity: str | None, below: dict[str | None, list[Row]], said: dict[str | None, list[Row]]
) -> Iterator[str]:
    """Depth first, without recursion: a chain may be deeper than Python's stack is meant for."""
    stack: list[tuple[str, Iterator[tuple[bool, str, str | None]]]] = [
        ("", _children(identity, below, said))
    ]
    while stack:
        indent, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            continue
        last, text, inner = child
        yield f"{indent}{'└─' if last else '├─'} {text}"
        if inner is not None:
            stack.append((indent + ("   " if last else "│  "), _children(inner, below, said)))


def _children(
    identity: str | None, below: dict[str | None, list[Row]], said: dict[str | None, list[Row]]
) -> Iterator[tuple[bool, str, str | None]]:
    """(is it the last, line, id to go on with) of what hangs under one delegation."""
    reports = said.get(identity, ())
    actions = list(_actions(hop for hop in reports if not _reports_issue(hop)))
    lines: list[tuple[str, str | None]] = [(text, None) for text in actions]
    for row in below.get(identity, ()):
        marks = _marks(hop for hop in said.get(row["id"], ()) if _reports_issue(hop))
        lines.append((_delegation(row) + marks, row["id"]))
    for number, (text, inner) in enumerate(lines):
        yield number == len(lines) - 1, text, inner


def _reports_issue(hop: Row) -> bool:
    return hop["operation"] in _ISSUES and not hop["refused"]


def _delegation(row: Row) -> str:
    if row["state"] == "gap":
        return f"?  not seen: {plain(row['id'])}"
    actor = plain(row["actor_id"]) if row["actor_id"] else "?"
    parts = [actor, row["operation"]]
    if row["granted_scopes"] is not None:
        parts.append(f"[{shown(row['granted_scopes'])}]")
    if row["gained_scopes"]:
        parts.append(f"+[{shown(row['gained_scopes'])}]")
    if row["token_fingerprint"]:
        parts.append(f"token {short(row['token_fingerprint'])}")
    if row["expires_at"] is not None:
        parts.append(f"until {shown(row['expires_at'])}")
    if row["state"] == "unplaced":
        parts.append("(no way from the root leads here)")
    elif row["truncated"]:
        parts.append("(the walk stops here: deeper ones are listed at the end)")
    return "  ".join(plain(part) for part in parts)


def _actions(hops: Iterable[Row]) -> Iterator[str]:
    """Hops that made no delegation, like ones that follow each other on one line."""
    runs: list[tuple[tuple[str, str], list[Row]]] = []
    for hop in hops:
        words = (_action(hop), _marks([hop]))
        if runs and runs[-1][0] == words:
            runs[-1][1].append(hop)
        else:
            runs.append((words, [hop]))
    for (text, marks), run in runs[:MAX_ACTIONS]:
        when = shown(run[0]["seen_at"])
        many = f" and {len(run) - 1} more, last {shown(run[-1]['seen_at'])}" if run[1:] else ""
        yield f"{text}  {when}{many}{marks}"
    rest = sum(len(run) for _, run in runs[MAX_ACTIONS:])
    if rest:
        yield f"… {rest} more actions: ask chain() in SQL"


def _action(hop: Row) -> str:
    parts = [hop["operation"]]
    if hop["action_name"]:
        parts.append(plain(hop["action_name"]))
    if hop["presenter"]:
        parts.append(f"by {plain(hop['presenter'])}")
    if hop["service"] and hop["service"] != hop["presenter"]:
        parts.append(f"at {plain(hop['service'])}")
    if hop["token_fingerprint"]:
        parts.append(f"token {short(hop['token_fingerprint'])}")
    if hop["decision_outcome"]:
        parts.append(plain(hop["decision_outcome"]))
    elif hop["refused"]:
        parts.append("failed")
    return "  ".join(parts)


def _marks(hops: Iterable[Row]) -> str:
    """What rules say of the hops."""
    violations = sorted({name for hop in hops for name in hop["violations"]})
    return f"   ✗ {shown(violations)}" if violations else ""
