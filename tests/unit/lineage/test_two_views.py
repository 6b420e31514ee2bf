"""An issuer's log (jti) and agents' spans (fingerprint) tell of one chain, in any order, on any partition."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import DELEGATE, GRANT, REVOKE, SERVER, USE, Hop
from grantline.model.names import derived_id
from grantline.ports import Batch
from grantline.rules.story import EPOCH, fingerprint
from grantline.store.memory import MemoryStore
from tests.partitioned import Partitioned

ISSUER = "https://as.example.com"
NS = 1_000_000_000


def _hop(number: int, operation: str, second: int = 0, **fields: Any) -> Hop:
    digits = f"{number:032x}"
    return Hop(digits[16:], digits, operation, (EPOCH + second) * NS, **fields)


def _row(number: int, operation: str, jti: str, **fields: Any) -> Hop:
    told: dict[str, Any] = {"token_issuer": ISSUER, "token_jti": jti, "evidence": "issuer"}
    return _hop(number, operation, **(told | fields))


def _span(number: int, operation: str, token: str, **fields: Any) -> Hop:
    told: dict[str, Any] = {"token_fingerprint": fingerprint(token), "evidence": "verified_token"}
    return _hop(number, operation, **(told | fields))


_BY_LOG = _row(1, GRANT, "j0", granted_scopes=("read",), subject_id="alice", actor_id="planner")
_BY_SPAN = _span(
    2, GRANT, "t0", token_issuer=ISSUER, token_jti="j0", root_id=derived_id(fingerprint("t0")),
    granted_scopes=("read",), subject_id="alice", actor_id="planner",
)  # fmt: skip
_MIDDLE = _row(
    3, DELEGATE, "j1", token_parent_jti="j0", granted_scopes=("read", "write"), actor_id="worker"
)


def _standing(findings: list[Finding]) -> list[Finding]:
    last = {finding.id: finding for finding in findings}
    return [finding for finding in last.values() if finding.status == "open"]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after every grace"])
@pytest.mark.parametrize("order", [*permutations((_BY_LOG, _BY_SPAN, _MIDDLE))])
def test_a_grant_told_twice_and_a_hand_off_are_one_chain(
    order: tuple[Hop, ...], late: bool
) -> None:
    """The gain is found once, under the root that the span names, whatever came first."""
    split, now = Partitioned(3, 3), 0
    for hop in order:
        split.ingest([hop])
        for partition in range(6):
            split.step(partition, 10)
        if late:
            now += 600_000
            split.advance(now)
    split.finish()
    [found] = _standing([finding for _, finding in split.said])
    assert (found.reference, found.root_id) == ("SE-01", _BY_SPAN.root_id)


def _said(*hops: Hop) -> set[str]:
    engine = Engine()
    engine.add(hops)
    return {finding.rule for finding in _standing(engine.finish())}


_USE: dict[str, Any] = {"token_issuer": ISSUER, "kind": SERVER, "decision_outcome": "allow"}


def test_a_token_whose_issue_only_the_log_tells_is_used_in_its_chain() -> None:
    """The use shows fingerprint and jti, so that the log's revocation of the jti is its own."""
    use = _span(4, USE, "t1", second=300, token_jti="j1", **_USE)
    revoke = _row(5, REVOKE, "j1", second=100, revocation_target="token")
    assert _said(_BY_LOG, _MIDDLE, use) == {"scope-exceeds-parent"}
    assert _said(_BY_LOG, _MIDDLE, use, revoke) == {"scope-exceeds-parent", "used-after-revocation"}


_ROOTED: dict[str, Any] = _USE | {"token_jti": "j1", "root_id": derived_id(fingerprint("t0"))}
_ELSEWHERE: dict[str, Any] = _ROOTED | {"root_id": derived_id(fingerprint("t9"))}
_HANDED_ON = _row(3, DELEGATE, "j1", token_parent_jti="j0", actor_id="worker")


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after every grace"])
@pytest.mark.parametrize(
    "uses, said",
    [
        pytest.param([_span(4, USE, "t1", **_ROOTED)], [], id="under its root"),
        pytest.param([_span(4, USE, "t1", **_ELSEWHERE)], ["TR-10"], id="under another root"),
        pytest.param(
            [_span(4, USE, "t1", **_ELSEWHERE), _span(5, USE, "t1", **_ROOTED)],
            ["TR-10"],
            id="under both",
        ),
        pytest.param(
            [_span(4, USE, "t1", **_ELSEWHERE), _span(5, USE, "t1", **_USE, token_jti="j1")],
            ["TR-10"],
            id="under another root, and under none",
        ),
        pytest.param(
            [_span(4, USE, "t1", **_ROOTED), _span(6, DELEGATE, "t1", **_ROOTED,
             token_parent_fingerprint=fingerprint("t0"))],
            [],
            id="and its issue is reported, too",
        ),
    ],
)  # fmt: skip
def test_a_use_that_names_its_root_is_told_what_the_log_says_of_its_token(
    uses: list[Hop], said: list[str], late: bool
) -> None:
    """Its issue is a row; its root is the row's, in any order, and no issue is missing."""
    for order in permutations((_BY_SPAN, _HANDED_ON, *uses)):
        split, now = Partitioned(3, 3), 0
        for hop in order:
            split.ingest([hop])
            for partition in range(6):
                split.step(partition, 10)
            if late:
                now += 600_000
                split.advance(now)
        split.finish()
        found = _standing([finding for _, finding in split.said])
        assert [one.reference for one in found] == said, [hop.operation for hop in order]
        if said:
            assert found[0].explanation.count(derived_id(fingerprint("t0"))) == 1
            assert found[0].root_id == derived_id(fingerprint("t0"))


def test_where_the_log_leads_to_no_root_that_is_said_low_of_a_use_that_names_one() -> None:
    use = _span(4, USE, "t1", **_ROOTED)
    for order in permutations((_BY_LOG, _HANDED_ON, use)):
        engine = Engine()
        engine.add(order)
        [found] = _standing(engine.finish())
        assert (found.rule, found.severity) == ("unknown-token", "low")
        assert "only a log tells" in found.explanation


def test_a_second_fingerprint_of_one_jti_is_not_taken_for_the_first() -> None:
    """Its issue was reported of another token: that it was never issued is said."""
    use = _span(4, USE, "forged", token_jti="j0", **_USE)
    assert _said(_BY_SPAN, use) == {"unknown-token"}
    assert _said(use, _BY_SPAN) == {"unknown-token"}


def test_a_word_without_evidence_draws_nobodys_hand_off_into_its_chain() -> None:
    """Somebody asserts that his token has the jti: the log's chain stays where it is."""
    lie = _span(
        6, GRANT, "t9", evidence="asserted", token_issuer=ISSUER, token_jti="j0",
        root_id=derived_id(fingerprint("t9")),
    )  # fmt: skip
    engine = Engine()
    engine.add([lie, _BY_LOG, _MIDDLE])
    [found] = _standing(engine.finish())
    assert found.root_id not in (None, lie.root_id)


def test_one_gap_is_one_finding_that_counts_what_hangs_below() -> None:
    """The row of the grant was lost: three hand-offs below it, one finding, which names its jti."""
    rows = [
        _row(10 + n, DELEGATE, f"j{n + 1}", token_parent_jti=f"j{n}", actor_id=f"a{n}")
        for n in range(3)
    ]
    for order in permutations(rows):
        engine = Engine()
        engine.add(order)
        [found] = _standing(engine.finish())
        assert (found.reference, found.root_id, found.count) == ("CS-06", None, 3)
        assert "j0" in found.explanation


def test_a_grant_told_by_row_and_by_token_is_one_top_in_the_end() -> None:
    """No root is named: hand-offs below the row end up where the stronger name leads, in any order."""
    facts = (
        _BY_LOG,
        _span(2, GRANT, "t0", evidence="issuer"),
        _span(3, DELEGATE, "t1", evidence="issuer", token_parent_fingerprint=fingerprint("t0"),
              token_parent_issuer=ISSUER, token_parent_jti="j0"),
        _row(4, DELEGATE, "j3", token_parent_jti="j0"),
    )  # fmt: skip
    top = derived_id(fingerprint("t0"))
    for order in permutations(facts):
        for late in (0, 60_000, 600_000):
            engine, store, now = Engine(), MemoryStore(), 0
            for hop in order:
                store.write(Batch(hops=engine.add([hop])))
                engine.drain()
                now += late
                engine.advance(now)
            engine.finish()
            store.write(Batch(hops=engine.take_placed()))
            assert {hop.root_id for hop in store.hops.values()} == {top}
