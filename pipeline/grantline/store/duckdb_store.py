"""The lineage store in DuckDB: one writer, Arrow batches, one transaction a batch.

Holds what `grantline.ports.LineageStore` promises. Refuses a file that another process has
open: DuckDB gives a file to one process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.incident import IncidentRecord
from grantline.ports import Batch, Position, RejectedRow
from grantline.store import ddl
from grantline.store.choose import Rooted
from grantline.store.incident_rows import action_table, incident_table
from grantline.store.rows import finding_table, position_table, rejected_table
from grantline.store.staging import Rows, staged_rows

_T = TypeVar("_T")

_FINDING_COLUMNS = """SELECT * REPLACE (TRY_CAST(first_seen AS TIMESTAMP_NS) AS first_seen,
    TRY_CAST(last_seen AS TIMESTAMP_NS) AS last_seen) FROM staged"""

# By time and id, as hops are: DuckDB passes over what is older or younger than all of `said`. A
# last_seen that is no day of the calendar is NULL, and equal to nothing.
_KNOWN_FINDINGS = f"""WITH said AS ({_FINDING_COLUMNS})
    SELECT id, revision FROM finding_history SEMI JOIN said USING (last_seen, id)
    UNION ALL
    SELECT id, revision FROM finding_history SEMI JOIN said USING (id) WHERE last_seen IS NULL"""  # noqa: S608

_KNOWN_REJECTED = """SELECT source_topic, source_partition, source_offset, span_index FROM rejected
    SEMI JOIN staged USING (source_topic, source_partition, source_offset, span_index)"""

_HAS_FILE = """FROM duckdb_databases()
    WHERE database_name = current_database() AND path IS NOT NULL"""


class CannotOpen(RuntimeError):
    """The file cannot be opened as a lineage database; the text says why and what to do."""


class StoreInUse(CannotOpen):
    """Another process has the file."""


class DuckDBStore:
    """`LineageStore` on a DuckDB file, or in memory for `:memory:`.

    `memory_limit` is DuckDB's text (`2GB`); `threads` are shared by the writer and live SQL.
    """

    def __init__(
        self, path: str | Path, *, memory_limit: str | None = None, threads: int | None = None
    ) -> None:
        self.path = str(path)
        self._connection = _open(self.path)
        if memory_limit is not None:
            self._connection.execute("SET memory_limit = $1", [memory_limit])
        if threads is not None:
            self._connection.execute(f"SET threads = {int(threads)}")
        # A checkpoint stops the writer. Left alone it also merges what the last ones wrote, which
        # took 12 s of a busy machine every other time; so it writes what is new and nothing else,
        # and does it often.
        self._connection.execute("SET max_vacuum_tasks = 0")
        self._connection.execute("SET checkpoint_threshold = '32MB'")
        try:
            ddl.create(self._connection)
        except duckdb.Error as why:
            self.close()
            raise CannotOpen(
                f"{path} cannot hold the lineage: {str(why).splitlines()[0]}; name another file"
            ) from why

    def write(self, batch: Batch) -> None:
        """Store the batch and its positions, all or nothing. Raises `rows.Unstorable`."""
        with self._transaction():
            if batch.hops:
                self._write_hops(batch.hops)
            if batch.findings:
                self._write_findings(batch.findings)
            if batch.rejected:
                self._write_rejected(batch.rejected)
            if batch.incidents:
                self._write_incidents(batch.incidents)
            if batch.actions:
                self._write_actions(batch.actions)
            if batch.positions:
                self._write_positions(batch.positions)

    def positions(self) -> dict[tuple[str, int], int]:
        rows = self.query('SELECT topic, "partition", next_offset FROM positions')
        return {(topic, partition): offset for topic, partition, offset in rows}

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def close(self) -> None:
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same database: sees what is committed."""
        return self._connection.cursor()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            _rollback(self._connection)
            raise

    @contextmanager
    def _staged(self, table: pa.Table) -> Iterator[None]:
        self._connection.register("staged", table)
        try:
            yield
        finally:
            self._connection.unregister("staged")

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def _write_hops(self, hops: Sequence[Hop]) -> None:
        rows = staged_rows(hops)
        if not rows.table.num_rows:
            return
        with self._staged(rows.table):
            known = self._known(rows)
            if not known:
                self._rows("INSERT INTO hops BY NAME FROM staged")
                return
        replaced, worse = [], []
        for stored, row, how in known:
            if rows.rooted(row).beats(how):
                replaced.append((stored, how.time))
            else:
                worse.append(row)
        if replaced:
            self._rows(f"DELETE FROM hops WHERE {_these(replaced)}")  # noqa: S608
        better = rows.without(worse)
        if better.num_rows:
            with self._staged(better):
                self._rows("INSERT INTO hops BY NAME FROM staged")

    def _known(self, staged: Rows) -> list[tuple[int, int, Rooted]]:
        """Of what is staged and stored already: its row id there, its row here, its root there."""
        # DuckDB passes over all that is older or younger than what is staged (`seen_at`), so the
        # price does not grow with the table; and text is read for the few that are found.
        found = self._rows(
            "SELECT rowid, epoch_ns(seen_at) FROM hops SEMI JOIN staged USING (seen_at, span_key)"
        )
        if not found:
            return []
        known = self._rows(
            "SELECT rowid, trace_id, span_id, epoch_ns(seen_at), root_id, "  # noqa: S608
            "list_contains(flags, 'root_resolved'), task_granted_at, chain_key "
            f"FROM hops WHERE {_these(found)}"
        )
        return [
            (stored, row, Rooted(root_id, resolved, granted_at, time, chain_key))
            for stored, trace_id, span_id, time, root_id, resolved, granted_at, chain_key in known
            if (row := staged.find((trace_id, span_id, time))) is not None
        ]

    def _write_findings(self, findings: Sequence[Finding]) -> None:
        said = {(finding.id, finding.revision): finding for finding in reversed(findings)}
        with self._staged(finding_table(said.values())):
            for known in self._rows(_KNOWN_FINDINGS):
                said.pop(known, None)
        if said:
            with self._staged(finding_table(said.values())):
                self._rows(f"INSERT INTO finding_history BY NAME {_FINDING_COLUMNS}")

    def _write_incidents(self, incidents: Sequence[IncidentRecord]) -> None:
        said = {(record.id, record.revision): record for record in reversed(incidents)}
        self._add_new("incident_revisions", ("id", "revision"), said, incident_table)

    def _write_actions(self, actions: Sequence[Action]) -> None:
        said = {(action.id, str(action.state)): action for action in reversed(actions)}
        self._add_new("action_history", ("id", "state"), said, action_table)

    def _add_new(
        self,
        into: str,
        key: tuple[str, str],
        rows: dict[tuple[str, Any], _T],
        table: Callable[[Sequence[_T]], pa.Table],
    ) -> None:
        """Inserts those whose key the table does not have."""
        names = ", ".join(key)
        with self._staged(table(list(rows.values()))):
            for known in self._rows(f"SELECT {names} FROM {into} SEMI JOIN staged USING ({names})"):  # noqa: S608
                rows.pop(known, None)
        if rows:
            with self._staged(table(list(rows.values()))):
                self._rows(f"INSERT INTO {into} BY NAME FROM staged")

    def _write_rejected(self, rejected: Sequence[RejectedRow]) -> None:
        new = {row[2:6]: row for row in reversed(rejected)}
        with self._staged(rejected_table(list(new.values()))):
            for known in self._rows(_KNOWN_REJECTED):
                new.pop(known, None)
        if new:
            with self._staged(rejected_table(list(new.values()))):
                self._rows("INSERT INTO rejected BY NAME FROM staged")

    def _write_positions(self, positions: Sequence[Position]) -> None:
        # One statement for all partitions, and an Arrow table: a row at a time costs 1.5 ms each,
        # bound parameters 0.3 ms each.
        with self._staged(position_table(positions)):
            self._rows("INSERT OR REPLACE INTO positions BY NAME FROM staged")


def _these(rows: Sequence[tuple[int, int]]) -> str:
    """The condition that holds of these rows of `hops` alone: (rowid, start in nanoseconds)."""
    times = [time for _, time in rows]
    numbers = ", ".join(str(row) for row, _ in rows)
    # By its number alone a row is looked for in the whole table.
    return (
        f"seen_at BETWEEN make_timestamp_ns({min(times)}) AND make_timestamp_ns({max(times)}) "
        f"AND rowid IN ({numbers})"
    )


def _open(path: str) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(path)
    except duckdb.Error as why:
        if "Could not set lock" in str(why):
            raise StoreInUse(
                f"{path} is open in another process (the lineage writer?): DuckDB gives a file to "
                "one process; ask the writer through live SQL, or stop it first"
            ) from why
        first = str(why).splitlines()[0]
        raise CannotOpen(
            f"{path} cannot be opened: {first}; move it away, or name another"
        ) from why
    # A file of data (.json, .csv, .parquet) is opened as a view, in a database in memory.
    if path != ":memory:" and not connection.execute(_HAS_FILE).fetchall():
        connection.close()
        raise CannotOpen(f"{path} is no DuckDB database: move it away, or name another")
    return connection


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # The transaction is gone already, with or without us (a failed COMMIT rolls back).
        return
