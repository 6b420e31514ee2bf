"""The benchmark measures what it says: its load is realistic and its output check can fail."""

from __future__ import annotations

import time

import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from tests.benchmarks.expected import (
    Different,
    check_equal,
    check_planted,
    expect,
    open_now,
    state,
    waited,
)
from tests.benchmarks.load import Load, hops_of, make, warm_up
from tests.benchmarks.world import World

SEED = 5


@pytest.fixture(scope="module")
def load() -> Load:
    return make(SEED, spans=4_000, batch=256, alive=40)


@pytest.fixture(scope="module")
def said(load: Load) -> list[Finding]:
    engine = Engine()
    engine.add(hops_of(load.records))
    return engine.drain() + waited(engine)


def test_one_seed_makes_one_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_000_000.0)
    first, again = (make(SEED, spans=300, batch=10) for _ in range(2))
    other = make(SEED + 1, spans=300, batch=10)
    assert first == again
    assert first.records != other.records


def test_load_is_what_the_convention_describes(load: Load) -> None:
    hops = hops_of(load.records)
    assert len(hops) == load.spans > load.rows == len({(h.trace_id, h.span_id) for h in hops})
    assert 33 <= load.attributes <= 36
    assert {h.depth for h in hops if h.operation == "delegate"} >= set(range(1, 13))
    assert {h.max_depth for h in hops if h.operation == "grant"} == {12}
    assert 0.005 < len(load.planted) / load.spans < 0.02
    assert max(map(len, load.records)) < 1_000_000


def test_spans_carry_as_many_attributes_as_the_convention_counts() -> None:
    counts: dict[str, set[int]] = {}
    for span in World(SEED, 1_795_000_000).long_chain(400).spans:
        operation = span.attributes["delegation.operation.name"]
        counts.setdefault(operation, set()).add(len(span.attributes))
    assert counts == {"grant": {26}, "delegate": {36}, "use": {30, 33}}


def test_every_kind_of_violation_is_planted_and_nothing_else_is_found(load: Load) -> None:
    expected = expect(load)
    assert {planted.reference for planted in load.planted} == {
        "TR-01", "TR-04", "TR-05", "TR-06", "TR-10", "TR-11", "SE-01", "SE-02", "CS-09",
    }  # fmt: skip
    assert expected.complete_at.keys() == expected.findings.keys() - expected.held_back


def test_gaps_are_told_after_the_grace_and_only_where_planted(load: Load) -> None:
    engine = Engine()
    engine.add(hops_of(load.records))
    check_planted(load.planted | load.absent, open_now(engine.finish()))
    assert load.absent


def test_output_that_lacks_a_finding_is_different(load: Load, said: list[Finding]) -> None:
    expected = expect(load).findings
    check_equal(expected, said)
    with pytest.raises(Different, match="1 findings missing"):
        check_equal(expected, said[1:])


def test_output_with_one_finding_too_many_is_different(said: list[Finding]) -> None:
    expected = {finding.id: state(finding) for finding in said[1:]}
    with pytest.raises(Different, match="1 too many"):
        check_equal(expected, said)


def test_output_with_another_word_is_different(said: list[Finding]) -> None:
    expected = open_now(said)
    changed = [said[0].model_copy(update={"explanation": "something else"}), *said[1:]]
    with pytest.raises(Different, match="1 not as expected"):
        check_equal(expected, changed)


def test_last_revision_counts_whatever_the_order_of_arrival(said: list[Finding]) -> None:
    before = said[0].model_copy(update={"revision": 1})
    after = said[0].model_copy(update={"revision": 2, "status": "retracted"})
    assert open_now([before, after]) == open_now([after, before]) == {}


def test_finding_that_was_not_planted_is_different(load: Load, said: list[Finding]) -> None:
    with pytest.raises(Different, match="found but not planted"):
        check_planted(set(list(load.planted)[1:]), open_now(said))


def test_nothing_is_found_in_the_warm_up() -> None:
    load = warm_up()
    engine = Engine()
    engine.add(hops_of(load.records))
    assert open_now(engine.finish()) == {}
    assert not load.planted
