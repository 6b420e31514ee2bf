"""Answers as text for a terminal: a drawn chain, an explained finding, a table.

Nothing here writes to a terminal, and nothing from the lineage reaches the text unescaped.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grantline.model.plain import plain
from grantline.store.client import Answer, Lineage
from grantline.store.draw import Row, draw, place
from grantline.store.quack import literal
from grantline.store.values import shown


class NotFound(LookupError):
    """The lineage holds nothing by that name."""


def chain(lineage: Lineage, wanted: str) -> str:
    """The chain that `wanted` (root, delegation, fingerprint, span, trace, finding) belongs to,
    drawn from the human to the actions. Raises `NotFound`, `client.QueryFailed`.
    """
    hops = lineage.ask(f"FROM chain({literal(wanted)})").records()
    if not hops:
        raise NotFound(
            f"the lineage knows no chain by {plain(wanted)!r}: give a root, delegation, token "
            "fingerprint, span, trace or finding id (a finding's first 8 characters are enough)"
        )
    return "\n".join(draw(lineage.ask(f"FROM tree({literal(wanted)})").records(), hops))


def explain(lineage: Lineage, wanted: str) -> str:
    """Everything about one finding: claim, chain, facts, what retracts it, triage, SQL.

    Raises `NotFound`, also where `wanted` begins the ids of several, and `client.QueryFailed`.
    """
    finding = _finding(lineage, wanted)
    name = literal(finding["id"])
    evidence = lineage.ask(f"FROM explain_finding({name})").records()
    tree = lineage.ask(f"FROM tree({name})").records()
    drawn = _drawn(finding, _above(finding, tree, evidence), evidence)
    return "\n".join([*_head(finding), "", *_indented(drawn), "", *_rest(finding)])


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None) -> str:
    """Rows under their column names, no wider than `width` (the terminal)."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(Text(plain(column)), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(shown(value)) for value in row))
    out = io.StringIO()
    Console(
        file=out, width=width or shutil.get_terminal_size((120, 24)).columns, color_system=None,
        emoji=False, markup=False, highlight=False,
    ).print(drawn)  # fmt: skip
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def as_json(answer: Answer) -> str:
    """One JSON object a line; times in UTC as RFC 3339 has them."""
    return "\n".join(json.dumps(record, default=_exact) for record in answer.records())


def as_csv(answer: Answer) -> str:
    """RFC 4180, with a line of column names; lists and whatever is not text as in JSON."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().rstrip("\r\n")


def _exact(value: Any) -> str:
    return value.isoformat() + "Z" if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, default=_exact)
    return plain(_exact(value))


def _finding(lineage: Lineage, wanted: str) -> Row:
    if len(wanted) < 8:
        raise NotFound(f"{plain(wanted)!r} is too short: give at least 8 characters of the id")
    # literal() quotes it; the live protocol has no parameters.
    named = f"FROM findings WHERE starts_with(id, {literal(wanted)}) ORDER BY id LIMIT 10"
    found = lineage.ask(named).records()
    if not found:
        raise NotFound(
            f"the lineage knows no finding {plain(wanted)!r}; table findings has them all"
        )
    if len(found) > 1:
        raise NotFound(
            f"{plain(wanted)!r} begins several findings, give more of it: "
            + shown([row["id"] for row in found])
        )
    return found[0]


def _head(finding: Row) -> list[str]:
    shows = {name: plain(str(value)) for name, value in finding.items()}
    path = " → ".join(map(plain, finding["path"]))
    times = f"{shows['count']} time{'' if finding['count'] == 1 else 's'}"
    seen = dict.fromkeys(shown(finding[name]) or "?" for name in ("first_seen", "last_seen"))
    about = f"rule {shows['rule']}, revision {shows['revision']}, confidence {shows['confidence']}"
    title = f"{shows['severity'].upper()}  {shows['reference']}  {shows['title']}"
    return [
        f"{title}   ({shows['status']})",
        *_wrapped(shows["explanation"]),
        "",
        f"  finding     {shows['id']}  {about}",
        f"  path        {path or '?'}",
        f"  seen        {times}, {' to '.join(seen)}",
    ]


def _rest(finding: Row) -> list[str]:
    facts = [
        f"  {plain(name):<20}  {plain(str(value))}" for name, value in finding["facts"].items()
    ]
    return [
        *(["facts", *facts, ""] if facts else []),
        "taken back if",
        *_indented(_wrapped(plain(finding["retracts_if"]))),
        "what to do",
        *_indented(_wrapped(plain(finding["triage"]))),
        "the evidence in SQL",
        f"  {plain(finding['sql'])}",
    ]


def _above(finding: Row, tree: Sequence[Row], evidence: Sequence[Row]) -> list[Row]:
    """The delegations that the finding is about, and those above them."""
    about = {(row["root_id"], row["delegation_id"]) for row in evidence}
    lines = {
        (row["root_id"], one)
        for row in tree
        if place(row) in about or row["id"] in finding["delegation_ids"]
        for one in row["lineage"]
    }
    return [row for row in tree if place(row) in lines]


def _drawn(finding: Row, tree: Sequence[Row], evidence: Sequence[Row]) -> list[str]:
    """The chain that the finding belongs to, then others that it reaches into."""
    if not evidence:
        return ["the violating hops are not in the lineage (yet)"]

    def elsewhere(row: Row) -> bool:
        return bool(row["root_id"] != finding["root_id"])

    return draw(sorted(tree, key=elsewhere), sorted(evidence, key=elsewhere))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]
