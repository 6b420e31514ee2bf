"""One table of the report, printed for who waits for it and written into the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.table import Table


class Sheet(NamedTuple):
    """The first column is text, all others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def as_rich(self) -> Table:
        table = Table(
            title=self.title, title_justify="left", caption="\n".join(self.notes),
            caption_justify="left",
        )  # fmt: skip
        for number, name in enumerate(self.columns):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.columns)]
        lines.append(_line(["---", *("---:" for _ in self.columns[1:])]))
        lines += [_line(row) for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


class Part(NamedTuple):
    """What one part of the benchmark found."""

    data: dict[str, Any]
    """For the JSON."""
    sheets: list[Sheet]


def plain(value: Any) -> Any:
    """Named tuples as dictionaries, floats without what was not measured: for the JSON."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(field) for name, field in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): plain(field) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
