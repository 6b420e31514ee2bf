"""The store's SQL: tables, views and macros, read from `schemas/duckdb`.

The files live at the top of the repository, where analysts look for them; the package holds
them as `grantline/schemas` (a link in a checkout, copies in a wheel). Takes over a database that
the version before wrote, and refuses those of others.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.resources import files

import duckdb

from grantline.rules.rule import every
from grantline.store.rows import FINDING_SCHEMA, HOP_SCHEMA

SCHEMA_VERSION = 7
TAKEN_OVER = (3, 4, 5, 6)
"""The versions whose files are brought to this one. 3 kept a second copy of each finding's highest
revision, table `findings`, where there is a view of `finding_history` now; 3 and 4 lack the columns
of `hops` that came since, which are added, empty; 5 lacks questions and verdicts, which store nothing; 6 lacks the tables of incidents and
actions."""
COPIES = 3
_WIDE = 5
_SINCE_4 = 78
"""Where in the columns of `hops` those begin that version 4 lacks."""

_HAS_VERSION = """FROM duckdb_tables() WHERE table_name = 'schema_version'
    AND schema_name = current_schema() AND database_name = current_database()"""
_COLUMNS = """SELECT list(column_name ORDER BY column_index) FROM duckdb_columns()
    WHERE table_name IN ('findings', 'finding_history')
        AND schema_name = current_schema() AND database_name = current_database()
    GROUP BY table_name"""
_HOP_COLUMNS = """SELECT list(column_name ORDER BY column_index) FROM duckdb_columns()
    WHERE table_name = 'hops'
        AND schema_name = current_schema() AND database_name = current_database()"""
_ONLY_IN_COPY = """SELECT count(*) FROM findings ANTI JOIN finding_history USING (id, revision)"""


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
    """Bring every table, view and macro into being, or all of them to this release's.

    A file of `TAKEN_OVER` loses what it held twice, and nothing else. Raises `WrongSchema` for a
    file of another version, `duckdb.Error` for one that is not ours; both stay as they are.
    """
    version = _version(connection)
    if version not in (None, SCHEMA_VERSION) and not _can_take(connection, version):
        raise WrongSchema(
            f"the lineage database has schema version {version}, this release writes version "
            f"{SCHEMA_VERSION}: start with a new file and let the writer read the topics again"
        )
    connection.execute("BEGIN")
    try:
        if version == COPIES:
            connection.execute("DROP TABLE findings")
        if version in TAKEN_OVER and version < _WIDE:
            _widen(connection)
        for _, text in scripts():
            connection.execute(text)
        effects = [(rule.id, str(rule.effect), str(rule.reaches)) for rule in every()]
        connection.executemany("INSERT INTO rule_effects VALUES (?, ?, ?)", effects)
        if version != SCHEMA_VERSION:
            connection.execute("DELETE FROM schema_version")
            connection.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
        connection.execute("COMMIT")
    except BaseException:
        # A COMMIT that fails has rolled back already.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def _version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """That of the file, None where it has none yet. Before 4 it was written last: a file without,
    and with its table, is one of 3 whose first start was killed.
    """
    if not connection.execute(_HAS_VERSION).fetchall():
        return None
    found = connection.execute("SELECT version FROM schema_version").fetchone()
    return COPIES if found is None else found[0]


def _can_take(connection: duckdb.DuckDBPyConnection, version: int | None) -> bool:
    """Whether it is a file of an earlier release: another program may number its schema, too."""
    if version not in TAKEN_OVER:
        return False
    hops = connection.execute(_HOP_COLUMNS).fetchall()
    known = HOP_SCHEMA.names if version >= _WIDE else HOP_SCHEMA.names[:_SINCE_4]
    if hops != [(known,)]:
        return False
    return version != COPIES or _holds_copies(connection)


def _widen(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the columns of `hops` that came since; DuckDB rewrites no row for it."""
    for field in list(HOP_SCHEMA)[_SINCE_4:]:
        kind = {"string": "VARCHAR", "int64": "BIGINT"}.get(str(field.type), "TIMESTAMP_NS")
        connection.execute(f"ALTER TABLE hops ADD COLUMN {field.name} {kind}")


def _holds_copies(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether table `findings` is nothing but a second copy of the highest revisions."""
    columns = connection.execute(_COLUMNS).fetchall()
    if columns != [(FINDING_SCHEMA.names,)] * 2:
        return False
    return connection.execute(_ONLY_IN_COPY).fetchall() == [(0,)]
