"""`grantline chain`, `explain` and `sql`: ask the lineage, print the answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from grantline.commands import Failed, live_note
from grantline.settings import Settings
from grantline.store import show, tables
from grantline.store.client import Answer, FileLineage, LiveLineage, QueryFailed, connect
from grantline.store.quack import LiveSqlMissing

_HOST_PORT: Final = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:]+\]):\d+")


def run(settings: Settings, options: Mapping[str, Any]) -> int:
    """Raises `Failed`."""
    command, what = options["command"], options["what"]
    try:
        query = _query(what) if command == "sql" else ""
        with closing(lineage_at(settings, options["at"])) as lineage:
            if command == "sql":
                text = _form(lineage.ask(query), options["format"])
            elif command == "chain":
                text = show.chain(lineage, what, options["form"])
            else:
                text = show.explain(lineage, what)
    except (QueryFailed, LiveSqlMissing, show.NotFound, ValueError) as why:
        raise Failed(str(why)) from None
    print(text)
    return 0


def _query(given: str | None) -> str:
    if given not in (None, "-"):
        return given or ""
    if sys.stdin.isatty():
        print("grantline sql: type one query, then Ctrl-D", file=sys.stderr)
    return sys.stdin.read()


def lineage_at(
    settings: Settings, at: str | None, token: str | None = None
) -> FileLineage | LiveLineage:
    """The live server or the file that `at` names; without it, the live one, else the file.

    Raises `Failed`, `QueryFailed`, `LiveSqlMissing`, or `ValueError` for a bad address.
    """
    given = settings.live_token
    token = token or (None if given is None else given.get_secret_value())
    if at is None:
        live = live_note.read(settings.data_dir)
        return (
            connect(settings.store) if live is None else connect(live.address, token or live.token)
        )
    if not at.startswith("quack:") and _HOST_PORT.fullmatch(at) and not Path(at).exists():
        at = f"quack:{at}"
    if at.startswith("quack:") and token is None:
        live = live_note.read(settings.data_dir)
        token = live.token if live is not None and live.address == at else None
    return connect(at, token)


def _form(answer: Answer, form: str) -> str:
    if form == "json":
        return tables.as_json(answer)
    if form == "csv":
        return tables.as_csv(answer)
    return tables.table(answer.columns, answer.rows, tables.screen_width())
