"""Folds: state is a function of the log, and what was said is not said again."""

from __future__ import annotations

import pytest

from grantline.streams.folds import NOTHING, Fold, News
from tests.deliveries import Counting

LOG = [(0, 100, ["a"]), (1, 200, ["b", "c"]), (4, 300, []), (5, 400, ["d"])]
"""Offset, time, items; offsets 2 and 3 were compacted away."""


def _run(fold: Fold[str], first: int = 0) -> list[News]:
    return [fold.take(*line) for line in LOG if line[0] >= first]


def _said(news: list[News]) -> list[tuple[str, int, int]]:
    return [(c, f.count, f.revision) for one in news for c, f in one.findings]


def test_revisions_come_from_the_log_alone() -> None:
    assert _said(_run(Counting().fold())) == [
        ("opened", 1, 1),
        ("amended", 3, 3),
        ("amended", 4, 11),
    ]


def test_what_was_said_before_the_restart_is_folded_in_silence() -> None:
    """The rest is said as if there had been no restart."""
    undisturbed = _run(Counting().fold())
    fold = Counting().fold()
    fold.live_from = 5
    again = _run(fold)
    assert all(news is NOTHING for news in again[:3])
    assert again[3:] == undisturbed[3:]
    assert not fold.replaying


def test_what_time_brings_has_a_revision_before_the_record_that_told_it() -> None:
    engine = Counting()
    fold = engine.fold()
    fold.take(0, 100, ["a"])
    engine.due_ms = 250
    news = fold.take(7, 300, ["b"])
    assert _said([news]) == [("amended", 1, 14), ("amended", 2, 15)]


def test_time_is_due_only_when_everything_was_folded() -> None:
    """While a fold is replayed its clock stands in the past."""
    engine = Counting()
    fold = engine.fold()
    engine.due_ms = 250
    assert not fold.due(249)
    assert fold.due(250)
    fold.live_from = 1
    assert not fold.due(250)
    fold.caught_up()
    assert fold.due(250)


def test_time_never_goes_back() -> None:
    """A new leader's clock may be behind the old one's."""
    fold = Counting().fold()
    fold.take(0, 500, [])
    fold.take(1, 400, [])
    assert fold.time_ms == 500


def test_a_record_is_folded_once() -> None:
    fold = Counting().fold()
    fold.take(3, 0, [])
    with pytest.raises(ValueError, match="record 3 was folded before; the next is 4"):
        fold.take(3, 0, [])


def test_a_retracted_finding_opens_again() -> None:
    fold = Counting().fold()
    lines = [["a"], ["sorry"]]
    changes = [c for n, items in enumerate(lines) for c, _ in fold.take(n, 0, items).findings]
    fold.engine.items.remove("sorry")  # type: ignore[attr-defined]
    changes += [c for c, _ in fold.take(2, 0, ["b"]).findings]
    assert changes == ["opened", "retracted", "opened"]


def test_a_missing_end_of_the_log_does_not_keep_a_fold_from_going_live() -> None:
    """The last offsets before the commit may be compacted away or be markers of transactions."""
    fold = Counting().fold()
    fold.live_from = 10
    fold.take(7, 0, [])
    assert fold.replaying
    fold.caught_up()
    assert not fold.replaying
