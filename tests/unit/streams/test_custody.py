"""Cursors and folds: what may be committed, what is read again and what must not be missed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from grantline.lineage.tiers import Bounds, Dump
from grantline.streams.custody import TP, Custody, Hole
from grantline.streams.folds import Fold, Snapshot
from grantline.streams.restorer import Restorer
from tests.deliveries import Counting, delivery

HOPS = ("hops", 0)
SPANS = ("spans", 0)


def _custody() -> Custody:
    return Custody({"hops": lambda _: Counting().fold()})


def _adopted(custody: Custody, tp: TP = HOPS, lowest: int = 0) -> Fold[Any]:
    """The fold of a partition that waited for it."""
    custody.adopt(tp, custody.make(tp), lowest)
    return custody.folds[tp]


def test_an_input_starts_at_its_commit_and_a_fold_at_its_beginning() -> None:
    custody = _custody()
    assert custody.assign({HOPS, SPANS}, {HOPS: 70, SPANS: 30}) == {SPANS: 30}
    assert custody.waiting == {HOPS: 70}
    assert custody.adopt(HOPS, custody.make(HOPS), 12) == 12
    assert not custody.waiting
    assert custody.folds[HOPS].live_from == 70


def test_what_waits_for_its_state_is_neither_ready_nor_committed() -> None:
    """The others are worked on meanwhile."""
    custody = _custody()
    custody.assign({HOPS, SPANS}, {HOPS: 70, SPANS: 30})
    assert not custody.ready
    assert custody.lacks_state(HOPS)
    assert not custody.lacks_state(SPANS)
    assert set(custody.held()) == {SPANS}
    assert len(custody.take(SPANS, delivery(30, follows=30))) == 1
    assert custody.take(HOPS, delivery(70, follows=70)) == ()
    assert custody.committable(HOPS) is None


def test_nothing_is_committable_while_a_fold_is_replayed() -> None:
    """Faust forgets what is committed while partitions are revoked: a commit then would go back."""
    custody = _custody()
    custody.assign({HOPS}, {HOPS: 3})
    fold = _adopted(custody)
    for offset in range(3):
        assert custody.committable(HOPS) is None
        fold.take(offset, 0, [])
        custody.done(HOPS, fold.next_offset)
    assert custody.committable(HOPS) == 3


@pytest.mark.parametrize("taken_at,starts_at", [(40, 40), (70, 70), (71, 12)])
def test_a_fold_begins_at_its_snapshot_unless_that_is_ahead_of_the_commit(
    taken_at: int, starts_at: int
) -> None:
    """What lies between the commit and such a snapshot was perhaps never said."""
    snapshot = Snapshot(taken_at, 7, [], Dump([(b"items", b"a b")], []))
    custody = _custody()
    restorer = Restorer(custody, lambda *_: snapshot)
    custody.assign({HOPS}, {HOPS: 70})
    assert restorer.adopt(HOPS, asyncio.run(restorer.build(HOPS)), 12) == starts_at
    assert custody.folds[HOPS].engine.stats() == {"items": 2 if starts_at != 12 else 0}
    assert custody.folds[HOPS].replaying == (starts_at < 70)
    spared, folded = starts_at - 12, 70 - starts_at
    assert f"spared {spared} records; {folded} records were folded again" in (
        restorer.report() or ""
    )
    assert restorer.report() is None


def test_folds_share_what_the_worker_may_keep() -> None:
    custody = Custody({"hops": lambda _: Counting().fold()}, Bounds(hot=9_000, ceiling=900))
    tps = {("hops", number) for number in range(3)}
    custody.assign(tps, {})
    for tp in tps:
        _adopted(custody, tp)
    engines = [cast(Counting, fold.engine) for fold in custody.folds.values()]
    assert [engine.bounds[::2] for engine in engines] == [(3_000, 300)] * 3
    custody.assign({("hops", 1)}, {})
    assert cast(Counting, custody.folds["hops", 1].engine).bounds.hot == 9_000


def test_a_partition_that_stays_keeps_its_state_and_place() -> None:
    custody = _custody()
    custody.assign({HOPS, SPANS}, {})
    fold = _adopted(custody)
    fold.take(0, 0, [])
    custody.done(HOPS, 1)
    custody.done(SPANS, 9)
    assert custody.assign({HOPS, SPANS}, {HOPS: None, SPANS: 4}) == {HOPS: 1, SPANS: 9}
    assert custody.folds[HOPS] is fold
    assert not custody.waiting


def test_a_partition_that_leaves_takes_its_state_with_it() -> None:
    custody = _custody()
    custody.assign({HOPS, SPANS}, {})
    fold = _adopted(custody)
    custody.assign({SPANS}, {})
    assert HOPS not in custody.folds
    custody.assign({HOPS}, {HOPS: 5})
    assert _adopted(custody) is not fold
    assert custody.folds[HOPS].replaying


def test_what_another_worker_committed_meanwhile_is_folded_in_silence() -> None:
    custody = _custody()
    custody.assign({HOPS}, {})
    _adopted(custody).take(0, 0, [])
    custody.done(HOPS, 1)
    assert custody.assign({HOPS}, {HOPS: 40}) == {HOPS: 1}
    assert custody.folds[HOPS].replaying


def test_records_done_before_are_not_taken_again() -> None:
    custody = _custody()
    custody.assign({SPANS}, {SPANS: 5})
    taken = custody.take(SPANS, delivery(3, 4, 5, 6, follows=3))
    assert [record.offset for record in taken] == [5, 6]


def test_a_gap_in_the_log_is_no_hole() -> None:
    """Compaction and transactions take offsets away; the delivery says what it follows."""
    custody = _custody()
    custody.assign({SPANS}, {SPANS: 5})
    assert len(custody.take(SPANS, delivery(90, 95, follows=5))) == 2
    custody.done(SPANS, 96)
    assert custody.committable(SPANS) == 96
    assert len(custody.take(SPANS, delivery(98, follows=96))) == 1


def test_a_delivery_that_was_dropped_on_the_way_ends_the_worker() -> None:
    """Going on would commit over records nobody worked on."""
    custody = _custody()
    custody.assign({SPANS}, {SPANS: 5})
    with pytest.raises(Hole, match=r"spans\[0\]: worked through up to offset 5, .* follows 8"):
        custody.take(SPANS, delivery(8, 9, follows=8))


def test_a_log_that_went_back_ends_the_worker() -> None:
    """Its topic was made anew under the worker: by the old offsets it would be skipped."""
    custody = _custody()
    custody.assign({SPANS}, {SPANS: 5})
    with pytest.raises(Hole, match=r"spans\[0\]: read up to offset 5, .* begins at 0: .*made anew"):
        custody.take(SPANS, delivery(0, 1, follows=5))


def test_what_is_no_longer_ours_is_neither_taken_nor_committed() -> None:
    custody = _custody()
    custody.assign({SPANS}, {})
    custody.assign(set(), {})
    assert custody.take(SPANS, delivery(1, follows=0)) == ()
    custody.done(SPANS, 2)
    assert custody.committable(SPANS) is None


def test_nothing_worked_through_is_nothing_to_commit() -> None:
    custody = _custody()
    custody.assign({SPANS}, {})
    assert custody.committable(SPANS) is None


def test_readiness_is_every_fold_live() -> None:
    custody = _custody()
    assert not custody.ready
    custody.assign({HOPS}, {HOPS: 1})
    _adopted(custody)
    assert not custody.ready
    custody.folds[HOPS].take(0, 0, [])
    assert custody.ready
