"""View `verdicts`: whether each use was authorised, as the engine's own findings and the lineage have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import MAX_LISTED, Finding
from grantline.model.hop import LATE, Hop
from grantline.model.policy import Policy
from grantline.ports import Batch
from grantline.rules import Rule, every
from grantline.rules.rule import Effect, Reach
from grantline.rules.story import tell
from grantline.store.duckdb_store import DuckDBStore


def store_of(hops: Sequence[Hop], findings: Sequence[Finding] = ()) -> DuckDBStore:
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=hops, findings=findings))
    return store


def judged(story: str | Sequence[Hop], policy: Policy | None = None) -> DuckDBStore:
    """The lineage with all that the engine says of it, in the end."""
    hops = [*chain(*tell(story))] if isinstance(story, str) else list(story)
    engine = Engine(policy)
    hops = engine.add(hops)
    findings = engine.finish()
    return store_of([*hops, *engine.take_placed()], findings)


def verdicts(store: DuckDBStore, *columns: str) -> list[tuple[Any, ...]]:
    told = ", ".join(("presenter", "verdict", *columns))
    return store.query(f"SELECT {told} FROM verdicts ORDER BY seen_at, span_id")


def test_each_use_is_authorised_refused_not_authorised_or_unproven() -> None:
    store = judged("""
        alice grant planner token=t0 scopes=read aud=crm
        planner delegate worker from=t0 token=t1 scopes=read aud=crm
        worker use t1 by=crm required=read aud=crm
        worker use t1 by=crm required=read aud=crm outcome=deny
        mallory use t1 by=crm required=read aud=crm
        ghost use t9 by=crm root=dlg:t0
        stray use t8 by=crm root=-
        alice revoke t1
        @90 worker use t1 by=crm required=read aud=crm
    """)
    assert verdicts(store, "rule") == [
        ("worker", "authorised", None), ("worker", "authorised", None), ("worker", "refused", None),
        ("mallory", "not authorised", "presenter-differs"), ("ghost", "unproven", "unknown-token"),
        ("stray", "unproven", "unknown-token"), ("worker", "not authorised", "used-after-revocation"),
    ]  # fmt: skip
    unproven = dict(
        row for row in verdicts(store, "missing") if row[1] == "unproven" for row in [row[::2]]
    )
    assert unproven["stray"] == "the grant that it leads to"
    assert unproven["ghost"].startswith("the report of dlg_")
    fact = store.query("SELECT fact FROM verdicts WHERE presenter = 'mallory'")
    assert fact == store.query("SELECT explanation FROM findings WHERE rule = 'presenter-differs'")


def test_what_a_delegation_gained_denies_all_that_is_done_below_it() -> None:
    """And nothing beside it."""
    store = judged("""
        alice grant planner token=t0 scopes=read
        planner delegate worker from=t0 token=t1 scopes=read,admin
        worker delegate tool from=t1 token=t2 scopes=read
        tool use t2 required=read
        planner delegate other from=t0 token=t3 scopes=read
        other use t3 required=read
    """)
    assert verdicts(store) == [
        ("worker", "not authorised"), ("tool", "not authorised"), ("tool", "not authorised"),
        ("other", "authorised"), ("other", "authorised"),
    ]  # fmt: skip


def test_below_what_nobody_reported_all_is_unproven_and_says_who_owes_it() -> None:
    store = judged("""
        alice grant planner token=t0 scopes=read
        hidden delegate sub from=lost token=t7 scopes=read root=dlg:t0
        sub use t7 root=dlg:t0
    """)
    (exchange, use) = verdicts(store, "missing", "owed_by")
    assert exchange[1] == use[1] == "unproven"
    assert use[2].startswith("the report of dlg_")
    assert use[3] == "hidden"


def test_a_finding_of_low_confidence_or_in_doubt_denies_nothing() -> None:
    hops, _ = tell("""
        alice grant planner token=t0 scopes=read aud=crm
        planner use t0 by=crm required=read aud=crm
        mallory use t0 by=crm required=read aud=crm
    """)
    engine = Engine()
    engine.add(hops)
    said = [one for one in engine.finish() if one.rule == "presenter-differs"][-1]
    changes: list[tuple[dict[str, Any], str]] = [
        ({}, "not authorised"),
        ({"confidence": "low"}, "unproven"),
        ({"provisional": True}, "unproven"),
        ({"status": "retracted"}, "authorised"),
    ]
    for change, verdict in changes:
        store = store_of(hops, [said.model_copy(update=change)])
        assert verdicts(store)[1:] == [("mallory", verdict)]
    store.write(Batch(findings=[said.model_copy(update={"revision": said.revision + 1})]))
    assert verdicts(store)[1:] == [("mallory", "not authorised")]


def test_what_was_stored_and_never_judged_is_unproven() -> None:
    hops, _ = tell("alice grant planner token=t0\nplanner use t0 by=crm")
    late = msgspec.structs.replace(hops[1], flags=(LATE,))
    assert verdicts(store_of([hops[0], late]), "owed_by") == [("planner", "unproven", "crm")]


def test_a_use_that_a_finding_may_mean_without_listing_it_is_never_authorised() -> None:
    """A finding lists 64 spans: more are proven not authorised by it, or unproven, until it ends."""
    many = 2 * MAX_LISTED
    uses = "\n".join(f"@{200 + number} worker use t1 by=crm" for number in range(many))
    hops, _ = tell(f"""
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        @10 worker use t1 by=crm
        @50 bob grant other token=o0
        @100 alice revoke t1
        {uses}
        @250 other use o0 by=crm
    """)
    engine = Engine()
    engine.add(hops)
    findings = engine.finish()
    (said,) = [one for one in findings if one.rule == "used-after-revocation"]
    assert said.count == many
    store = store_of(hops, findings)
    counted = Counter(
        verdict for _, verdict, operation in verdicts(store, "operation") if operation == "use"
    )
    assert counted == {
        "authorised": 2, "not authorised": MAX_LISTED, "unproven": many - MAX_LISTED,
    }  # fmt: skip
    missing = store.query("SELECT DISTINCT missing FROM verdicts WHERE verdict = 'unproven'")
    assert missing == [(f"whether it is among the {many} spans of {said.id}, which lists 64",)]
    gone = said.model_copy(update={"status": "retracted", "revision": said.revision + 1})
    store.write(Batch(findings=[gone]))
    assert store.query("SELECT DISTINCT verdict FROM verdicts") == [("authorised",)]


@pytest.mark.parametrize("rule", every(), ids=lambda rule: rule.id)
def test_what_each_rule_accuses_is_judged_as_it_declares(rule: Rule) -> None:
    """The engine's own hits, on the rule's first example: no accused use is authorised."""
    store = judged(next(iter(rule.fires.values())), Policy(**rule.policy))
    found = store.query(
        "SELECT list_distinct(flatten(list(span_ids))), max(confidence = 'high' AND NOT provisional) "
        "FROM findings WHERE status = 'open' AND rule = ?", [rule.id],
    )  # fmt: skip
    ((spans, sure),) = found
    accused = {
        verdict
        for span, verdict in store.query("SELECT span_id, verdict FROM verdicts")
        if span in spans
    }
    allowed = {"refused", "not authorised", "unproven"}
    if rule.effect is Effect.NOTHING:
        allowed |= {"authorised"}
    elif rule.effect is Effect.UNPROVES:
        assert accused
    elif sure:
        assert "unproven" not in accused
    assert accused <= allowed
    assert rule.effect is not Effect.NOTHING or rule.reaches is Reach.USE


def test_the_verdicts_add_up_to_all_uses_and_coverage_sums_them() -> None:
    store = judged("""
        alice grant planner token=t0 scopes=read iss=https://as.example
        planner use t0 by=crm
        planner use t0 by=crm outcome=deny
        mallory use t0 by=erp
        ghost use t9 by=erp root=dlg:t0
    """)
    ((uses, told),) = store.query("SELECT (SELECT count(*) FROM uses), count(*) FROM verdicts")
    assert uses == told == 4
    assert store.query("""SELECT of, name, presented, authorised, refused, not_authorised, unproven
        FROM coverage WHERE of != 'agent' OR name IN ('planner', 'mallory') ORDER BY ALL""") == [
        ("agent", "mallory", 1, 0, 0, 1, 0), ("agent", "planner", 2, 1, 1, 0, 0),
        ("issuer", "https://as.example", 3, 1, 1, 1, 0),
        ("system", "crm", 2, 1, 1, 0, 0), ("system", "erp", 2, 0, 0, 1, 1),
    ]  # fmt: skip


def test_effects_in_the_database_are_those_that_the_rules_declare(tmp_path: Any) -> None:
    """Also of a file that another release wrote."""
    for _ in range(2):
        store = DuckDBStore(tmp_path / "lineage.duckdb")
        told = store.query("FROM rule_effects ORDER BY rule")
        assert told == [(rule.id, rule.effect, rule.reaches) for rule in every()]
        store.close()
