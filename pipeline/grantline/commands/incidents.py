"""`grantline incidents` and `grantline incident`: what stands, as the lineage writer has stored it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from grantline.commands import Failed
from grantline.commands.ask import lineage_at
from grantline.model.plain import plain
from grantline.settings import Settings
from grantline.store import tables
from grantline.store.client import Lineage, QueryFailed
from grantline.store.quack import LiveSqlMissing, literal

_LIST: Final = """
SELECT left(id, 12) AS incident, state, continuing AS "goes on", severity, title, subject,
    findings, uses, coalesce(assignee, acknowledged_by) AS "whose", last_seen AS "last seen"
FROM incidents WHERE {condition}
ORDER BY continuing DESC, list_position(['critical', 'high', 'medium', 'low', 'info'], severity),
    last_seen DESC"""
_OPEN: Final = "state IN ('open', 'quiet', 'acknowledged', 'silenced', 'pending')"
_LEAST: Final = 8
"""Characters of an id that are enough to ask for it."""


def run(settings: Settings, options: Mapping[str, Any]) -> int:
    """Lists, or shows one. Raises `Failed`."""
    try:
        with closing(lineage_at(settings, options["at"])) as lineage:
            if options["command"] == "incidents":
                text = listed(lineage, everything=options["all"])
            else:
                text = shown(lineage, options["incident"])
    except (QueryFailed, LiveSqlMissing, ValueError) as why:
        raise Failed(str(why)) from None
    print(text)
    return 0


def listed(lineage: Lineage, *, everything: bool = False) -> str:
    """Those that are not over, or all."""
    answer = lineage.ask(_LIST.format(condition="true" if everything else _OPEN))
    if not answer.rows:
        return "no incident" if everything else "no open incident (--all lists those that are over)"
    return tables.table(answer.columns, answer.rows, tables.screen_width())


def found(lineage: Lineage, wanted: str) -> dict[str, Any]:
    """The present state of the one whose id begins so. Raises `Failed`."""
    begins = f"starts_with(id, {literal(wanted)})" if len(wanted) >= _LEAST else "false"
    rows = list(lineage.ask(f"FROM incidents WHERE {begins} LIMIT 2").records())
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise Failed(f"several incidents begin with {plain(wanted)}: give more of the id")
    raise Failed(
        f"no incident begins with {plain(wanted)} ({_LEAST} characters at least): `grantline "
        "incidents --all` lists them"
    )


def shown(lineage: Lineage, wanted: str) -> str:
    """Everything about one incident, for a terminal. Raises `Failed`."""
    row = found(lineage, wanted)
    lines = [f"{row['severity']} · {row['title']} · {row['state']}", row["claim"]]
    if row["going_on"]:
        lines.append(f"{row['going_on']} (as of {_time(row['as_of'])})")
    lines.append("")
    lines += [f"{name:<14}{plain(str(value))}" for name, value in _facts(row)]
    if row["do_first"]:
        lines += ["", "do first      " + plain(row["do_first"])]
    lines += ["", f"ask           grantline explain {row['lead']}"]
    lines += [f"              grantline sql {_quoted(sql)}" for sql in row["sql"]]
    lines += ["", *_actions(lineage, row["id"])]
    return "\n".join(_wrapped(lines))


def _facts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "incident", f"{row['id']} (revision {row['revision']}, episode {row['episode']})"
    yield row["kind"], row["subject"]
    if row["path"]:
        yield "chain", " → ".join(row["path"])
    yield "outcome", row["outcome"]
    for name, column in (("issuer", "issuer"), ("jti", "jti"), ("revoked by", "revoked_by")):
        if row[column]:
            yield name, row[column]
    if row["revoked_at"]:
        yield "revoked at", _time(row["revoked_at"])
    if row["revoke"]:
        yield "revoke", row["revoke"]
    yield "seen", f"{_time(row['first_seen'])} to {_time(row['last_seen'])}"
    counts = f"{row['findings']} open of {row['member_count']} findings, {row['uses']} acts"
    yield "counts", counts + (f", {row['signals']} signals" if row["signals"] else "")
    yield "confidence", f"{row['confidence']}; taken back by: {row['retracts_if']}"
    yield from _done(row)


def _done(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What people did."""
    for name in ("acknowledged", "closed"):
        if row[f"{name}_by"]:
            yield name, f"by {row[f'{name}_by']}, {_time(row[f'{name}_at'])}"
    if row["assignee"]:
        yield "assigned to", row["assignee"]
    if row["reason"]:
        yield "reason", row["reason"]
    if row["silence_id"]:
        until = _time(row["silenced_until"])
        yield (
            "silenced",
            f"until {until} by {row['silence_id']}, {row['silenced_uses']} acts since",
        )


def _actions(lineage: Lineage, incident: str) -> list[str]:
    rows = lineage.ask(
        f'SELECT "at", who, what, reason, state, why FROM actions WHERE incident = {literal(incident)} '  # noqa: S608
        'ORDER BY "at"'
    ).records()
    return [
        f"{_time(row['at'])}  {plain(row['who'])}: {row['what']}"
        + (f" ({plain(row['reason'])})" if row["reason"] else "")
        + f" - {row['state']}"
        + (f", {plain(row['why'])}" if row["why"] else "")
        for row in rows
    ]


def _time(when: Any) -> str:
    return "?" if when is None else f"{str(when)[:19]}Z"


def _quoted(sql: str) -> str:
    return '"' + plain(sql).replace('"', '\\"') + '"'


def _wrapped(lines: list[str]) -> Iterator[str]:
    width = tables.screen_width()
    for line in lines:
        clean = plain(line)
        yield from (
            [clean]
            if width is None
            else textwrap.wrap(clean, width, subsequent_indent=" " * 14, break_long_words=False)
            or [""]
        )
