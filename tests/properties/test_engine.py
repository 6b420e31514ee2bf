"""Findings are a function of the set of facts: order, repetition, batches, partitions, time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grantline.engine import Engine
from grantline.lineage.tiers import Bounds
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.ports import Batch
from grantline.store.choose import SpanId
from grantline.store.memory import MemoryStore
from tests.partitioned import Partitioned
from tests.properties.strategies import (
    deliveries,
    facts,
    one_name_for_many_tasks,
    one_report_a_span,
    round_without_a_root,
)

Findings = dict[str, dict[str, Any]]
MINUTES = st.integers(0, 12)
"""Between two batches; in all less than the lateness horizon, beyond which facts are let go."""


class Told:
    """What a reader of the findings topic ends up with, and what it checks on the way."""

    def __init__(self) -> None:
        self.last: dict[str, Finding] = {}

    def hear(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            before = self.last.get(finding.id)
            if before is None:
                assert finding.status == "open", "the first word about a finding retracts it"
            else:
                assert finding.revision > before.revision
                same = before.model_copy(update={"revision": finding.revision})
                assert finding != same, "said twice"
            self.last[finding.id] = finding

    def standing(self) -> Findings:
        return {
            key: finding.model_dump(exclude={"revision"})
            for key, finding in self.last.items()
            if finding.status == "open"
        }


def at_once(hops: list[Hop]) -> Findings:
    """Every fact in, then one question: the reference that needs no delta."""
    engine, told = Engine(), Told()
    engine.add(hops)
    told.hear(engine.finish())
    return told.standing()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_same_facts_give_the_same_findings(data: st.DataObject) -> None:
    """Any order, repetition and batches, drained and aged at any time: the findings are equal."""
    hops = data.draw(facts())
    assume(not round_without_a_root(hops))
    # Nothing is packed, so that what stands can be counted.
    engine, told, now = Engine(bounds=Bounds(patience_ms=1 << 62)), Told(), 0
    for batch in data.draw(deliveries(hops)):
        engine.add(batch)
        if data.draw(st.booleans()):
            told.hear(engine.drain())
        now += data.draw(MINUTES) * 60_000
        engine.advance(now)
    told.hear(engine.finish())
    assert told.standing() == at_once(hops)
    assert len(told.standing()) == sum(
        part.stats()["findings"] for part in (engine._chains, engine._tokens)
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_packed_is_still_known(data: st.DataObject) -> None:
    """Everything packed after every question, and woken by the next fact: the findings are equal,
    and nothing is said twice.
    """
    hops = data.draw(facts())
    assume(not round_without_a_root(hops))
    engine, told, now = Engine(bounds=Bounds(hot=1)), Told(), 0
    for batch in data.draw(deliveries(hops)):
        engine.add(batch)
        told.hear(engine.drain())
        now += data.draw(MINUTES) * 60_000
        engine.advance(now)
        told.hear(engine.drain())
    told.hear(engine.finish())
    assert told.standing() == at_once(hops)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_engine_goes_on_from_a_dump(data: st.DataObject) -> None:
    """A new engine that loads what another one dumped says what that one would have said."""
    hops = data.draw(facts())
    assume(not round_without_a_root(hops))
    bounds = Bounds(hot=data.draw(st.sampled_from((1, 1_000))))
    engine, told, now, revision = Engine(bounds=bounds), Told(), 0, 0
    for batch in data.draw(deliveries(hops)):
        engine.add(batch)
        told.hear(engine.drain())
        if data.draw(st.booleans()):
            revision, dumps = engine._revision, engine.dump()
            engine = Engine(bounds=bounds)
            engine.load(dumps, now)
            engine._revision = revision
        now += data.draw(MINUTES) * 60_000
        engine.advance(now)
    told.hear(engine.finish())
    assert told.standing() == at_once(hops)


@settings(max_examples=150, deadline=None)
@given(facts())
def test_asking_only_what_changed_is_asking_everything(hops: list[Hop]) -> None:
    """Draining after every single fact ends as one question about all facts does."""
    engine, told = Engine(), Told()
    for hop in hops:
        engine.add([hop])
        told.hear(engine.drain())
    told.hear(engine.finish())
    assert told.standing() == at_once(hops)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_replay_from_any_earlier_position_changes_nothing(data: st.DataObject) -> None:
    """What was delivered before may come again, from any position on: the same findings stand."""
    hops = data.draw(facts())
    assume(not round_without_a_root(hops))
    engine, told = Engine(), Told()
    reached = data.draw(st.integers(0, len(hops)))
    for start, end in ((0, reached), (data.draw(st.integers(0, reached)), len(hops))):
        engine.add(hops[start:end])
        told.hear(engine.drain())
    told.hear(engine.finish())
    assert told.standing() == at_once(hops)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_partitions_say_what_one_engine_says(data: st.DataObject) -> None:
    """Split by chain and by token, in any interleaving, resolved hops fed back: the same findings,
    and no finding comes from two partitions.
    """
    hops = data.draw(facts())
    assume(not round_without_a_root(hops))
    split = Partitioned(data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    now = 0
    for batch in data.draw(deliveries(hops)):
        split.ingest(batch)
        for partition in data.draw(st.lists(st.integers(0, 7), max_size=4)):
            split.step(partition, data.draw(st.integers(0, 6)))
        now += data.draw(MINUTES) * 60_000
        split.advance(now)
    split.finish()
    told, said_by = Told(), dict[str, int]()
    for partition, finding in split.said:
        assert said_by.setdefault(finding.id, partition) == partition
        told.hear([finding])
    assert told.standing() == at_once(hops)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_name_of_many_tasks_means_the_same_run_in_every_order(data: st.DataObject) -> None:
    """What is revoked by a task's id alone moves to the run it fits, and takes back what it did."""
    hops = data.draw(one_name_for_many_tasks())
    split = Partitioned(data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    for batch in data.draw(deliveries(hops)):
        split.ingest(batch)
        split.step(data.draw(st.integers(0, 5)), 6)
    split.finish()
    told = Told()
    told.hear(finding for _, finding in split.said)
    assert told.standing() == at_once(hops)


def lineage(batches: Iterable[list[Hop]]) -> dict[SpanId, Hop]:
    """The rows the store ends up with."""
    store = MemoryStore()
    for hops in batches:
        store.write(Batch(hops=hops))
    return store.hops


def _placed_in_the_end(engine: Engine) -> list[Hop]:
    engine.finish()
    return engine.take_placed()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_same_facts_end_in_the_same_lineage(data: st.DataObject) -> None:
    """Each span in its place, whatever the order it came in, and the order the store read in."""
    hops = one_report_a_span(data.draw(facts()))
    assume(not round_without_a_root(hops))
    engine, now = Engine(), 0
    expected = lineage([engine.add(hops), _placed_in_the_end(engine)])
    engine = Engine()
    taken: list[list[Hop]] = []
    for batch in data.draw(deliveries(hops)):
        taken.append(engine.add(batch))
        engine.drain()
        now += data.draw(MINUTES) * 60_000
        engine.advance(now)
    assert lineage([*taken, _placed_in_the_end(engine)]) == expected
    split = Partitioned(data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
    for batch in data.draw(deliveries(hops)):
        split.ingest(batch)
        for partition in data.draw(st.lists(st.integers(0, 7), max_size=4)):
            split.step(partition, data.draw(st.integers(0, 6)))
    split.finish()
    assert lineage(data.draw(deliveries(split.written))) == expected
