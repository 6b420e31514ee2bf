"""A chain as a graph: from the human over each delegation to what was done with it.

`chain_graph` takes the rows of the macros `tree` and `chain`, of any chain. It draws nothing;
`chain_figure` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import networkx as nx  # type: ignore[import-untyped]

from grantline.model.plain import plain
from grantline.store.values import short

Row = dict[str, Any]
HUMAN: Final = "human"

_ENDED: Final = frozenset({"TR-04", "TR-05"})
"""References of rules about authority that was revoked."""


def chain_graph(tree: Sequence[Row], hops: Sequence[Row], alert: str | None = None) -> nx.DiGraph:
    """One root's chain: a node for the human, each delegation, gap and group of like actions.

    `alert` is the finding whose actions are marked. An edge carries `scopes`, `gained` (what the
    delegator did not have), `violations`, `unseen` (nobody reported it).
    """
    graph = nx.DiGraph()
    root = next((row for row in tree if row["id"] == row["root_id"]), {})
    graph.add_node(HUMAN, kind="human", name=root.get("subject_id") or "?")
    said = {hop["delegation_id"]: hop for hop in hops if hop["operation"] in ("grant", "delegate")}
    dead = {hop["delegation_id"]: hop["seen_at"] for hop in hops if hop["operation"] == "revoke"}
    known = {row["id"] for row in tree}
    for row in tree:
        _add_actions(graph, row, hops, alert)
        gap = row["state"] != "seen"
        token = None if gap else row["token_fingerprint"]
        graph.add_node(
            row["id"], kind="gap" if gap else "agent", name=row["actor_id"] or "?",
            token=short(token) if token else "", until=row["expires_at"],
            revoked=dead.get(row["id"]),
        )  # fmt: skip
        issue = said.get(row["id"], {})
        graph.add_edge(
            row["parent_id"] if row["parent_id"] in known else HUMAN, row["id"],
            scopes=row["granted_scopes"] or [], gained=row["gained_scopes"] or [],
            violations=issue.get("violations", []),
            unseen=gap or (row["parent_id"] in known and _is_gap(tree, row["parent_id"])),
        )  # fmt: skip
    return graph


def _is_gap(tree: Sequence[Row], name: str) -> bool:
    return any(row["id"] == name and row["state"] != "seen" for row in tree)


def _add_actions(graph: nx.DiGraph, row: Row, hops: Iterable[Row], alert: str | None) -> None:
    """Uses of one delegation, grouped by who presented it where; those that a rule objects to (after
    a revocation, say) apart from those before.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    uses = [hop for hop in hops if hop["operation"] == "use" and hop["delegation_id"] == row["id"]]
    verified = {hop["presenter"] for hop in uses if hop["service"] != hop["presenter"]}
    for hop in uses:
        # A call that both sides report is drawn once, as the side that had to decide saw it.
        if hop["service"] != hop["presenter"] or hop["presenter"] not in verified:
            key = hop["service"], hop["presenter"], _standing(hop["violations"])
            groups.setdefault(key, []).append(hop)
    for (service, presenter, accused), group in groups.items():
        node = f"{row['id']} {service} {presenter} {accused}"
        graph.add_node(
            node, kind="action", name=service,
            done=Counter(hop["action_name"] or "?" for hop in group),
            presenter=presenter if presenter != row["actor_id"] else None,
            refused=sum(hop["refused"] for hop in group), count=len(group),
            alert=any(alert in hop["finding_ids"] for hop in group),
        )  # fmt: skip
        violations = sorted({name for hop in group for name in hop["violations"]})
        graph.add_edge(row["id"], node, scopes=[], gained=[], violations=violations, unseen=False)


def _standing(violations: Iterable[str]) -> str:
    """What was done while authority stood is never summed with what was done after it ended."""
    if not _ENDED.isdisjoint(violations):
        return "after the revocation"
    return "objected to" if violations else "fine"


def described(graph: nx.DiGraph) -> str:
    """The picture in words, a line an edge: for those who cannot see it, and for tests."""
    lines = []
    for giver, taker, edge in graph.edges(data=True):
        scopes = [f"+{one}" if one in edge["gained"] else one for one in edge["scopes"]]
        parts = [_words(graph.nodes[giver]), "⇢" if edge["unseen"] else "→"]
        parts += [f"[{', '.join(scopes)}]"] if scopes else []
        parts += [_words(graph.nodes[taker])]
        parts += [f"({', '.join(edge['violations'])})"] if edge["violations"] else []
        lines.append(" ".join(parts))
    return "\n".join(map(plain, lines))


def _words(node: Row) -> str:
    if node["kind"] != "action":
        return str(node["name"])
    by = f" by {node['presenter']}" if node["presenter"] else ""
    return f"{node['name']}: {done(node)}{by}"


def done(node: Row) -> str:
    """What was done, how often, and how much of it was refused."""
    words = ", ".join(f"{plain(name)} ×{count}" for name, count in node["done"].items())  # noqa: RUF001
    if node["refused"]:
        words += " refused" if node["refused"] == node["count"] else f", {node['refused']} refused"
    return words
