"""The store's SQL: tables, views and macros, read from `schemas/duckdb`.

The files live at the top of the repository, where analysts look for them; the package holds
them as `grantline/schemas` (a link in a checkout, copies in a wheel). Refuses a database that
another version of the schema wrote.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import duckdb

SCHEMA_VERSION = 3


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

    Raises `WrongSchema` where the file was written by another version.
    """
    for _, text in scripts():
        connection.execute(text)
    found = connection.execute("SELECT version FROM schema_version").fetchall()
    if not found:
        connection.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
    elif found[0][0] != SCHEMA_VERSION:
        raise WrongSchema(
            f"the lineage database has schema version {found[0][0]}, this release writes version "
            f"{SCHEMA_VERSION}: start with a new file and let the writer read the topics again"
        )
