"""The store's SQL: tables, views and macros, read from `schemas/duckdb`.

The files live at the top of the repository, where analysts look for them; the package holds
them as `grantline/schemas` (a link in a checkout, copies in a wheel). Refuses a database that
another version of the schema wrote.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import duckdb

SCHEMA_VERSION = 4

_FROM_BEFORE = {3: "DROP TABLE findings"}
"""Version -> what makes the next of it, and loses nothing. 3 kept a second copy of each finding's
highest revision, where 4 has a view of `finding_history`."""


class WrongSchema(RuntimeError):
    """The database was written by another version of the schema."""


@cache
def scripts() -> tuple[tuple[str, str], ...]:
    """(file name, SQL text) in the order in which they must run."""
    home = files("grantline") / "schemas" / "duckdb"
    found = sorted((f.name, f.read_text("utf-8")) for f in home.iterdir() if f.name[-4:] == ".sql")
    if not found:
        raise FileNotFoundError(f"no SQL files in {home}: reinstall grantline")
    return tuple(found)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring every table, view and macro into being; does nothing to rows that are there.

    A file of an earlier version is brought to this one where nothing of it is lost; for others
    raises `WrongSchema`, and leaves them as they are.
    """
    version = _version(connection)
    if version not in (None, SCHEMA_VERSION, *_FROM_BEFORE):
        raise WrongSchema(
            f"the lineage database has schema version {version}, this release writes version "
            f"{SCHEMA_VERSION}: start with a new file and let the writer read the topics again"
        )
    connection.execute("BEGIN")
    try:
        if version in _FROM_BEFORE:
            connection.execute(_FROM_BEFORE[version])
        for _, text in scripts():
            connection.execute(text)
        if version != SCHEMA_VERSION:
            connection.execute("DELETE FROM schema_version")
            connection.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """That of the file; None where it is not Grantline's yet."""
    known = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_version'"
    if not connection.execute(known).fetchall():
        return None
    found = connection.execute("SELECT version FROM schema_version").fetchone()
    return None if found is None else int(found[0])
