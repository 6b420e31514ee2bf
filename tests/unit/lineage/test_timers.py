"""Timers: what is looked at again, when, and what is kept of it while its state is packed."""

from __future__ import annotations

from grantline.lineage.timers import Timers


def test_the_earliest_time_counts_and_each_subject_goes_off_once() -> None:
    timers = Timers[str]()
    for due_ms, subject in ((30, "a"), (10, "b"), (20, "a"), (40, "a")):
        timers.set(due_ms, "key", subject)
    assert timers.next_ms() == 10
    assert list(timers.due(15)) == [("key", "b")]
    assert list(timers.due(100)) == [("key", "a")]
    assert (timers.next_ms(), timers.of) == (None, {})


def test_what_was_cancelled_does_not_go_off() -> None:
    timers = Timers[str]()
    timers.set(10, "key", "a")
    timers.set(20, "key", "b")
    timers.cancel("key", "a")
    timers.cancel("key", "never set")
    timers.cancel("other", "a")
    assert timers.next_ms() == 20
    assert list(timers.due(100)) == [("key", "b")]


def test_packed_state_has_one_timer_due_when_the_first_of_its_subjects_was() -> None:
    timers = Timers[str]()
    for due_ms, subject in ((30, "a"), (10, "b"), (20, "c")):
        timers.set(due_ms, "key", subject)
    timers.set(15, "other", "a")
    timers.sleep("key")
    timers.sleep("without timers")
    assert list(timers.due(100)) == [("key", None), ("other", "a")]
    assert timers.of == {}


def test_state_that_wakes_is_to_be_asked_where_it_slept_with_a_timer() -> None:
    """Its timers are then those of its subjects again."""
    timers = Timers[str]()
    timers.set(10, "key", "a")
    assert not timers.wake("key"), "it did not sleep"
    timers.sleep("key")
    assert timers.wake("key")
    assert not timers.wake("key")
    timers.set(20, "key", "a")
    assert list(timers.due(100)) == [("key", "a")]


def test_what_a_snapshot_keeps_is_the_first_time_of_each_key() -> None:
    timers = Timers[str]()
    for due_ms, key, subject in ((30, "key", "a"), (20, "key", "b"), (5, "other", "a")):
        timers.set(due_ms, key, subject)
    timers.sleep("other")
    assert sorted(timers.firsts()) == [("key", 20), ("other", 5)]
