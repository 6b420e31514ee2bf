"""One test for every promise a rule makes: metadata, examples, late facts, any order."""

from __future__ import annotations

import random

import pytest
from _pytest.mark.structures import ParameterSet

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.rules import Rule, every
from grantline.rules.story import tell

RULES = {rule.id: rule for rule in every()}


def final(*parts: list[Hop], rule: Rule | None = None) -> dict[str, Finding]:
    """What still stands when every fact is in and every grace has passed, without revisions."""
    engine = Engine(Policy(**rule.policy) if rule is not None else None)
    last: dict[str, Finding] = {}
    for hops in parts:
        engine.add(hops)
        last |= {finding.id: finding for finding in engine.drain()}
    last |= {finding.id: finding for finding in engine.finish()}
    return {
        key: finding.model_copy(update={"revision": 0})
        for key, finding in last.items()
        if finding.status == "open"
    }


def all_of(story: str) -> list[Hop]:
    early, late = tell(story)
    return early + late


def by(rule: Rule, findings: dict[str, Finding]) -> list[Finding]:
    return [finding for finding in findings.values() if finding.rule == rule.id]


def meant(rule: Rule, caption: str) -> str:
    """The reference an example is about: the rule's only one, else what its caption begins with."""
    if len(rule.references) == 1:
        return rule.references[0]
    reference, colon, _ = caption.partition(": ")
    assert colon, f"{caption!r} does not begin with one of {rule.references}"
    assert reference in rule.references
    return reference


def pinned(kind: str) -> list[ParameterSet]:
    return [
        pytest.param(rule, meant(rule, caption), story, id=f"{rule.id}: {caption}")
        for rule in every()
        for caption, story in getattr(rule, kind).items()
    ]


def examples(kind: str) -> list[ParameterSet]:
    return [
        pytest.param(rule, story, id=f"{rule.id}: {caption}")
        for rule in every()
        for caption, story in getattr(rule, kind).items()
    ]


@pytest.mark.parametrize("rule,reference,story", pinned("fires"))
def test_fires_on_its_example(rule: Rule, reference: str, story: str) -> None:
    """A rule finds what its own example plants, with the reference it is an example of."""
    found = by(rule, final(all_of(story), rule=rule))
    assert {finding.reference for finding in found} == {reference}
    spans = {hop.span_id for hop in all_of(story)}
    for finding in found:
        assert finding.span_ids
        assert set(finding.span_ids) <= spans
        assert finding.count >= len(finding.span_ids)


@pytest.mark.parametrize("rule,story", examples("quiet"))
def test_stays_quiet_on_a_near_miss(rule: Rule, story: str) -> None:
    """A rule says nothing about the near misses it names."""
    assert by(rule, final(all_of(story), rule=rule)) == []


@pytest.mark.parametrize("rule,reference,story", pinned("late"))
def test_a_late_fact_changes_the_verdict_to_what_it_would_have_been(
    rule: Rule, reference: str, story: str
) -> None:
    """Before the late fact the verdict differs; after it, it is that of the facts in order."""
    early, late = tell(story)
    assert late, "a late example needs a line that starts with late:"
    in_order = sorted(early + late, key=lambda hop: hop.time)
    assert final(early, late, rule=rule) == final(in_order, rule=rule)
    before = by(rule, final(early, rule=rule))
    after = by(rule, final(early, late, rule=rule))
    assert before != after
    assert {finding.reference for finding in (*before, *after)} == {reference}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rule,story", [param for kind in ("fires", "quiet", "late") for param in examples(kind)]
)
def test_order_and_duplicates_do_not_matter(rule: Rule, story: str, seed: int) -> None:
    """Shuffled, duplicated and split, the same facts end in the same findings."""
    hops = all_of(story)
    shuffled = hops + random.Random(seed).choices(hops, k=len(hops))
    random.Random(seed).shuffle(shuffled)
    assert final(*[[hop] for hop in shuffled], rule=rule) == final(hops, rule=rule)


@pytest.mark.parametrize("rule", every(), ids=RULES)
def test_carries_what_people_need(rule: Rule) -> None:
    """Every rule says why, what to do and what it cannot see, and has all three kinds of example:
    one that fires and one with a late fact for each of its references.
    """
    assert rule.id.replace("-", "_") == rule.check.__module__.rpartition(".")[2]
    for text in (rule.title, rule.why, rule.triage, rule.blind_spots, rule.retracts_if):
        assert len(text) > 10
    assert rule.maps
    assert rule.quiet
    for kind in (rule.fires, rule.late):
        assert {meant(rule, caption) for caption in kind} == set(rule.references)


def test_the_rules_of_the_first_release_are_there() -> None:
    """Adding a file is all it takes, and losing one is noticed."""
    assert {reference for rule in every() for reference in rule.references} >= {
        "TR-01", "TR-02", "TR-04", "TR-05", "TR-06", "TR-10", "TR-11", "SE-01", "SE-02", "CS-06",
        "CS-09",
    }  # fmt: skip
