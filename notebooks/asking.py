"""Questions in SQL, answers as tables; and Grantline's own command line.

Values go into a question by name and quoted, names of agents and scopes included: whoever runs
an agent chooses them.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from grantline.store.client import Answer, connect
from grantline.store.quack import literal
from grantline.draw.values import short, shown

_STYLE = "text-align: left; vertical-align: top; max-width: 34em; white-space: normal"
_ID = re.compile(r"(dlg_|fnd_|sha256:)[0-9a-f]{16,}")


def grantline(*arguments: object) -> None:
    """Run `grantline ARGUMENTS...`. Raises `RuntimeError` with what it said if it fails."""
    command = [sys.executable, "-m", "grantline.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())


class Table:
    """The answer to one question: a table to look at, dictionaries to go on with."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._answer.records())

    def __len__(self) -> int:
        return len(self._answer.rows)

    def __repr__(self) -> str:
        lines = [self._answer.columns, *([_cell(one) for one in row] for row in self._answer.rows)]
        return "\n".join(" | ".join(line) for line in lines)

    def _repr_html_(self) -> str:
        head = _row("th", [name.replace("_", " ") for name in self._answer.columns])
        body = "".join(_row("td", [_cell(one) for one in row]) for row in self._answer.rows)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


class Asking:
    """`ask("FROM chain($token)", token=...)` of the lineage at `target`, a file or a live address."""

    def __init__(self, target: str | Path, token: str | None = None) -> None:
        self._lineage = connect(target, token)

    def __call__(self, sql: str, **values: str) -> Table:
        """Raises `grantline.store.client.QueryFailed`, and `KeyError` for a value not given."""
        quoted = re.sub(r"\$(\w+)", lambda name: literal(values[name[1]]), sql)
        return Table(self._lineage.ask(quoted))

    def close(self) -> None:
        self._lineage.close()


def _row(tag: str, cells: list[str]) -> str:
    inner = "".join(f'<{tag} style="{_STYLE}">{html.escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{inner}</tr>"


def _cell(value: Any) -> str:
    """A value as a person reads it: clock times, spans of time, ids by their last four characters."""
    if isinstance(value, datetime):
        return f"{value:%H:%M:%S}"
    if isinstance(value, timedelta):
        return str(value).partition(".")[0]
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, str) and _ID.fullmatch(value):
        return short(value)
    return shown(value)
