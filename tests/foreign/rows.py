"""What a lane came to in DuckDB, so that two lanes can be held against each other, column by column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from grantline.store.client import Lineage
from tests.foreign.story import SAME

Row = dict[str, Any]

OF_ITS_OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "hops": {
        "span_key": "the span's id, as a number",
        "received_at": "when the broker took the record",
    },
    "delegations": {},
    "chains": {},
    "findings": {
        "id": "made of the ids of spans",
        "revision": "counts what the worker's log held until then, of other lanes too",
    },
}
"""table -> the columns that are not compared, and why. In all others an id of a span or a trace, which
every SDK draws for itself, is replaced by the number of the span or the trace in the story, and a lane's
tag by zeros; what is then left has to be equal, times to the nanosecond."""
OUTSIDE: Final = "no span of ours"
"""A parent that is no delegation span, which a Collector leaves out."""
_SPAN_ID: Final = re.compile(r'"[0-9a-f]{16}"')


@dataclass(frozen=True)
class Came:
    """What one telling came to."""

    hops: list[Row]
    findings: list[Row]
    rejected: list[Row]
    comparable: dict[str, list[Row]]
    """table -> its rows without what is of their own, sorted."""


class Tables:
    """What a store holds, read once."""

    def __init__(self, lineage: Lineage) -> None:
        self._rows = {table: _rows(lineage, table) for table in OF_ITS_OWN}
        self._rejected = lineage.ask("FROM rejected").records()

    def came(self, tag: str, topic: str) -> Came:
        """Of the telling with this tag, which came by this topic."""
        found = {table: _of(rows, tag) for table, rows in self._rows.items()}
        numbers = _numbers(found["hops"]) | {tag: SAME}
        comparable = {table: sorted((_bare(row, table, numbers) for row in rows), key=_text)
                      for table, rows in found.items()}  # fmt: skip
        rejected = [row for row in self._rejected if row["source_topic"] == topic]
        return Came(found["hops"], found["findings"], rejected, comparable)


def _rows(lineage: Lineage, table: str) -> list[Row]:
    """Times as nanoseconds: Python's have none."""
    columns = lineage.ask(f"DESCRIBE {table}").records()
    times = [row["column_name"] for row in columns if row["column_type"] == "TIMESTAMP_NS"]
    exact = f"REPLACE ({', '.join(f'epoch_ns({name}) AS {name}' for name in times)})"
    return lineage.ask(f"SELECT * {exact if times else ''} FROM {table}").records()


def differences(ours: Came, theirs: Came) -> list[str]:
    """`table.column: ours, theirs` wherever they differ; none is what is to be."""
    found = []
    for table in OF_ITS_OWN:
        left, right = ours.comparable[table], theirs.comparable[table]
        if len(left) != len(right):
            found.append(f"{table}: {len(left)} rows, {len(right)} rows")
            continue
        found += [
            f"{table}.{column}: {_short(one[column])}, {_short(other[column])}"
            for one, other in zip(left, right, strict=True)
            for column in one
            if one[column] != other[column]
        ]
    return found


def _of(rows: Iterable[Row], tag: str) -> list[Row]:
    return [row for row in rows if tag in _text(row)]


def _numbers(hops: Iterable[Row]) -> dict[str, str]:
    """What stands for each id that a client drew: the place of its span, or trace, in time."""
    found: dict[str, str] = {}
    for hop in sorted(hops, key=lambda hop: str(hop["seen_at"])):
        for kind in ("trace", "span"):
            found.setdefault(hop[f"{kind}_id"], f"{kind} {len(found)}")
    return found


def _bare(row: Row, table: str, numbers: Mapping[str, str]) -> Row:
    bare: Row = {}
    if table == "findings":
        numbers = {**numbers, row["id"]: "finding"}
    for name, value in row.items():
        if name in OF_ITS_OWN[table]:
            continue
        text = _text(sorted(value) if name == "span_ids" else value)
        for drawn, number in numbers.items():
            text = text.replace(drawn, number)
        bare[name] = json.loads(_SPAN_ID.sub(f'"{OUTSIDE}"', text))
        if name == "span_ids":
            bare[name].sort()
    return bare


def _text(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True, ensure_ascii=False)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
