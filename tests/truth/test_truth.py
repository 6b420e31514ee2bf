"""The labelled corpus as a gate: a few chains of every kind; `make truth` judges more."""

from __future__ import annotations

from functools import cache

import pytest

from tests.truth.corpus import Corpus, generate
from tests.truth.kind import KINDS
from tests.truth.known import unknown, unused
from tests.truth.page import PAGE, written
from tests.truth.score import MODES, Wrong, judge
from tests.truth.telling import VIEWS

SEED, TIMES = 1, 2


@cache
def corpus() -> Corpus:
    return generate(SEED, TIMES)


@cache
def wrongs(view: str, mode: str) -> tuple[Wrong, ...]:
    tallies = judge(corpus(), view, mode, SEED)
    return tuple(wrong for tally in tallies.values() for wrong in tally.wrong)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("mode", MODES)
def test_all_that_the_facts_decide_is_found_and_nothing_else(view: str, mode: str) -> None:
    new = unknown(wrongs(view, mode))
    assert not new, [f"{w.kind}: {w.what} {w.case} {w.says}" for w in new[:20]]


def test_what_is_known_to_be_wrong_still_is() -> None:
    found = (wrong for view in VIEWS for mode in MODES for wrong in wrongs(view, mode))
    assert not unused(found, (SEED, TIMES))


def test_every_kind_is_lived_through() -> None:
    assert {case.kind.name for case in corpus().cases.values()} == {kind.name for kind in KINDS}


def test_every_dishonest_kind_is_decided_in_some_view_or_its_page_says_why_not() -> None:
    decided = {
        kind
        for view in VIEWS
        for kind, tally in judge(corpus(), view, "whole", SEED).items()
        if tally.due
    }
    never = {kind.name for kind in KINDS if kind.due} - decided
    assert never == {
        "a stolen token is exchanged",
        "an exchange for another resource gives what nobody consented to",
    }


def test_the_page_says_which_views_decide_what() -> None:
    assert PAGE.read_text("utf-8") == written(corpus()), "make truth ARGS=--page"


def test_the_same_seed_gives_the_same_facts() -> None:
    again = generate(SEED, TIMES)
    for view in VIEWS:
        told, retold = (
            [(case, hop.operation, hop.time, hop.token_fingerprint) for case, hop in one.told[view]]
            for one in (corpus(), again)
        )
        assert told == retold
