"""One poll becomes few events, in order, and nothing goes missing unseen."""

from __future__ import annotations

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from grantline.streams.deliveries import Delivery
from grantline.streams.merging import MergeScheduler
from tests.deliveries import Line

A, B = TP("a", 0), TP("b", 0)


def _lines(*offsets: int, size: int = 1) -> list[Line]:
    return [Line(offset, b"x" * size) for offset in offsets]


def _deliveries(scheduler: MergeScheduler, **polled: list[Line]) -> list[tuple[str, Delivery]]:
    records = {TP(name, 0): lines for name, lines in polled.items()}
    return [(tp.topic, merged.value) for tp, merged in scheduler.iterate(records)]


@given(st.lists(st.integers(0, 700_000), max_size=40))
def test_every_record_is_handed_out_once_in_order(sizes: list[int]) -> None:
    lines = [Line(n, b"x" * size) for n, size in enumerate(sizes)]
    deliveries = [d for _, d in _deliveries(MergeScheduler(), a=lines)]
    assert [r.offset for d in deliveries for r in d.records] == list(range(len(sizes)))
    for one in deliveries:
        assert len(one.records) <= MergeScheduler.max_records
        total = sum(len(r.value or b"") for r in one.records)
        assert total <= MergeScheduler.max_bytes or len(one.records) == 1


def test_partitions_take_turns() -> None:
    scheduler = MergeScheduler()
    scheduler.max_records = 2
    names = [n for n, _ in _deliveries(scheduler, a=_lines(*range(6)), b=_lines(0, 1, 2))]
    assert names == ["a", "b", "a", "b", "a"]


def test_of_a_poll_it_is_known_what_is_still_to_come() -> None:
    """Until the last of a topic's deliveries is handed out; also where a rebalance cuts a poll
    short and another one comes."""
    scheduler = MergeScheduler()
    scheduler.max_records = 2
    polled = scheduler.iterate({A: _lines(0, 1, 2), TP("a", 1): _lines(0), B: _lines(0)})
    left = [(tp.topic, scheduler.waits("a"), scheduler.waits("b")) for tp, _ in polled]
    assert left == [
        ("a", True, True),
        ("b", True, False),
        ("a", True, False),
        ("a", False, False),
    ]
    assert not scheduler.waits("ab")
    next(scheduler.iterate({A: _lines(3), TP("a", 1): _lines(1)}))
    assert scheduler.waits("a")
    assert not list(scheduler.iterate({}))
    assert not scheduler.waits("a")


def test_a_merged_event_stands_at_its_last_record() -> None:
    """Faust compares offsets of events to see what it has read."""
    [(tp, merged)] = MergeScheduler().iterate({A: _lines(3, 4, 9, size=5)})
    assert (tp, merged.topic, merged.partition, merged.offset) == (A, "a", 0, 9)
    assert merged.serialized_value_size == 15
    assert merged.value.end == 10


def test_a_delivery_says_what_it_follows() -> None:
    scheduler = MergeScheduler()
    scheduler.rewind(A, 5)
    scheduler.max_records = 2
    follows = [d.follows for _, d in _deliveries(scheduler, a=_lines(7, 8, 9))]
    assert follows == [5, 9]
    assert scheduler.handed(A) == 10
    assert scheduler.handed(B) is None


def test_what_faust_drops_from_a_poll_shows_in_the_next_one() -> None:
    """The place is that of the poll, even when the rest of it is never asked for."""
    scheduler = MergeScheduler()
    scheduler.rewind(A, 0)
    scheduler.max_records = 1
    next(iter(scheduler.iterate({A: _lines(0, 1, 2)})))
    [(_, later)] = _deliveries(scheduler, a=_lines(3))
    assert later.follows == 3


def test_an_empty_poll_is_nothing() -> None:
    assert list(MergeScheduler().iterate({A: []})) == []
