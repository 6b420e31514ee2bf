"""One suite for every lineage store: what `ports.LineageStore` promises, whoever keeps it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grantline.model.finding import Finding
from grantline.model.hop import ROOT_RESOLVED, ROOT_WITHDRAWN, Hop
from grantline.ports import Batch, LineageStore, Position, RejectedRow
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.memory import MemoryStore
from grantline.store.rows import Unstorable

TIME = 1_795_459_437_162_429_419
ONE, OTHER = (f"fnd_{number:032x}" for number in (1, 2))
HOPS = "SELECT trace_id, span_id, root_id, flags FROM hops ORDER BY ALL"


@pytest.fixture(params=["duckdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LineageStore]:
    made: LineageStore = (
        DuckDBStore(tmp_path / "lineage.duckdb") if request.param == "duckdb" else MemoryStore()
    )
    yield made
    made.close()


def hop(number: int, **fields: Any) -> Hop:
    known = {"operation": "use", "time": TIME + number, "root_id": "dlg_root"}
    return Hop(span_id=f"{number:016x}", trace_id=f"{number // 8:032x}", **{**known, **fields})


def resolved(number: int, root_id: str) -> Hop:
    return hop(number, root_id=root_id, flags=(ROOT_RESOLVED,))


def finding(revision: int = 0, identity: str = ONE, **fields: Any) -> Finding:
    known = {
        "id": identity, "rule": "use_after_expiry", "reference": "TR-06", "title": "Used after",
        "severity": "high", "confidence": "high", "status": "open", "provisional": False, "revision": revision,
        "root_id": "dlg_root", "delegation_ids": ["dlg_1"], "token_fingerprints": [],
        "span_ids": ["00000000000000aa"], "count": 1,
        "first_seen": "2026-11-23T10:00:00.123456789Z", "last_seen": "2026-11-23T10:00:01Z",
        "explanation": "says so", "path": ["u-1", "?"], "facts": {"expiry": "1"},
        "retracts_if": "never", "triage": "look", "sql": "SELECT 1",
    }  # fmt: skip
    return Finding(**{**known, **fields})


def rejection(offset: int, **fields: Any) -> RejectedRow:
    known = {"reason": "not_otlp", "detail": "no", "source_topic": "otlp_spans",
             "source_partition": 0, "source_offset": offset, "span_index": 0}  # fmt: skip
    return RejectedRow(**{**known, **fields})


def test_an_empty_store_has_no_positions(store: LineageStore) -> None:
    assert store.positions() == {}


def test_every_field_of_a_hop_is_kept(store: LineageStore) -> None:
    """A hop with every field set comes back with every field, nanoseconds included."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Hop):
        kind = str(field.type)
        values[field.name] = (
            (f"{field.name}-1", "é\x00'") if "tuple" in kind
            else True if "bool" in kind
            else 1_795_000_000 if "int" in kind
            else field.name
        )  # fmt: skip
    values.update(span_id="f" * 16, trace_id="e" * 32, time=TIME)
    store.write(Batch(hops=[Hop(**values)]))
    names = ["epoch_ns(seen_at)" if n == "time" else "epoch_ms(received_at)" if n == "received"
                 else "epoch_ns(ended_at)" if n == "ended"
             else n for n in values]  # fmt: skip
    (row,) = store.query(f"SELECT {', '.join(names)} FROM hops")
    kept = [tuple(value) if isinstance(value, list) else value for value in row]
    assert kept == list(values.values())


def test_absent_is_not_empty(store: LineageStore) -> None:
    """A token without scopes and a span that says nothing of scopes are told apart."""
    store.write(Batch(hops=[hop(1, granted_scopes=()), hop(2), hop(3, received=5)]))
    rows = store.query("SELECT granted_scopes, epoch_ms(received_at) FROM hops ORDER BY span_id")
    assert rows == [([], None), (None, None), (None, 5)]


def test_the_same_hop_twice_is_one_row(store: LineageStore) -> None:
    """In one batch, in the next, and beside new ones."""
    store.write(Batch(hops=[hop(1), hop(1), hop(2)]))
    store.write(Batch(hops=[hop(2), hop(3), hop(1)]))
    assert [row[1] for row in store.query(HOPS)] == [f"{n:016x}" for n in (1, 2, 3)]


def test_equal_span_ids_of_two_traces_are_two_hops(store: LineageStore) -> None:
    one = hop(1)
    other = msgspec.structs.replace(one, trace_id="f" * 32)
    store.write(Batch(hops=[one]))
    store.write(Batch(hops=[other]))
    assert len(store.query(HOPS)) == 2


def test_a_span_of_another_start_hides_none(store: LineageStore) -> None:
    """Who forges a span's ids, before or after, does not keep the real one out of the lineage."""
    forged, real = hop(1, time=TIME - 9, actor_id="nobody"), hop(1)
    for batch in ([forged], [real, forged], [real]):
        store.write(Batch(hops=batch))
    kept = store.query("SELECT epoch_ns(seen_at), actor_id FROM hops ORDER BY ALL")
    assert kept == [(TIME - 9, "nobody"), (real.time, None)]


@pytest.mark.parametrize("stored", [1, 3, 60])
def test_a_copy_with_a_root_replaces_one_without_whatever_its_id(
    store: LineageStore, stored: int
) -> None:
    """Half of all span ids are beyond the signed numbers of 64 bits."""
    ids = [f"{(1 << 63) + 1000 * number:016x}" for number in range(stored)]
    for copy in (hop(1, root_id=None), resolved(1, "dlg_a")):
        hops = [msgspec.structs.replace(copy, span_id=one, trace_id=2 * one) for one in ids]
        store.write(Batch(hops=hops))
    rows = store.query("SELECT span_id, root_id FROM hops ORDER BY ALL")
    assert rows == [(one, "dlg_a") for one in ids]


COPIES = (hop(1, root_id=None), resolved(1, "dlg_b"), resolved(1, "dlg_a"), hop(1, root_id="dlg_z"))


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_the_root_that_is_kept_does_not_depend_on_order(
    store: LineageStore, named: bool, in_one_batch: bool
) -> None:
    """A named root beats a resolved one, that beats none; of resolved ones the smallest stays."""
    copies = COPIES if named else COPIES[:3]
    expected = "dlg_z" if named else "dlg_a"
    orders = list(itertools.permutations(range(len(copies))))[::5]
    for number, order in enumerate(orders):
        moved = [msgspec.structs.replace(copies[i], span_id=f"{number:016x}") for i in order]
        batches = [moved] if in_one_batch else [[copy] for copy in moved]
        for hops in batches:
            store.write(Batch(hops=hops))
    rows = store.query(HOPS)
    assert len(rows) == len(orders)
    assert {row[2] for row in rows} == {expected}
    assert {tuple(row[3]) for row in rows} == {() if named else (ROOT_RESOLVED,)}


def by_task(root_id: str, granted_at: int, *flags: str) -> Hop:
    flags = (ROOT_RESOLVED, *flags)
    return hop(1, root_id=root_id, flags=flags, task_granted_at=TIME + granted_at)


RUNS = {
    "the latest that had begun": ([("dlg_b", -9), ("dlg_z", -8), ("dlg_a", -9)], "dlg_z"),
    "rather one before than one after": ([("dlg_b", 2), ("dlg_z", -8), ("dlg_a", 3)], "dlg_z"),
    "the earliest after": ([("dlg_b", 3), ("dlg_z", 4), ("dlg_a", 9)], "dlg_b"),
    "of equal times any, but always the same": ([("dlg_a", -8), ("dlg_z", -8)], "dlg_z"),
}


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("runs, expected", RUNS.values(), ids=RUNS)
def test_the_run_of_a_task_that_is_kept_does_not_depend_on_order(
    store: LineageStore, runs: list[tuple[str, int]], expected: str, in_one_batch: bool
) -> None:
    """Found by the task alone: better than nothing, worse than any other way."""
    copies = [hop(1, root_id=None), *(by_task(*run) for run in runs)]
    copies += [by_task("dlg_gone", -1, ROOT_WITHDRAWN)]
    orders = list(itertools.permutations(copies))
    for number, order in enumerate(orders):
        moved = [msgspec.structs.replace(copy, span_id=f"{number:016x}") for copy in order]
        for hops in [moved] if in_one_batch else [[copy] for copy in moved]:
            store.write(Batch(hops=hops))
    rows = store.query(HOPS)
    assert len(rows) == len(orders)
    assert {row[2] for row in rows} == {expected}


def test_a_strong_name_beats_the_task(store: LineageStore) -> None:
    store.write(Batch(hops=[by_task("dlg_a", -1), resolved(1, "dlg_b"), by_task("dlg_c", 0)]))
    assert [row[2] for row in store.query(HOPS)] == ["dlg_b"]


def test_what_only_takes_back_is_no_row(store: LineageStore) -> None:
    store.write(Batch(hops=[by_task("dlg_a", -1, ROOT_WITHDRAWN)]))
    assert store.query(HOPS) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_highest_revision_of_a_finding_stays(
    store: LineageStore, order: tuple[int, ...]
) -> None:
    """Never the other way round, and every revision is in the history once."""
    for revision in (*order, *order):
        store.write(Batch(findings=[finding(revision, status="retracted" if revision == 2
                                            else "open")]))  # fmt: skip
    assert store.query("SELECT id, revision, status FROM findings") == [(ONE, 2, "retracted")]
    history = store.query("SELECT revision FROM finding_history ORDER BY revision")
    assert history == [(0,), (1,), (2,)]


def test_revisions_within_one_batch(store: LineageStore) -> None:
    store.write(Batch(findings=[finding(1), finding(0), finding(1), finding(4, OTHER)]))
    found = store.query("SELECT id, revision FROM findings ORDER BY id")
    assert found == [(ONE, 1), (OTHER, 4)]
    assert len(store.query("FROM finding_history")) == 3


def test_a_finding_keeps_its_fields(store: LineageStore) -> None:
    """Time to the nanosecond, facts by name, unknown fields as JSON."""
    store.write(Batch(findings=[finding(novel="later release")]))
    assert store.query(
        "SELECT epoch_ns(first_seen), facts['expiry'], path, count, extra FROM findings"
    ) == [(1795428000123456789, "1", ["u-1", "?"], 1, '{"novel": "later release"}')]


def test_a_finding_of_a_day_that_never_was_is_still_kept(store: LineageStore) -> None:
    store.write(Batch(findings=[finding(first_seen="2026-02-30T10:00:00Z")]))
    assert store.query("SELECT id, first_seen FROM findings") == [(ONE, None)]


def test_a_finding_whose_last_day_never_was_is_known_again(store: LineageStore) -> None:
    """Its time cannot be stored: NULL, which is equal to nothing."""
    for _ in range(2):
        store.write(Batch(findings=[finding(last_seen="2026-02-30T10:00:00Z"), finding(2, OTHER)]))
    assert len(store.query("FROM finding_history")) == 2


@pytest.mark.parametrize(
    "second", ["2026-11-24T10:00:00Z", "2026-11-22T10:00:00Z", "2026-02-30T10:00:00Z"]
)
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_of_two_that_claim_the_same_revision_the_first_stays(
    store: LineageStore, second: str, in_one_batch: bool
) -> None:
    """As where more files are replayed into the same store: every revision is the first there."""
    two = [finding(1, explanation="first"), finding(1, explanation="second", last_seen=second)]
    for findings in [two] if in_one_batch else [[said] for said in two]:
        store.write(Batch(findings=findings))
    assert store.query("SELECT revision, explanation FROM findings") == [(1, "first")]


def test_a_rejection_is_known_by_its_place(store: LineageStore) -> None:
    """The same record and span twice is one row; another span of the record is another."""
    store.write(Batch(rejected=[rejection(1), rejection(1), rejection(1, span_index=1)]))
    store.write(Batch(rejected=[rejection(1), rejection(2)]))
    assert len(store.query("FROM rejected")) == 3


def test_positions_move_with_the_batch(store: LineageStore) -> None:
    store.write(Batch(positions=[Position("hops", 0, 10), Position("hops", 1, 3)]))
    store.write(Batch(hops=[hop(1)], positions=[Position("hops", 0, 12)]))
    assert store.positions() == {("hops", 0): 12, ("hops", 1): 3}


def test_a_batch_that_fails_leaves_nothing(store: LineageStore) -> None:
    """A number no column can hold fails the batch, and the rest of it is not there either."""
    bad = Batch(
        hops=[hop(1)],
        findings=[finding()],
        rejected=[rejection(2**63)],
        positions=[Position("hops", 0, 1)],
    )
    with pytest.raises(Unstorable, match="source_offset"):
        store.write(bad)
    for table in ("hops", "findings", "finding_history", "rejected", "positions"):
        assert store.query(f"FROM {table}") == [], table
    store.write(bad._replace(rejected=[]))
    assert len(store.query("FROM hops")) == 1


def test_hostile_text_is_only_text(store: LineageStore) -> None:
    """Quotes, NUL and escapes in a name are stored as they are and run nothing."""
    name = "'); DROP TABLE hops; --\x00\x1b[2J"
    store.write(Batch(hops=[hop(1, actor_id=name, root_id=name)]))
    assert store.query("SELECT actor_id FROM hops WHERE root_id = ?", [name]) == [(name,)]


def test_a_file_is_there_after_closing(tmp_path: Path) -> None:
    """What was written is found by the next process, positions included."""
    path = tmp_path / "lineage.duckdb"
    first = DuckDBStore(path)
    first.write(Batch(hops=[hop(1)], positions=[Position("hops", 0, 1)]))
    first.close()
    second = DuckDBStore(path)
    assert second.positions() == {("hops", 0): 1}
    assert len(second.query("FROM hops")) == 1
    second.close()
