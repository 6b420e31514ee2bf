"""The questions of `schemas/duckdb`: what each answers on a small story, by any name, alone or in a list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from grantline.model.names import derived_id
from grantline.ports import Batch
from grantline.rules.story import EPOCH, fingerprint, tell
from grantline.store.duckdb_store import DuckDBStore

STORY = """
    alice grant planner token=t0 scopes=read,write aud=crm,erp exp=1000 jti=j0 task=trip session=s1
    planner delegate worker from=t0 token=t1 scopes=admin,read aud=crm exp=2000 jti=j1 task=trip
    worker delegate tool from=t1 token=t2 scopes=read aud=crm exp=500 task=sub
    tool use t2 at=crm.example.com by=crm required=read action=find risk=high task=sub
    planner use t0 at=erp.example.com by=erp required=write action=book
    alice revoke t0 target=subtree
    tool use t2 at=crm.example.com by=crm required=read action=find task=sub
    tool use t2 at=crm.example.com by=crm required=read action=find outcome=deny
    bob grant other token=o0 scopes=read jti=j9 task=k9
    other use o0 at=crm.example.com by=crm required=write action=edit
    other use o0 at=crm.example.com by=crm required=write action=edit outcome=deny
"""
START = datetime.fromtimestamp(EPOCH, UTC).replace(tzinfo=None)


def dlg(token: str) -> str:
    return derived_id(fingerprint(token))


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def store_of(story: str) -> DuckDBStore:
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=[*tell(story)[0]]))
    return store


@pytest.fixture(scope="module")
def told() -> DuckDBStore:
    return store_of(STORY)


QUESTIONS = {
    "chain": "chain(?)", "tree": "tree(?)", "ancestors": "ancestors(?)",
    "descendants": "descendants(?)", "reach": "reach(?)", "blast_radius": "blast_radius(?)",
    "what_if_revoked": "what_if_revoked(?)", "paths": "paths(?, 'tool')",
    "what_changed": "what_changed(?)", "scope_origin": "scope_origin(?, 'read')",
    "uses_after_revocation": "uses_after_revocation(?)", "revocation_lag": "revocation_lag(?)",
    "who_else_used": "who_else_used(?)", "consents_covering": "consents_covering(?)",
    "timeline": "timeline(?)",
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_one_unknown_name_is_an_error_that_says_it(told: DuckDBStore, question: str) -> None:
    with pytest.raises(duckdb.Error, match="the lineage knows nothing by 'nobody'"):
        told.query(f"FROM {question}", ["nobody"])


@pytest.mark.parametrize("name", ["", "%", "...", "...a", "' OR 1=1 --", "sha256:", "fnd_"])
def test_what_is_no_name_means_nothing(told: DuckDBStore, name: str) -> None:
    with pytest.raises(duckdb.Error, match="the lineage knows nothing"):
        told.query("FROM chain(?)", [name])


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_in_a_list_an_unknown_name_is_marked_and_the_others_are_answered(
    told: DuckDBStore, question: str
) -> None:
    alone = told.query(f"SELECT DISTINCT asked, known FROM {question}", ["alice"])
    both = told.query(f"SELECT DISTINCT asked, known FROM {question}", [["nobody", "alice"]])
    assert sorted(both) == sorted([("nobody", False), *alone])
    assert told.query(f"FROM {question}", [[]]) == []


def test_a_question_is_answered_by_whatever_name_a_person_has(told: DuckDBStore) -> None:
    """A name of the delegation means it; of its task, agent or human, all of theirs."""
    (span, trace) = told.query("SELECT span_id, trace_id FROM hops WHERE token_jti = 'j1'")[0]
    for name in (dlg("t1"), fingerprint("t1"), fingerprint("t1")[7:], "j1", span, trace, "worker",
                 "..." + fingerprint("t1")[-6:], "…" + fingerprint("t1")[-6:]):  # fmt: skip
        assert told.query(
            "SELECT DISTINCT asked, id FROM descendants(?) WHERE distance = 0", [name]
        ) == [(name, dlg("t1"))]
    for name in ("trip", "alice", "planner", "s1"):
        rows = told.query("SELECT id FROM descendants(?) ORDER BY id", [name])
        assert rows == sorted((dlg(token),) for token in ("t0", "t1", "t2"))
    assert told.query(
        "SELECT id FROM ancestors('crm.example.com') WHERE distance = 0 ORDER BY id"
    ) == (sorted([(dlg("t2"),), (dlg("o0"),)]))


def test_a_list_answers_each_name_for_itself(told: DuckDBStore) -> None:
    rows = told.query("SELECT asked, id FROM ancestors(?)", [[fingerprint("t1"), "other"]])
    assert rows == [
        (fingerprint("t1"), dlg("t1")), (fingerprint("t1"), dlg("t0")), ("other", dlg("o0")),
    ]  # fmt: skip
    roots = told.query("SELECT DISTINCT asked, root_id FROM chain(?)", [["bob", "alice"]])
    assert sorted(roots) == [("alice", dlg("t0")), ("bob", dlg("o0"))]


def test_chains_without_a_root_answer_each_name_for_itself() -> None:
    store = store_of("eve use stray root=-\nmallory use other root=-")
    rows = store.query("SELECT asked, presenter FROM chain(?)", [["eve", "mallory"]])
    assert rows == [("eve", "eve"), ("mallory", "mallory")]


def test_ways_between_two_things(told: DuckDBStore) -> None:
    """Down, up and across, with the actors on the way; nothing leads into another chain."""
    ask = "SELECT direction, steps, path, without_human, shortest FROM paths(?, ?)"
    assert told.query(ask, ["alice", "find"]) == [
        ("down", 2, ["planner", "worker", "tool"], False, True)
    ]
    assert told.query(ask, ["tool", "planner"]) == [
        ("up", 2, ["tool", "worker", "planner"], False, True)
    ]
    assert told.query(ask, ["worker", "tool"]) == [("down", 1, ["worker", "tool"], True, True)]
    assert told.query(ask, ["other", "planner"]) == []
    store = store_of("""
        alice grant planner token=t0
        planner delegate a from=t0 token=t1
        planner delegate b from=t0 token=t2
        b delegate a from=t2 token=t3
    """)
    assert store.query(ask, ["b", "a"]) == [
        ("down", 1, ["b", "a"], True, True), ("across", 2, ["b", "planner", "a"], False, False),
    ]  # fmt: skip


def test_what_each_delegation_changed() -> None:
    hops, _ = tell("""
        alice grant planner token=t0 scopes=read,write aud=crm,erp exp=1000
        planner delegate worker from=t0 token=t1 scopes=admin,read aud=crm exp=2000
        worker delegate tool from=t1 token=t2 scopes=admin,read aud=crm exp=2000
    """)
    rar = [("payment", '{"max":5}'), ("payment", '{"max":9}'), ("payment", '{"max":9}')]
    hops = [msgspec.structs.replace(hop, rar_types=(kind,), rar_details=text)
            for hop, (kind, text) in zip(hops, rar, strict=True)]  # fmt: skip
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=hops))
    assert store.query("""SELECT actor_id, changed, scopes_gained, scopes_dropped, audiences_gained,
        audiences_dropped, lives_longer, rar_gained, rar_differs FROM what_changed('alice')""") == [
        ("planner", [], None, None, None, None, None, None, None),
        ("worker", ["scopes", "audiences", "expiry", "rar"], ["admin"], ["write"], [], ["erp"],
         timedelta(seconds=1000), [], True),
        ("tool", [], [], [], [], [], None, [], False),
    ]  # fmt: skip


def test_how_long_each_system_took_to_notice(told: DuckDBStore) -> None:
    ask = """SELECT system, revoked_by, uses, allowed, refused, first_use, last_use,
        last_allowed_lag, first_refused_lag FROM revocation_lag(?)"""
    assert told.query(ask, [fingerprint("t0")]) == [
        (
            "crm.example.com",
            "alice",
            2,
            1,
            1,
            at(6),
            at(7),
            timedelta(seconds=1),
            timedelta(seconds=2),
        )
    ]
    assert told.query(ask, ["bob"]) == []


def test_uses_after_revocation_are_those_of_what_is_named_and_below(told: DuckDBStore) -> None:
    ask = "SELECT count(*) FROM uses_after_revocation(?)"
    assert [told.query(ask, [name])[0][0] for name in ("alice", "worker", fingerprint("t2"))] == [
        2
    ] * 3
    store = store_of("""
        alice grant planner token=t0
        planner delegate a from=t0 token=t1
        planner delegate b from=t0 token=t2
        alice revoke t0 target=subtree
        a use t1
    """)
    assert store.query(ask, [fingerprint("t1")]) == [(1,)]
    assert store.query(ask, [fingerprint("t2")]) == [(0,)]


def test_reach_tells_what_is_allowed_and_never_seen(told: DuckDBStore) -> None:
    assert told.query(
        "SELECT actor_id, uses, observed_scopes, unobserved_scopes, observed_systems FROM reach('planner')"
    ) == [
        ("planner", 1, ["write"], ["read"], ["erp.example.com"]),
        ("worker", 0, [], ["admin", "read"], []),
        ("tool", 2, ["read"], [], ["crm.example.com"]),
    ]


def test_blast_radius_counts_what_lives_then(told: DuckDBStore) -> None:
    """Not what is expired or revoked by then; what was done with it, and the grave of it."""
    ask = "SELECT actor_id, own, systems, grave_actions FROM blast_radius(?, ?)"
    assert told.query(ask, ["planner", at(4)]) == [
        ("planner", True, ["erp.example.com"], []),
        ("worker", False, [], []),
        ("tool", False, ["crm.example.com"], ["find"]),
    ]
    assert told.query(ask, ["planner", at(5)]) == []  # alice revoked it all
    store = store_of(STORY.replace("alice revoke t0 target=subtree", "alice revoke t2"))
    assert [row[0] for row in store.query(ask, ["planner", at(600)])] == ["planner", "worker"]
    assert [row[0] for row in store.query(ask, ["planner", at(1500)])] == []


def test_blast_radius_reaches_into_other_chains() -> None:
    """A delegation that another chain's token was obtained with is compromised there, too."""
    store = store_of("""
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        bob grant other token=o0
        other delegate sub from=t1 token=x1 root=dlg:o0
    """)
    rows = store.query("SELECT DISTINCT root_id, actor_id FROM blast_radius('worker', ?)", [at(9)])
    assert sorted(rows) == sorted([(dlg("t0"), "worker"), (dlg("o0"), "other"), (dlg("o0"), "sub")])


def test_what_would_stop(told: DuckDBStore) -> None:
    """Of it, and of all its chains; a task whose end was reported is not broken."""
    ask = "SELECT revoked, delegations, tokens, agents, systems, tasks, uses FROM what_if_revoked(?, ?)"
    assert told.query(ask, ["worker", at(4)]) == [
        ("it", 2, 2, ["tool", "worker"], ["crm.example.com"], ["sub", "trip"], 2),
        ("its roots", 3, 3, ["planner", "tool", "worker"], ["crm.example.com", "erp.example.com"],
         ["sub", "trip"], 3),
    ]  # fmt: skip
    assert told.query(ask, ["worker", at(60)])[0][1:3] == (0, 0)
    ended = store_of("""
        alice grant planner token=t0 task=k1
        planner use t0 task=k1
        planner end task=k1 root=dlg:t0
    """)
    assert ended.query("SELECT tasks FROM what_if_revoked('alice', ?)", [at(1)]) == [(["k1"],)] * 2
    assert ended.query("SELECT tasks FROM what_if_revoked('alice', ?)", [at(9)]) == [([],)] * 2


def test_who_else_used_it() -> None:
    """The same token, jti and key, in whatever chain."""
    store = store_of("""
        alice grant planner token=t0 jti=j0 iss=https://as.example key=k1
        planner use t0 key=k1 by=crm
        mallory use t0 key=k1 by=crm
        bob grant other token=o0 jti=j1 iss=https://as.example
        other use o0 key=k1 by=erp
        eve use copy jti=j0 iss=https://AS.example/ root=-
        eve use copy jti=j0 iss=https://elsewhere.example root=-
    """)
    rows = store.query(
        "SELECT shared, presenter, other, uses FROM who_else_used(?) ORDER BY ALL",
        [fingerprint("t0")],
    )
    assert rows == [
        ("jti", "eve", True, 1), ("key", "mallory", True, 1), ("key", "other", True, 1),
        ("key", "planner", False, 1), ("token", "mallory", True, 1), ("token", "planner", False, 1),
    ]  # fmt: skip


def test_which_consents_and_approvals_cover_what_was_done() -> None:
    hops, _ = tell("""
        alice grant planner token=t0 scopes=read exp=100
        carol approve a1 root=dlg:t0 until=50
        carol approve a2 root=dlg:t0 outcome=denied
        planner use t0 required=read approval=a1
        planner use t0 required=write approval=a2
        @60 planner use t0 required=read approval=a1
        @200 planner use t0 required=read approval=a3
        bob grant other token=o0
        other use o0
    """)
    consented = msgspec.structs.replace(hops[0], consent_id="c1")
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=[consented, *hops[1:]]))
    ask = "SELECT kind, id, status FROM consents_covering(?)"
    assert store.query(ask, ["planner"]) == [
        ("consent", "c1", "covers"), ("approval", "a1", "covers"),
        ("consent", "c1", "lacks scopes"), ("approval", "a2", "denied"),
        ("consent", "c1", "covers"), ("approval", "a1", "expired"),
        ("consent", "c1", "expired"), ("approval", "a3", "missing"),
    ]  # fmt: skip
    assert store.query(ask, [hops[3].span_id]) == [
        ("consent", "c1", "covers"), ("approval", "a1", "covers"),
    ]  # fmt: skip
    assert store.query(ask, ["bob"]) == [("consent", None, "missing")]


def test_one_line_of_time(told: DuckDBStore) -> None:
    rows = told.query("""SELECT "at", kind, who, what, outcome FROM timeline('alice')""")
    assert rows == [
        (at(0), "grant", "alice", "read write", None), (at(1), "delegate", "worker", "admin read", None),
        (at(2), "delegate", "tool", "read", None), (at(3), "use", "tool", "find", "allow"),
        (at(4), "use", "planner", "book", "allow"), (at(5), "revoke", "alice", None, None),
        (at(6), "use", "tool", "find", "allow"), (at(7), "use", "tool", "find", "deny"),
    ]  # fmt: skip


def test_two_runs_of_one_workflow() -> None:
    store = store_of("""
        alice grant planner token=t0 scopes=read
        planner use t0 action=find
        @10 bob grant planner token=o0 scopes=read,write
        planner use o0 action=find outcome=deny
        planner use o0 action=pay
    """)
    assert store.query("""SELECT operation, action_name, differs, times_one, times_other, after_other
        FROM compare_runs('alice', 'bob')""") == [
        ("grant", None, "scopes", 1, 1, timedelta(0)),
        ("use", "find", "outcome", 1, 1, timedelta(seconds=1)),
        ("use", "pay", "only in other", 0, 1, timedelta(seconds=2)),
    ]
    with pytest.raises(duckdb.Error, match="knows nothing by 'nobody'"):
        store.query("FROM compare_runs('alice', 'nobody')")


def test_systems_that_decide_otherwise_on_equal_grounds(told: DuckDBStore) -> None:
    """Here `write` is taken once without being held, and refused once."""
    ask = "SELECT scope, system, allowed, refused, allowed_lacking, refused_lacking, inconsistent"
    assert told.query(f"{ask} FROM enforcement_matrix ORDER BY scope, system") == [
        ("read", "crm.example.com", 2, 1, 0, 0, True),
        ("write", "crm.example.com", 1, 1, 1, 1, True),
        ("write", "erp.example.com", 1, 0, 0, 0, True),
    ]


def test_what_is_seen_of_whom() -> None:
    hops, _ = tell("""
        alice grant planner token=t0
        planner use t0 at=crm.example.com
        planner use lost root=dlg:t0 evidence=asserted
        planner use stray root=-
    """)
    hops = [msgspec.structs.replace(hop, received=hop.time // 1_000_000 + 250) for hop in hops]
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=hops))
    assert store.query(
        "SELECT of, name, hops, uses, unrooted, under_gap, weak, delay_p50 FROM coverage WHERE of = 'agent'"
    ) == [("agent", "planner", 4, 3, 1, 2, 1, timedelta(milliseconds=250))]


def test_sql_lists_the_questions_with_the_columns_they_have(told: DuckDBStore) -> None:
    """Each example runs on the story, and the page of the questions names each."""
    page = (Path(__file__).parents[2] / "schemas" / "duckdb" / "README.md").read_text("utf-8")
    listed = told.query("SELECT name, columns, example FROM questions")
    assert {name for name, _, _ in listed} >= {
        *QUESTIONS,
        "compare_runs",
        "enforcement_matrix",
        "gaps",
        "coverage",
        "verdicts",
    }
    for name, columns, example in listed:
        with told.cursor() as cursor:
            described: list[tuple[Any, ...]] = cursor.execute(f"DESCRIBE {example}").fetchall()
        assert [row[0] for row in described] == columns, name
        told.query(example)
        assert f"`{name}`" in page
        assert f"`{example}`" in page
