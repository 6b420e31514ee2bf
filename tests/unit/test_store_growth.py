"""What a batch costs the writer does not grow with what is stored: rows looked at, not seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.ports import Batch
from grantline.rules import words
from grantline.store.duckdb_store import DuckDBStore
from tests.findings import finding

STORED = 500_000
ROW_GROUP = 122_880
"""DuckDB reads as many rows at least, or none of them."""
NOW = 1_795_459_437_000_000_000
_STORED = f"""INSERT INTO hops BY NAME
    SELECT i::UBIGINT AS span_key, printf('%016x', i) AS span_id, '0' AS trace_id,
        'use' AS operation, make_timestamp_ns({NOW} - ({STORED} - i) * 1000000) AS seen_at,
        1 AS kind, false AS failed, []::VARCHAR[] AS flags
    FROM range({STORED}) numbers(i)"""
_STORED_FINDINGS = f"""INSERT INTO finding_history BY NAME
    SELECT printf('fnd_%032x', i) AS id, 1 AS revision, 'open' AS status, false AS provisional,
        'r' AS "rule", 'TR-05' AS reference, 't' AS title, 'high' AS severity,
        'high' AS confidence, [] AS delegation_ids, [] AS token_fingerprints, [] AS span_ids,
        1 AS "count", make_timestamp_ns({NOW} - ({STORED} - i) * 1000000) AS first_seen,
        first_seen AS last_seen, 'e' AS explanation, [] AS path, MAP {{}} AS facts,
        'r' AS retracts_if, 't' AS triage, 's' AS "sql", '1' AS version
    FROM range({STORED}) numbers(i)"""

_SPAN_IDS_ARE_AT = """SELECT block_id, block_offset FROM pragma_storage_info('hops')
    WHERE column_name = 'span_id' AND segment_type = 'VARCHAR'"""


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    made = DuckDBStore(":memory:", threads=1)
    made._connection.execute(_STORED)
    yield made
    made.close()


def _hops(first: int, root_id: str | None) -> list[Hop]:
    """A hundred that are stored, if below `STORED`; with a root they take the place of those."""
    return [
        Hop(f"{n:016x}", "0", "use", NOW - (STORED - n) * 1_000_000, kind=1, root_id=root_id)
        for n in range(first, first + 100)
    ]


def _findings(first: int) -> list[Finding]:
    """A hundred that are stored, if below `STORED`."""
    return [
        finding(revision=1, id=f"fnd_{n:032x}", first_seen=_at(n), last_seen=_at(n))
        for n in range(first, first + 100)
    ]


def _at(number: int) -> str:
    return words.instant(NOW - (STORED - number) * 1_000_000)


@pytest.mark.parametrize("root_id", [None, "dlg_root"])
@pytest.mark.parametrize("first,more", [(STORED, 100), (STORED - 50, 50), (1_000, 0)])
def test_only_what_is_of_their_time_is_looked_through_for_repetitions(
    store: DuckDBStore, tmp_path: Path, first: int, more: int, root_id: str | None
) -> None:
    scanned = _scanned_by(store, Batch(hops=_hops(first, root_id)), tmp_path / "profile.json")
    assert scanned
    assert max(scanned) <= ROW_GROUP + 100
    assert store.query("SELECT count(*) FROM hops") == [(STORED + more,)]


@pytest.mark.parametrize("first,more", [(STORED, 100), (STORED - 50, 50), (1_000, 0)])
def test_only_findings_of_their_time_are_looked_through(
    store: DuckDBStore, tmp_path: Path, first: int, more: int
) -> None:
    store._connection.execute(_STORED_FINDINGS)
    scanned = _scanned_by(store, Batch(findings=_findings(first)), tmp_path / "profile.json")
    assert scanned
    assert max(scanned) <= ROW_GROUP + 200
    assert store.query("SELECT count(*) FROM finding_history") == [(STORED + more,)]


def _scanned_by(store: DuckDBStore, batch: Batch, profile: Path) -> list[int]:
    """Rows that each statement of writing `batch` looked at."""
    scanned: list[int] = []
    ask = store._rows

    def counted(sql: str) -> list[tuple[Any, ...]]:
        store._connection.execute("PRAGMA enable_profiling = 'json'")
        store._connection.execute(f"PRAGMA profiling_output = '{profile}'")
        rows = ask(sql)
        store._connection.execute("PRAGMA disable_profiling")
        scanned.append(sum(_scanned(json.loads(profile.read_text("utf-8")))))
        return rows

    store._rows = counted  # type: ignore[method-assign]
    store.write(batch)
    store._rows = ask  # type: ignore[method-assign]
    return scanned


def _scanned(operator: dict[str, Any]) -> Iterator[int]:
    yield operator.get("operator_rows_scanned", 0)
    for child in operator["children"]:
        yield from _scanned(child)


def test_a_checkpoint_writes_what_is_new_and_leaves_what_is_stored_where_it_is(
    tmp_path: Path,
) -> None:
    """DuckDB merges row groups of the size that a checkpoint finds: the writer waits meanwhile."""
    store = DuckDBStore(tmp_path / "lineage.duckdb", threads=1)
    places: list[set[tuple[int, int]]] = []
    for number in range(8):
        first = STORED + 100 * number
        store.write(Batch(_hops(first, "dlg_root"), [], [], []))
        store.query("CHECKPOINT")
        places.append(set(store.query(_SPAN_IDS_ARE_AT)))
    store.close()
    for before, after in pairwise(places):
        assert before < after
