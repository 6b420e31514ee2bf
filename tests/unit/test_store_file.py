"""Which DuckDB files are taken for the lineage: ours, those of the release before, no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from grantline.model.hop import Hop
from grantline.ports import Batch
from grantline.store import ddl
from grantline.store.client import FileLineage, QueryFailed
from grantline.store.duckdb_store import CannotOpen, DuckDBStore
from grantline.store.rows import HOP_SCHEMA
from tests.findings import finding
from tests.incidents import record

PRESENT = "SELECT revision FROM findings"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineage.duckdb"


def _change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def _make_version_4(path: Path) -> None:
    """Its hops had the columns up to `task_granted_at`."""
    store = DuckDBStore(path)
    hop = Hop("a" * 16, "b" * 32, "use", 1_795_000_000_000_000_000, session_id="s1")
    store.write(Batch(hops=[hop], findings=[finding(revision=1), finding(revision=2)]))
    store.close()
    since = HOP_SCHEMA.names[HOP_SCHEMA.names.index("task_granted_at") + 1 :]
    _change(
        path,
        *(f"ALTER TABLE hops DROP COLUMN {name}" for name in since),
        "UPDATE schema_version SET version = 4",
    )


def _make_version_3(path: Path) -> None:
    """It kept a second copy of each finding's highest revision, too, where a view is now."""
    _make_version_4(path)
    _change(
        path,
        "CREATE TABLE present AS FROM findings",
        "DROP VIEW findings",
        "ALTER TABLE present RENAME TO findings",
        "UPDATE schema_version SET version = 3",
    )


def _asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path)) as connection:
        return connection.execute(sql).fetchall()


def _refused(path: Path, words: str) -> None:
    """In a sentence, and nothing of the file is another."""
    held = "SELECT sql FROM duckdb_tables() UNION SELECT sql FROM duckdb_views() ORDER BY ALL"
    before = _asked(path, held)
    with pytest.raises((CannotOpen, ddl.WrongSchema), match=words):
        DuckDBStore(path)
    assert _asked(path, held) == before


def test_a_file_that_kept_its_findings_twice_is_taken_over(path: Path) -> None:
    """Nothing is lost, and it is done once."""
    _make_version_3(path)
    for _ in range(2):
        store = DuckDBStore(path)
        store.write(Batch(findings=[finding(revision=3), finding(revision=2)]))
        assert store.query(PRESENT) == [(3,)]
        history = store.query("SELECT revision FROM finding_history ORDER BY ALL")
        assert history == [(1,), (2,), (3,)]
        assert store.query("FROM schema_version") == [(ddl.SCHEMA_VERSION,)]
        store.close()


def test_a_file_whose_hops_lack_columns_is_given_them(path: Path) -> None:
    """Its rows stay, and say nothing in what is new; the next ones say all."""
    _make_version_4(path)
    store = DuckDBStore(path)
    hop = Hop("c" * 16, "b" * 32, "use", 1_795_000_000_000_000_000, session_id="s2")
    store.write(Batch(hops=[hop]))
    stored = store.query("SELECT span_id, session_id FROM hops ORDER BY ALL")
    assert stored == [("a" * 16, None), ("c" * 16, "s2")]
    assert store.query(PRESENT) == [(2,)]
    store.close()


def test_a_file_that_lacks_only_questions_is_given_them(path: Path) -> None:
    """Of version 5: its tables stay as they are."""
    DuckDBStore(path).close()
    _change(path, "DROP TABLE rule_effects CASCADE", "UPDATE schema_version SET version = 5")
    with pytest.raises(QueryFailed, match="let this release's writer"):
        FileLineage(path)
    store = DuckDBStore(path)
    assert store.query("SELECT count(*) FROM verdicts") == [(0,)]
    assert store.query("FROM schema_version") == [(ddl.SCHEMA_VERSION,)]
    store.close()


def test_a_file_that_lacks_only_incidents_is_given_them(path: Path) -> None:
    """Of version 6: what it has stays."""
    store = DuckDBStore(path)
    store.write(Batch(findings=[finding(revision=2)]))
    store.close()
    _change(
        path,
        *(f"DROP VIEW {view}" for view in ("silences", "actions", "incidents")),
        *(f"DROP TABLE {table}" for table in ("incident_revisions", "action_history")),
        "UPDATE schema_version SET version = 6",
    )
    store = DuckDBStore(path)
    store.write(Batch(incidents=[record()]))
    assert store.query("SELECT state FROM incidents") == [("open",)]
    assert store.query(PRESENT) == [(2,)]
    assert store.query("FROM schema_version") == [(ddl.SCHEMA_VERSION,)]
    store.close()


def test_hops_of_another_program_are_not_widened(path: Path) -> None:
    _make_version_4(path)
    _change(path, "ALTER TABLE hops DROP COLUMN end_status")
    _refused(path, "schema version 4")


def test_who_only_reads_a_file_of_the_version_before_is_told_what_takes_it_over(path: Path) -> None:
    _make_version_3(path)
    with pytest.raises(QueryFailed, match="let this release's writer"):
        FileLineage(path)


def test_a_file_is_taken_over_also_where_that_is_all_that_was_done(path: Path) -> None:
    """Killed before anything is written to the database file: the log of changes has it."""
    _make_version_3(path)
    killed = f"""
import os, duckdb
from grantline.store import ddl
ddl.create(duckdb.connect({str(path)!r}))
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == 9
    store = DuckDBStore(path)
    assert store.query(PRESENT) == [(2,)]
    store.close()


def test_a_first_start_of_before_that_was_killed_is_taken_over(path: Path) -> None:
    """It wrote its version last."""
    _make_version_3(path)
    _change(path, "DELETE FROM schema_version")
    store = DuckDBStore(path)
    assert store.query(PRESENT) == [(2,)]
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE findings DROP COLUMN extra",
        "UPDATE findings SET revision = 7",
        "DROP TABLE findings",
        "ALTER TABLE finding_history RENAME TO history",
    ],
)
def test_findings_that_are_no_second_copy_are_not_dropped(path: Path, change: str) -> None:
    """Another program may number its schema, too."""
    _make_version_3(path)
    _change(path, change)
    _refused(path, "schema version 3")


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TABLE findings (a INTEGER)",
        "CREATE TABLE schema_version (number INTEGER)",
        "CREATE TABLE schema_version AS SELECT 'v1' AS version",
        "CREATE VIEW hops AS SELECT 1",
    ],
)
def test_the_file_of_another_program_is_refused(path: Path, theirs: str) -> None:
    _change(path, theirs)
    _refused(path, "another file|new file")


def test_a_file_of_another_schema_is_refused(path: Path) -> None:
    DuckDBStore(path).close()
    _change(path, "UPDATE schema_version SET version = 99", "DROP VIEW findings")
    _refused(path, "schema version 99")
