"""Tokens and answers of real issuers, and the whole of what each says: `tests/data/dialects`.

They come from the issuers' documentation, and from runs of the servers (`source`); `says` was
looked at by hand. Where a naive reading of `act` would turn a chain round, the order is in here.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from grantline import dialects
from grantline.dialects.known import BY_NAME

GOLDEN = Path(__file__).parents[2] / "data" / "dialects"
EVERY = [
    (path.stem, case)
    for path in sorted(GOLDEN.glob("*.json"))
    for case in json.loads(path.read_text())
]
CASES = [(name, case) for name, case in EVERY if "claims" in case]
ANSWERS = [(name, case) for name, case in EVERY if "answer" in case]
NOW = 1_700_000_000
"""When the answers came, seconds."""


def said(reading: dialects.Reading) -> dict[str, Any]:
    """The reading as JSON, without what is not told."""
    found = json.loads(json.dumps(dataclasses.asdict(reading)))
    return {
        n: v for n, v in found.items() if v not in (None, [], {}) or (n == "scopes" and v == [])
    }


def expected(case: dict[str, Any]) -> dict[str, Any]:
    return {"chain_complete": True, "scoped": False, **case["says"]}


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{d}: {c['name']}") for d, c in CASES])
def test_a_token_says_what_was_found_in_it_by_hand(case: dict[str, Any]) -> None:
    assert said(dialects.read(case["claims"], case.get("header"))) == expected(case)


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{d}: {c['name']}") for d, c in ANSWERS])
def test_an_answer_says_what_was_found_in_it_by_hand(case: dict[str, Any]) -> None:
    found = json.loads(json.dumps(dataclasses.asdict(dialects.read_answer(case["answer"], NOW))))
    assert {name: value for name, value in found.items() if value is not None} == case["says"]


def test_every_dialect_has_its_golden_tokens_or_answers() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(BY_NAME)
    assert all(case["source"] and case["name"] for _, case in EVERY)
    assert {name for name, _ in EVERY} == set(BY_NAME)


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{d}: {c['name']}") for d, c in CASES])
def test_every_part_of_a_chain_has_an_evidence_class(case: dict[str, Any]) -> None:
    reading = dialects.read(case["claims"], case.get("header"))
    told = {name for name in ("type", "actor", "chain", "delegator") if getattr(reading, name)}
    assert told <= reading.evidence.keys()


def test_the_delegator_stands_before_the_actor_in_every_chain() -> None:
    for name, case in CASES:
        reading = dialects.read(case["claims"], case.get("header"))
        if reading.delegator is not None and reading.chain is not None:
            assert reading.chain[-2:] == (reading.delegator, reading.actor), (name, case["name"])
