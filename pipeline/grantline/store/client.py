"""Asking the lineage: the live server of a running writer, or a database file.

Both give the same answers and both only read. Errors name what to do next; a token never
appears in one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import duckdb

from grantline.store import quack

_NOISE: Final = re.compile(r"\n+LINE 1: .*", re.DOTALL)

_REMOTE: Final = "FROM quack_query($address, $sql, token = $token, disable_ssl = $clear)"
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
        if not self.path.is_file():
            raise QueryFailed(
                f"there is no lineage database {self.path}: name the writer's file, or a live "
                "address such as quack:127.0.0.1:9494"
            )
        try:
            self._connection = duckdb.connect(str(self.path), read_only=True)
        except duckdb.IOException as why:
            if "lock" not in str(why).lower():
                raise QueryFailed(f"{self.path} is no lineage database: {_first(why)}") from None
            raise QueryFailed(
                f"{self.path} is open in another process, most likely the lineage writer: ask it "
                "through its live SQL address, such as quack:127.0.0.1:9494"
            ) from None
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def ask(self, sql: str) -> Answer:
        try:
            return _answer(self._connection.execute(sql))
        except duckdb.Error as why:
            raise QueryFailed(_first(why)) from None

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
        try:
            return _answer(self._connection.execute(_REMOTE, {**self._server, "sql": sql}))
        except duckdb.Error as why:
            raise QueryFailed(self._explained(sql, _NOISE.sub("", str(why)))) from None

    def close(self) -> None:
        self._connection.close()

    def _explained(self, sql: str, text: str) -> str:
        if "Authorization failed" in text:
            return self._syntax_error(sql) or _REFUSED
        if "Authentication failed" in text:
            return (
                f"{self.address} does not take this token: give the one the writer was started with"
            )
        if "Could not connect" in text or "Failed to send message" in text:
            return f"nobody answers at {self.address}: is the lineage writer running with live SQL?"
        return text.replace(self._token, "...")

    def _syntax_error(self, sql: str) -> str | None:
        """The server refuses what it cannot parse without saying where: look for it here."""
        try:
            self._connection.extract_statements(sql)
        except duckdb.Error as why:
            return str(why)
        return None


def connect(target: str | Path, token: str | None = None) -> Lineage:
    """The lineage at `target`: `quack:HOST:PORT`, which needs the writer's token, or a file.

    Raises `QueryFailed`, `quack.LiveSqlMissing`, or `ValueError` for a bad address.
    """
    if isinstance(target, str) and target.startswith("quack:"):
        if not token:
            raise QueryFailed(
                f"{target} asks for a token: give the one the writer was started with"
            )
        return LiveLineage(target, token)
    return FileLineage(target)


def _answer(result: duckdb.DuckDBPyConnection) -> Answer:
    columns = [column[0] for column in result.description or ()]
    return Answer(columns, result.fetchall())


def _first(why: Exception) -> str:
    return _NOISE.sub("", str(why)).strip()
