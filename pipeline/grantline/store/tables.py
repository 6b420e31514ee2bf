"""Answers as text: a table for people, JSON and CSV for programs.

Nothing here writes to a terminal, and nothing from the lineage reaches the text unescaped.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.cells import cell_len, chop_cells

from grantline.draw.values import shown
from grantline.model.plain import plain
from grantline.store.client import Answer

Cells = Sequence[str]

READABLE: Final = 20
"""Characters a column needs before what is in it may be folded."""

_NARROWEST: Final = 8

_BETWEEN: Final = 3
"""Blanks between two columns."""


def screen_width() -> int | None:
    """How wide a table may be: as the terminal; None where nobody looks at the output directly."""
    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None


def table(columns: Cells, rows: Iterable[Sequence[Any]], width: int | None = None) -> str:
    """Rows under their column names. What does not fit into `width` is folded within its column
    or, where that would leave nothing to read, written one value a line.
    """
    head = [plain(column) for column in columns]
    body = [[shown(value) for value in row] for row in rows]
    wide = [max(map(cell_len, cells)) for cells in zip(head, *body, strict=True)]
    least = [min(READABLE, cells) for cells in wide]
    between = _BETWEEN * max(len(wide) - 1, 0)
    if width is None or sum(wide) + between <= width:
        lines = _aligned(head, body, wide)
    elif sum(least) + between <= width:
        lines = _aligned(head, body, _shared(wide, least, width - between))
    else:
        lines = _one_a_line(head, body, width)
    return "\n".join(line.rstrip() for line in lines) + ("" if body else "\n(no rows)")


def as_json(answer: Answer) -> str:
    """One JSON object a line; times in UTC as RFC 3339 has them."""
    return "\n".join(json.dumps(record, default=_exact) for record in answer.records())


def as_csv(answer: Answer) -> str:
    """As RFC 4180 has it, but with lines that end as text does here: a line of column names, then
    the rows; lists and whatever is not text as in JSON.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().removesuffix("\n")


def _aligned(head: Cells, body: Iterable[Cells], widths: Sequence[int]) -> Iterator[str]:
    yield from _folded(head, widths)
    yield "─" * (sum(widths) + _BETWEEN * (len(widths) - 1))
    for row in body:
        yield from _folded(row, widths)


def _folded(row: Cells, widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row."""
    columns = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for line in range(max(map(len, columns), default=0)):
        parts = [column[line] if line < len(column) else "" for column in columns]
        yield (" " * _BETWEEN).join(
            part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)
        )


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines no wider than `width`, broken at blanks where there are any."""
    if cell_len(text) <= width:
        return [text]
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [part for line in lines for part in chop_cells(line, width)]


def _shared(wide: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths that add up to `width`: a little more for each column until it has what it wants."""
    given = list(least)
    left = width - sum(given)
    while left > 0:
        narrow = [n for n, want in enumerate(wide) if given[n] < want]
        smallest = min(narrow, key=lambda n: given[n])
        given[smallest] += 1
        left -= 1
    return given


def _one_a_line(head: Cells, body: Iterable[Cells], width: int) -> Iterator[str]:
    names = max(map(cell_len, head), default=0)
    room = max(width - names - _BETWEEN, _NARROWEST)
    for number, row in enumerate(body, 1):
        yield f"── {number} ".ljust(names + _BETWEEN, "─")
        for name, cell in zip(head, row, strict=True):
            yield from _folded([name, cell], [names, room])


def _exact(value: Any) -> str:
    return value.isoformat() + "Z" if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, default=_exact)
    return plain(_exact(value))
