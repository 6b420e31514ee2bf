"""Asking the lineage: the live server of a running writer, or a database file.

Both give the same answers and both only read. Errors name what to do next; a token never
appears in one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import duckdb

from grantline.store import quack
from grantline.store.ddl import SCHEMA_VERSION, TAKEN_OVER

if TYPE_CHECKING:
    import pyarrow as pa

Form = TypeVar("Form")

_PLACE: Final = re.compile(r"\n+LINE (\d+): ([^\n]*).*", re.DOTALL)
"""What DuckDB adds to an error: the line of the query, and a caret below the culprit."""

_MISCALLED: Final = re.compile(
    r"Binder Error: Macro (\w+)\(\) does not support the supplied arguments\..*Candidate macros: (.*)"
)
"""A macro with too few values, or too many; DuckDB advises type casts, which help nobody here."""

_REMOTE: Final = "FROM quack_query($address, $sql, token = $token, disable_ssl = $clear)"
_GIVE_TOKEN: Final = "give the one the writer was started with (GRANTLINE_LIVE_TOKEN)"  # noqa: S105
_REFUSED: Final = (
    "refused: live SQL takes one SELECT at a time (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE) over the "
    "lineage's tables, views and macros, and nothing that writes, reads files or changes settings"
)


class Answer(NamedTuple):
    """Column names and rows of one query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Lineage(Protocol):
    """Something that answers SQL about the lineage."""

    def ask(self, sql: str) -> Answer:
        """Raises `QueryFailed`."""
        ...

    def close(self) -> None: ...


class QueryFailed(RuntimeError):
    """The query was refused or is wrong, or nobody answers; the message says which."""


class FileLineage:
    """A database file no writer has open."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._connection = _opened(self.path)
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._check_version()

    def ask(self, sql: str) -> Answer:
        return self._asked(sql, _answer)

    def arrow(self, sql: str) -> pa.Table:
        """The answer as an Arrow table. Raises `QueryFailed`."""
        return self._asked(sql, _table)

    def _asked(self, sql: str, form: Callable[[duckdb.DuckDBPyConnection], Form]) -> Form:
        try:
            _check_one(self._connection.extract_statements(sql))
            return form(self._connection.execute(sql))
        except duckdb.Error as why:
            raise QueryFailed(_first(why)) from None

    def _check_version(self) -> None:
        try:
            ((version,),) = self.ask("SELECT version FROM schema_version").rows
        except (QueryFailed, ValueError):
            version = None
        if version == SCHEMA_VERSION:
            return
        self.close()
        if version is None:
            raise QueryFailed(
                f"{self.path} is a DuckDB database, but not of Grantline's lineage: name the file "
                "of `grantline writer`, or of `grantline replay --store`"
            )
        cure = "ask with the release that wrote it"
        if version in TAKEN_OVER:
            cure += ", or let this release's writer or `grantline replay` open it once"
        raise QueryFailed(
            f"{self.path} has schema version {version}, and this release reads version "
            f"{SCHEMA_VERSION}: {cure}"
        )

    def close(self) -> None:
        self._connection.close()


class LiveLineage:
    """A running writer's database, through Quack."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._token = token
        clear = quack.host_of(address) in quack.LOCAL_HOSTS
        self._server = {"address": address, "token": token, "clear": clear}
        self._connection = duckdb.connect(":memory:")
        quack.load(self._connection)

    def ask(self, sql: str) -> Answer:
        return self._asked(sql, _answer)

    def arrow(self, sql: str) -> pa.Table:
        """The answer as an Arrow table. Raises `QueryFailed`."""
        return self._asked(sql, _table)

    def _asked(self, sql: str, form: Callable[[duckdb.DuckDBPyConnection], Form]) -> Form:
        try:
            _check_one(self._connection.extract_statements(sql))
        except duckdb.Error as why:
            raise QueryFailed(_first(why)) from None
        try:
            return form(self._connection.execute(_REMOTE, {**self._server, "sql": sql}))
        except duckdb.Error as why:
            raise QueryFailed(self._explained(_PLACE.sub("", str(why)))) from None

    def close(self) -> None:
        self._connection.close()

    def _explained(self, text: str) -> str:
        if "Authorization failed" in text:
            return _REFUSED
        if "Authentication failed" in text:
            return f"{self.address} does not take this token: {_GIVE_TOKEN}"
        if "Could not connect" in text or "Failed to send message" in text:
            return (
                f"nobody answers at {self.address}: is the lineage writer running with live SQL? "
                "While it is not, ask its file"
            )
        return f"{self.address}: {_one_line(text.replace(self._token, '...'))}"


def connect(target: str | Path, token: str | None = None) -> FileLineage | LiveLineage:
    """The lineage at `target`: `quack:HOST:PORT`, which needs the writer's token, or a file.

    Raises `QueryFailed`, `quack.LiveSqlMissing`, or `ValueError` for a bad address.
    """
    if isinstance(target, str) and target.startswith("quack:"):
        if not token:
            raise QueryFailed(
                f"live SQL at {target.removeprefix('quack:')} needs a token: {_GIVE_TOKEN}"
            )
        return LiveLineage(target, token)
    return FileLineage(target)


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        if not path.exists():
            raise QueryFailed(
                f"there is no lineage database {path}: name the writer's file, or a live address "
                "such as 127.0.0.1:9494 (--at)"
            )
        if path.is_dir():
            raise QueryFailed(f"{path} is a directory: name the lineage database in it")
        if not path.stat().st_size:
            raise QueryFailed(f"{path} is no lineage database: it is empty")
        return duckdb.connect(str(path), read_only=True)
    except OSError as why:
        raise QueryFailed(f"{path} cannot be read: {why.strerror}") from None
    except duckdb.Error as why:
        raise QueryFailed(_unopened(path, _first(why))) from None


def _unopened(path: Path, why: str) -> str:
    if "Could not set lock" in why:
        return (
            f"{path} is open in another process, most likely the lineage writer: ask it through "
            "its live SQL address, such as 127.0.0.1:9494"
        )
    if "Permission denied" in why:
        return f"{path} cannot be read: this user may not"
    return f"{path} is no lineage database: {why}"


def _check_one(statements: Sequence[object]) -> None:
    if len(statements) != 1:
        wrong = f"{len(statements)} statements" if statements else "no statement"
        raise QueryFailed(f"the query has {wrong}: ask one, such as FROM chains")


def _answer(result: duckdb.DuckDBPyConnection) -> Answer:
    columns = [column[0] for column in result.description or ()]
    return Answer(columns, result.fetchall())


def _table(result: duckdb.DuckDBPyConnection) -> pa.Table:
    return result.to_arrow_table()


def _first(why: Exception) -> str:
    """The message in one line, and the line of the query that it is about."""
    text = str(why)
    place = _PLACE.search(text)
    where = f" (line {place[1]}: {place[2].strip()})" if place else ""
    return _one_line(_PLACE.sub("", text)) + where


def _one_line(text: str) -> str:
    """Without DuckDB's word for an error that a macro of ours raised: what follows is for people."""
    line = " ".join(text.split()).removeprefix("Invalid Input Error: ")
    return _MISCALLED.sub(
        r"\1 does not take these values: it is \2; `FROM questions` has an example", line
    )
