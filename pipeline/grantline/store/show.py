"""Answers as text for a terminal: a drawn chain, an explained finding.

Nothing here writes to a terminal, and nothing from the lineage reaches the text unescaped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from grantline.draw.html import html
from grantline.draw.mermaid import mermaid
from grantline.draw.picture import picture
from grantline.draw.svg import svg
from grantline.draw.text import Row, draw, place
from grantline.draw.values import shown
from grantline.model.plain import plain
from grantline.store.client import Lineage
from grantline.store.quack import literal

_FORMS: Final = {"svg": svg, "mermaid": mermaid}
FORMS: Final = ("text", "html", *_FORMS)

MIN_BEGINNING: Final = 8
MIN_END: Final = 4
"""Characters of a name that are enough to ask for it; `is_meant` has the first as well."""

MAX_NAMED: Final = 10


class NotFound(LookupError):
    """The lineage holds nothing by that name."""


class Rows(NamedTuple):
    """A chain as the macros `tree` and `chain` tell it."""

    tree: list[Row]
    hops: list[Row]
    finding: str | None
    """The one that was asked about."""


def chain(lineage: Lineage, wanted: str, form: str = "text") -> str:
    """The chain that `wanted` (root, delegation, fingerprint, span, trace, finding) belongs to,
    drawn from the human to the actions, in one of `FORMS`. Raises `NotFound`, `client.QueryFailed`.
    """
    rows = chain_rows(lineage, wanted)
    lines = draw(rows.tree, rows.hops)
    if form == "text":
        return "\n".join(lines)
    drawn, title = picture(*rows), lines[0]
    return html(drawn, title, lines) if form == "html" else _FORMS[form](drawn, title)


def chain_rows(lineage: Lineage, wanted: str) -> Rows:
    """What a picture of the chain is drawn from. Raises as `chain` does."""
    wanted = _whole(lineage, wanted)
    # A name in a list is no error where it is unknown.
    asked = f"([{literal(wanted)}])"
    hops = [row for row in lineage.ask(f"FROM chain{asked}").records() if row["known"]]
    if not hops:
        raise NotFound(
            f"the lineage knows no chain by {plain(wanted)!r}: give a root, delegation, token "
            "fingerprint, span, trace or finding id, or `...` and the last four characters that a "
            "picture shows of a token"
        )
    meant = f"FROM findings_meant({literal(wanted)})"
    found = lineage.ask(meant).records() if wanted.startswith("fnd_") else []
    tree = lineage.ask(f"FROM tree{asked}").records()
    return Rows(tree, hops, found[0]["id"] if len(found) == 1 else None)


def explain(lineage: Lineage, wanted: str) -> str:
    """Everything about one finding: claim, chain, facts, what retracts it, triage, SQL.

    Raises `NotFound`, also where `wanted` begins the ids of several, and `client.QueryFailed`.
    """
    finding = _finding(lineage, wanted)
    name = literal(finding["id"])
    evidence = lineage.ask(f"FROM explain_finding({name})").records()
    tree = [row for row in lineage.ask(f"FROM tree([{name}])").records() if row["known"]]
    drawn = _drawn(finding, _above(finding, tree, evidence), evidence)
    head = _head(finding, _revision(wanted))
    return "\n".join([*head, "", *_indented(drawn), "", *_rest(finding)])


def _whole(lineage: Lineage, wanted: str) -> str:
    """The name of which `wanted` shows only the end (`…456b`), as pictures do."""
    _, dots, end = wanted.replace("...", "…").rpartition("…")
    if not dots:
        return wanted
    if len(end) < MIN_END:
        raise NotFound(f"{plain(wanted)!r} is too short: give {MIN_END} characters after the `…`")
    found = lineage.ask(
        "SELECT name FROM (SELECT unnest([id, parent_id, token_fingerprint, "  # noqa: S608 - quoted
        "token_parent_fingerprint]) AS name FROM hops UNION SELECT id FROM findings) "
        f"WHERE ends_with(name, {literal(end)}) GROUP BY name ORDER BY name LIMIT {MAX_NAMED + 1}"
    )
    names = [name for (name,) in found.rows]
    if len(names) > 1:
        raise NotFound(_several(f"{plain(wanted)!r} ends", names))
    return names[0] if names else wanted


def _finding(lineage: Lineage, wanted: str) -> Row:
    # literal() quotes it; the live protocol has no parameters.
    meant = f"FROM findings_meant({literal(wanted)})"
    found = lineage.ask(f"{meant} ORDER BY id LIMIT {MAX_NAMED + 1}").records()
    if not found:
        raise NotFound(
            f"the lineage knows no finding {plain(wanted)!r}: give its id or the first "
            f"{MIN_BEGINNING} characters of it or more (`grantline sql 'FROM findings'` lists all; "
            "for anything but a finding there is `grantline chain`)"
        )
    if len(found) > 1:
        raise NotFound(_several(f"{plain(wanted)!r} begins", [row["id"] for row in found]))
    return found[0]


def _several(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MAX_NAMED else ""
    return f"{what} several names, give more of it: {shown(names[:MAX_NAMED])}{more}"


def _revision(wanted: str) -> int | None:
    """The revision that an alert printed after the id."""
    found = re.fullmatch(r".*-([0-9]{1,18})", wanted)
    return int(found[1]) if found else None


def _head(finding: Row, printed: int | None) -> list[str]:
    shows = {name: plain(str(value)) for name, value in finding.items()}
    path = " → ".join(map(plain, finding["path"]))
    times = f"{shows['count']} time{'' if finding['count'] == 1 else 's'}"
    seen = dict.fromkeys(shown(finding[name]) or "?" for name in ("first_seen", "last_seen"))
    about = f"rule {shows['rule']}, revision {shows['revision']}, confidence {shows['confidence']}"
    title = f"{shows['severity'].upper()}  {shows['reference']}  {shows['title']}"
    status = shows["status"] + (", provisional" if finding["provisional"] else "")
    if printed is not None and printed != finding["revision"]:
        older = printed < finding["revision"]
        where = "is in finding_history" if older else "is not in this lineage"
        about += f" (revision {printed} {where})"
    return [
        f"{title}   ({status})",
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
        "the evidence in SQL, and what else hangs below",
        f"  {plain(finding['sql'])}",
        *(f"  FROM descendants({literal(plain(one))})" for one in finding["delegation_ids"][-1:]),
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
