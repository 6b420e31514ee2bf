"""A finding that sums what was let in and what was refused leads with what was let in."""

from __future__ import annotations

from itertools import permutations

import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.rules.story import tell

_GRANT = "alice grant planner token=t0 exp=100"


def _said(hops: list[Hop]) -> Finding:
    engine = Engine()
    engine.add(hops)
    last = {finding.id: finding for finding in engine.finish()}
    [found] = [one for one in last.values() if one.reference == "TR-06"]
    return found


def _story(*outcomes: str) -> list[Hop]:
    """A token that ends at second 100; each later minute brings one use."""
    uses = (
        f"@{300 + 60 * n} planner use t0 outcome={outcome}" for n, outcome in enumerate(outcomes)
    )
    told, _ = tell("\n".join((_GRANT, *uses)))
    return told


@pytest.mark.parametrize(
    "outcomes, words, severity",
    [
        (("deny", "allow"), "it was accepted (1 was refused)", "high"),
        (
            ("deny", "deny", "allow", "allow"),
            "it was accepted (and 1 more; 2 were refused)",
            "high",
        ),
        (("allow", "allow"), "it was accepted (and 1 more)", "high"),
        (("deny", "deny"), "was refused (and 1 more)", "low"),
        (("deny",), "was refused", "low"),
    ],
)
def test_the_words_are_of_what_was_let_in_and_both_are_counted(
    outcomes: tuple[str, ...], words: str, severity: str
) -> None:
    hops = _story(*outcomes)
    found = [_said(list(order)) for order in permutations(hops)]
    assert {one.explanation.partition("and ")[2] for one in found} == {words}
    assert {(one.severity, one.count) for one in found} == {(severity, len(outcomes))}
    assert {one.first_seen for one in found} == {_said(hops).first_seen}


def test_the_first_that_was_seen_is_the_earliest_though_it_was_refused() -> None:
    """What was refused is listed last, and still tells since when."""
    refused, let_in = _story("deny", "allow")[1:]
    found = _said(_story("deny", "allow"))
    assert found.span_ids == [let_in.span_id, refused.span_id]
    assert found.first_seen < found.last_seen
