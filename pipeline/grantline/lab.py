"""The lineage in a notebook: `import grantline.lab as lab; db = lab.connect()`.

Answers are tables to look at, rows to go on with, and Arrow, pandas, polars or a DuckDB relation
on demand; a chain is a picture. Everything only reads.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from grantline.commands.ask import lineage_at
from grantline.draw.picture import picture
from grantline.draw.svg import svg
from grantline.draw.text import draw
from grantline.draw.values import short, shown
from grantline.settings import read
from grantline.store import show
from grantline.store.client import FileLineage, LiveLineage, QueryFailed
from grantline.store.quack import literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_STYLE: Final = "text-align: left; vertical-align: top; max-width: 34em; white-space: normal"
_ID: Final = re.compile(r"(dlg_|fnd_|sha256:)[0-9a-f]{16,}")
MOST_SHOWN: Final = 200
"""Rows of a table in a notebook; the answer itself has all."""


def connect(at: str | Path | None = None, token: str | None = None) -> Lab:
    """The lineage at `at`: a file, or a live server's `host:port` with the writer's token.

    Without `at`, this user's running writer, else the file of the settings, as the command line
    does. Raises `grantline.commands.Failed` or `store.client.QueryFailed`, which say what to do.
    """
    return Lab(lineage_at(read(), None if at is None else str(at), token))


class Lab:
    """Questions to one lineage."""

    def __init__(self, lineage: FileLineage | LiveLineage) -> None:
        self._lineage = lineage

    def sql(self, query: str, **values: object) -> Result:
        """The answer to one SELECT. `$name` stands for a value, which is quoted: agents choose their
        own names. Raises `store.client.QueryFailed`, also for a value not given.
        """

        def value(name: re.Match[str]) -> str:
            if name[1] not in values:
                raise QueryFailed(
                    f"the query names ${name[1]}, and its value is not given: "
                    f"db.sql(query, {name[1]}=...)"
                )
            return _quoted(values[name[1]])

        named = re.sub(r"\$(\w+)", value, query)
        return Result(self._lineage.arrow(named))

    def chain(self, wanted: str, title: str | None = None) -> Chain:
        """The chain that any id leads to, as a picture. Raises `store.show.NotFound`."""
        return Chain(show.chain_rows(self._lineage, wanted), title)

    def explain(self, finding: str) -> str:
        """Everything about one finding, as text. Raises `store.show.NotFound`."""
        return show.explain(self._lineage, finding)

    def close(self) -> None:
        """A closed lab answers nothing any more."""
        self._lineage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class Result:
    """The answer to one question."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.columns: list[str] = table.column_names

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(_records(self._table))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def arrow(self) -> pa.Table:
        """A `pyarrow.Table`."""
        return self._table

    def relation(self) -> duckdb.DuckDBPyRelation:
        """A relation of this process's DuckDB, to ask further."""
        import duckdb  # noqa: PLC0415 - not needed to look at a table

        return duckdb.from_arrow(self._table)

    def pandas(self) -> Any:
        """A `pandas.DataFrame`; raises `ImportError` where pandas is not installed."""
        return self._table.to_pandas()

    def polars(self) -> Any:
        """A `polars.DataFrame`; raises `ImportError` where polars is not installed."""
        import polars as pl  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - optional

        return pl.from_arrow(self._table)

    def __repr__(self) -> str:
        return "\n".join(" | ".join(line) for line in [self.columns, *self._cells()])

    def _repr_html_(self) -> str:
        head = _row("th", [name.replace("_", " ") for name in self.columns])
        body = "".join(_row("td", line) for line in self._cells())
        more = len(self) - MOST_SHOWN
        rest = f"<p>and {more} more rows</p>" if more > 0 else ""
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{rest}"

    def _cells(self) -> Iterator[list[str]]:
        rows = [list(row.values()) for row in _records(self._table.slice(0, MOST_SHOWN))]
        # Of one day, the day is not said in every line.
        days = {one.date() for row in rows for one in row if isinstance(one, datetime)}
        for row in rows:
            yield [_cell(value, whole=len(days) > 1) for value in row]


class Chain:
    """A chain's picture, shown by the notebook; `svg()` and `text()` to keep it."""

    def __init__(self, rows: show.Rows, title: str | None) -> None:
        self._rows = rows
        self._lines = draw(rows.tree, rows.hops)
        self._title = title or self._lines[0]

    def svg(self) -> str:
        """The picture as one SVG file."""
        return svg(picture(*self._rows), self._title)

    def text(self) -> str:
        """Every line of the chain, nothing folded."""
        return "\n".join(self._lines)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return self.text()


def _records(table: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
    spans = [field.name for field in table.schema if str(field.type) == "month_day_nano_interval"]
    for row in found:
        for name in spans:
            row[name] = _span(row[name])
    return found


def _span(given: Any) -> timedelta | None:
    """An interval of Arrow as Python has it. What our views measure has no months in it."""
    if given is None:
        return None
    return timedelta(days=given.days + 30 * given.months, microseconds=given.nanoseconds / 1000)


def _quoted(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_quoted, value))}]"
    if isinstance(value, (bool, int, float)):
        return repr(value)
    return literal(str(value))


def _row(tag: str, cells: Sequence[str]) -> str:
    inner = "".join(f'<{tag} style="{_STYLE}">{html.escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{inner}</tr>"


def _cell(value: Any, *, whole: bool) -> str:
    """A value as a person reads it: times, spans of time, ids by their last four characters."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" if whole else f"{value:%H:%M:%S}"
    if isinstance(value, timedelta):
        return str(value).partition(".")[0]
    if isinstance(value, list):
        return ", ".join(_cell(one, whole=whole) for one in value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return short(value)
    return shown(value)
