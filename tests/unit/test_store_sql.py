"""The views and macros of `schemas/duckdb`, each on a small lineage told as a story."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.names import derived_id
from grantline.ports import Batch
from grantline.rules.story import fingerprint, tell
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.rows import FINDING_SCHEMA, HOP_SCHEMA

STORY = """
    alice grant planner token=t0 scopes=read,write exp=1000
    planner delegate worker from=t0 token=t1 scopes=admin,read
    worker delegate tool from=t1 token=t2 scopes=read exp=500
    tool use t2 at=crm.example.com by=crm
    alice revoke t0 target=subtree
    tool use t2 at=crm.example.com by=crm
    tool use t2 at=crm.example.com by=crm outcome=deny
    worker delegate sub from=lost token=t7 scopes=read root=dlg:t0
"""


def dlg(token: str) -> str:
    return derived_id(fingerprint(token))


ROOT = dlg("t0")
FOUND = "fnd_" + "0123456789abcdef" * 2


def store_of(story: str | Sequence[Hop], findings: Sequence[Finding] = ()) -> DuckDBStore:
    hops = list(story)
    if isinstance(story, str):
        on_time, late = tell(story)
        hops = [*on_time, *late]
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=hops, findings=findings))  # type: ignore[arg-type]
    return store


@pytest.fixture(scope="module")
def told() -> DuckDBStore:
    return store_of(STORY)


def finding(hops: Sequence[Hop], **fields: Any) -> Finding:
    known = {
        "id": FOUND, "rule": "scope_exceeds_parent", "reference": "SE-01", "title": "t",
        "severity": "high", "confidence": "high", "status": "open", "revision": 1,
        "root_id": ROOT, "delegation_ids": [], "token_fingerprints": [],
        "span_ids": [hop.span_id for hop in hops], "count": 1,
        "first_seen": "2026-11-23T10:00:00Z", "last_seen": "2026-11-23T10:00:01Z",
        "explanation": "e", "path": [], "facts": {}, "retracts_if": "r", "triage": "t", "sql": "s",
    }  # fmt: skip
    return Finding(**{**known, **fields})


@pytest.mark.parametrize("table,schema", [("hops", HOP_SCHEMA), ("findings", FINDING_SCHEMA),
                                          ("finding_history", FINDING_SCHEMA)])  # fmt: skip
def test_the_ddl_has_the_fields_of_the_model(told: DuckDBStore, table: str, schema: Any) -> None:
    """A field added to the model without a column fails here, and the other way round."""
    columns = told.query(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [table],
    )
    assert [name for (name,) in columns] == schema.names


def test_one_row_a_chain(told: DuckDBStore) -> None:
    assert told.query(
        "SELECT root_id, human, actors, depth, delegations, hops, uses, gaps, unrooted FROM chains"
    ) == [(ROOT, "alice", ["planner", "sub", "tool", "worker"], 2, 4, 8, 3, 1, 1)]


def test_a_chain_counts_its_open_findings() -> None:
    hops, _ = tell(STORY)
    store = store_of(hops, [finding(hops[1:2]), finding(hops[:1], id="fnd_" + "1" * 32, severity="low"),
                            finding(hops, id="fnd_" + "2" * 32, status="retracted")])  # fmt: skip
    assert store.query("SELECT open_findings, worst FROM chains") == [(2, "high")]


def test_a_chain_is_drawn_from_the_human_to_the_actions(told: DuckDBStore) -> None:
    """In order, with depth and path; what cannot be seen is a row of its own."""
    drawn = told.query("SELECT depth, path, operation, gap FROM chain(?)", [ROOT])
    worker = ["alice", "planner", "worker"]
    assert drawn == [
        (0, ["alice", "planner"], "grant", False),
        (0, ["alice", "planner"], "revoke", False),
        (1, worker, "delegate", False),
        (2, [*worker, "tool"], "delegate", False),
        *[(2, [*worker, "tool"], "use", False)] * 3,
        (None, ["alice", "planner", "?"], None, True),
        (None, ["alice", "planner", "?", "sub"], "delegate", False),
    ]


@pytest.mark.parametrize("wanted", [ROOT, dlg("t2"), fingerprint("t1"), fingerprint("t2")[7:],
                                    FOUND, "fnd_0123", "SPAN", "TRACE"])  # fmt: skip
def test_a_chain_is_found_by_any_of_its_names(wanted: str) -> None:
    hops, _ = tell(STORY)
    store = store_of([*hops, *tell("bob grant other token=o0")[0]], [finding(hops[1:2])])
    names = {"SPAN": hops[3].span_id, "TRACE": hops[3].trace_id}
    rows = store.query("SELECT DISTINCT root_id FROM chain(?)", [names.get(wanted, wanted)])
    assert rows == [(ROOT,)]
    assert store.query("SELECT count(*) FROM chains") == [(2,)]


@pytest.mark.parametrize("wanted", ["", "fnd_", "f", "nobody", "' OR 1=1 --", "%"])
def test_what_names_nothing_finds_nothing(wanted: str) -> None:
    """Neither an empty name nor the beginning that all findings share means everything."""
    hops, _ = tell(STORY)
    store = store_of(hops, [finding(hops[:1])])
    assert store.query("FROM chain([?]) WHERE known", [wanted]) == []
    assert store.query("FROM explain_finding(?)", [wanted]) == []


def test_a_violating_hop_is_marked_until_the_finding_is_retracted() -> None:
    hops, _ = tell(STORY)
    store = store_of(hops, [finding(hops[1:2])])
    marked = "SELECT violations, finding_ids FROM chain(?) WHERE violations != []"
    assert store.query(marked, [ROOT]) == [(["SE-01"], [FOUND])]
    store.write(Batch(findings=[finding(hops[1:2], revision=2, status="retracted")]))
    assert store.query(marked, [ROOT]) == []


def test_a_finding_is_explained_by_its_hops_and_the_delegations_above_them() -> None:
    """`explain_finding` is the SQL that every finding carries."""
    hops, _ = tell(STORY)
    store = store_of(hops, [finding(hops[2:3])])
    assert store.query("SELECT violating, operation, depth FROM explain_finding(?)", [FOUND]) == [
        (False, "grant", 0), (False, "revoke", 0), (False, "delegate", 1), (True, "delegate", 2),
    ]  # fmt: skip


def test_ancestors_and_descendants(told: DuckDBStore) -> None:
    """Of a delegation by its id or one of its tokens, nearest first."""
    up = told.query("SELECT distance, actor_id FROM ancestors(?)", [fingerprint("t2")])
    assert up == [(0, "tool"), (1, "worker"), (2, "planner")]
    down = told.query("SELECT distance, actor_id FROM descendants(?)", [dlg("t1")])
    assert down == [(0, "worker"), (1, "tool")]


def test_what_a_server_refused_its_client_was_refused() -> None:
    """The client does not decide, and leaves the outcome out."""
    store = store_of("""
        alice grant planner token=t0
        alice revoke t0 target=token
        planner use t0 kind=client call=c1
        planner use t0 outcome=deny call=c1
        planner use t0 kind=client call=c2
        planner use t0 call=c2
        planner use t1 kind=client call=c3
        planner use t0 outcome=deny call=c3
    """)
    asked = "SELECT refused FROM uses WHERE operation = 'use' ORDER BY seen_at"
    assert store.query(asked) == [(True,), (True,), (False,), (False,), (False,), (True,)]
    after = "SELECT refused FROM uses_after_revocation(?) ORDER BY seen_at"
    refused = [row for (row,) in store.query(after, [ROOT])]
    assert refused == [True, True, False, False, True]


def test_a_refusal_that_hangs_below_nothing_is_joined_by_token_and_minute() -> None:
    """As in traces of real clients, whose server's parent is an HTTP span; another minute is another
    call, another token another client.
    """
    store = store_of("""
        alice grant planner token=t0
        planner use t0 kind=client
        planner use t0 by=crm outcome=deny
        @200 planner use t0 kind=client
        @300 planner use t1 kind=client
        planner use t1 kind=client call=c1
        planner use t1 call=c1
        planner use t1 by=crm outcome=deny
    """)
    asked = "SELECT kind = 3, refused FROM uses WHERE operation = 'use' ORDER BY seen_at"
    assert store.query(asked) == [
        (True, True), (False, True), (True, False), (True, True), (True, False), (False, False), (False, True),
    ]  # fmt: skip


def test_a_revocation_that_its_task_alone_places_is_the_task_s() -> None:
    """Whatever it says that it is of: nothing else in it tells which chain is meant."""
    hops = [*chain(*tell("""
        alice grant planner token=t0 task=k1
        planner delegate worker from=t0 token=t1 task=k1
        alice revoke - task=k1 root=-
        worker use t1
    """))]  # fmt: skip
    store = store_of(Engine().add(hops))
    rows = store.query("SELECT revoked_by_span FROM uses_after_revocation(?)", [ROOT])
    assert rows == [(hops[2].span_id,)]


def test_uses_after_revocation_of_an_ancestor(told: DuckDBStore) -> None:
    """With how long after, by which revocation, and whether the system refused."""
    rows = told.query(
        "SELECT delegation_id, service, refused, across_gap, lag, revoked_by_span "
        "FROM uses_after_revocation(?)",
        [ROOT],
    )
    assert [(*row[:4], row[4].total_seconds()) for row in rows] == [
        (dlg("t2"), "crm", False, False, 1.0),
        (dlg("t2"), "crm", True, False, 2.0),
        (dlg("lost"), "sub", False, True, 3.0),
    ]
    (revoke,) = told.query("SELECT span_id FROM hops WHERE operation = 'revoke'")
    assert {row[5] for row in rows} == {revoke[0]}


@pytest.mark.parametrize(
    "revocation,found",
    [
        ("alice revoke t1", ["t2"]),
        ("alice revoke t2", ["t2"]),
        ("alice revoke t1 reason=rotation", []),
        ("alice revoke t1 target=delegation", ["t2"]),
        ("alice revoke t0 target=session", ["t2"]),
        ("alice revoke task=job target=task root=dlg:t0", ["t2"]),
        ("alice revoke o0 target=subtree", []),
    ],
)
def test_what_a_revocation_reaches(revocation: str, found: list[str]) -> None:
    """A token, a delegation, a task or a whole chain; a replaced token takes nothing with it."""
    store = store_of(f"""
        alice grant planner token=t0 task=job
        bob grant other token=o0
        planner delegate worker from=t0 token=t1
        worker delegate tool from=t1 token=t2
        {revocation}
        tool use t2
    """)
    rows = store.query("SELECT DISTINCT token_fingerprint FROM uses_after_revocation(?)", [ROOT])
    assert rows == [(fingerprint(token),) for token in found]


def test_where_a_scope_entered(told: DuckDBStore) -> None:
    """From the grant, or where somebody has it whose parent does not."""
    assert told.query("SELECT actor_id, escalated FROM scope_origin(?, 'admin')", [ROOT]) == [
        ("worker", True)
    ]
    assert told.query("SELECT actor_id, escalated FROM scope_origin(?, 'write')", [ROOT]) == [
        ("planner", False)
    ]


def test_reach_tells_what_is_allowed_and_what_was_seen(told: DuckDBStore) -> None:
    assert told.query(
        "SELECT actor_id, allowed_scopes, observed_systems, uses FROM reach(?)", [dlg("t1")]
    ) == [("worker", ["admin", "read"], [], 0), ("tool", ["read"], ["crm.example.com"], 2)]


def test_blast_of_a_compromised_actor(told: DuckDBStore) -> None:
    """Its live delegations, the unseen one that is said to be its among them, and what hangs
    below; what has expired does not count.
    """
    ask = "SELECT actor_id, state, own FROM blast('worker', ?::TIMESTAMP) ORDER BY ALL"
    unseen = [("sub", "seen", False), ("worker", "gap", True)]
    early = told.query(ask, ["2026-11-18"])
    assert early == sorted([*unseen, ("tool", "seen", False), ("worker", "seen", True)])
    assert told.query(ask, ["2026-11-30"]) == [*unseen, ("worker", "seen", True)]


def test_one_row_a_token(told: DuckDBStore) -> None:
    rows = told.query(
        "SELECT delegation_id, issue_seen, uses, exchanges, refused, presenters, presented_in "
        "FROM tokens WHERE token_fingerprint IN (?, ?, ?) ORDER BY uses, exchanges",
        [fingerprint(name) for name in ("t1", "t2", "lost")],
    )
    assert sorted(rows, key=str) == sorted(
        [
            (dlg("t1"), True, 0, 1, 0, ["tool"], [ROOT]),
            (dlg("t2"), True, 3, 0, 1, ["tool"], [ROOT]),
            (None, False, 0, 1, 0, ["sub"], [ROOT]),
        ],
        key=str,
    )


def test_one_row_a_presentation(told: DuckDBStore) -> None:
    """Uses and exchanges, each under the delegation whose token was presented."""
    rows = told.query("SELECT operation, delegation_id FROM uses ORDER BY seen_at, span_id")
    assert rows[:3] == [("delegate", ROOT), ("delegate", dlg("t1")), ("use", dlg("t2"))]


def test_gaps_say_what_is_missing_and_who_speaks_of_it() -> None:
    store = store_of(STORY + "eve use stray root=-\nmallory use t9 root=dlg:nowhere")
    assert store.query("SELECT kind, root_id, missing, named_by FROM gaps ORDER BY kind, missing") == [
        *sorted([
            ("missing_delegation", ROOT, dlg("lost"), ["sub"]),
            ("missing_delegation", dlg("nowhere"), dlg("t9"), ["mallory"]),
        ], key=lambda row: row[2]),
        ("missing_root", dlg("nowhere"), dlg("nowhere"), ["mallory"]),
        ("unrooted", None, fingerprint("stray"), ["eve"]),
    ]  # fmt: skip


def test_a_hop_without_a_root_is_still_found_by_its_token() -> None:
    store = store_of("eve use stray root=-")
    rows = store.query("SELECT root_id, operation, path FROM chain(?)", [fingerprint("stray")])
    assert rows == [(None, "use", ["?", "?"])]


def test_stronger_evidence_wins_field_by_field_in_any_order() -> None:
    """The merged delegation is the same whichever report came first."""
    grant = Hop(span_id="1" * 16, trace_id="a" * 32, operation="grant", time=1, id="dlg_r",
                root_id="dlg_r", actor_id="weak", subject_id="alice", evidence="asserted")  # fmt: skip
    strong = msgspec.structs.replace(grant, span_id="2" * 16, actor_id="strong", subject_id=None,
                                     evidence="issuer")  # fmt: skip
    rival = msgspec.structs.replace(strong, span_id="3" * 16, actor_id="stronger")
    for seed in range(4):
        hops = [grant, strong, rival]
        random.Random(seed).shuffle(hops)
        row = store_of(hops).query(
            "SELECT actor_id, subject_id, evidence, reports FROM delegations"
        )
        assert row == [("stronger", "alice", "issuer", 3)]


def test_every_view_is_the_same_whatever_order_the_hops_came_in() -> None:
    hops, _ = tell(STORY)
    first = None
    for seed in range(3):
        mixed = list(hops)
        random.Random(seed).shuffle(mixed)
        store = store_of(mixed)
        found = [store.query(f"FROM {view} ORDER BY ALL") for view in
                 ("chains", "delegations", "tokens", "uses", "gaps")]  # fmt: skip
        found.append(store.query("FROM chain(?)", [ROOT]))
        first = first or found
        assert found == first


def delegate(number: int, parent: str, name: str) -> Hop:
    return Hop(span_id=f"{number:016x}", trace_id="a" * 32, operation="delegate", time=number,
               id=name, parent_id=parent, root_id="dlg_0", actor_id=name)  # fmt: skip


def test_a_ring_of_parents_ends_and_is_shown() -> None:
    """Delegations that are each other's parents hang nowhere, and say so."""
    store = store_of([delegate(1, "dlg_b", "dlg_a"), delegate(2, "dlg_a", "dlg_b")])
    rows = store.query("SELECT id, state, depth, truncated FROM tree('dlg_0')")
    assert rows == [
        ("dlg_0", "gap", 0, False),
        ("dlg_a", "unplaced", None, True),
        ("dlg_b", "unplaced", None, True),
    ]
    assert store.query("SELECT unrooted, gaps FROM chains") == [(2, 1)]
    assert store.query("SELECT id, across_gap FROM ancestors('dlg_a')") == [
        ("dlg_a", False),
        ("dlg_0", True),
    ]


def test_a_chain_deeper_than_the_cap_is_cut_and_says_so() -> None:
    hops = [delegate(n, f"dlg_{n - 1}", f"dlg_{n}") for n in range(1, 80)]
    store = store_of(hops)
    assert store.query("SELECT max(depth) FROM tree('dlg_0')") == [(64,)]
    assert store.query("SELECT count(*) FROM tree('dlg_0')") == [(80,)]
    assert store.query("SELECT depth, truncated, unrooted FROM chains") == [(64, True, 15)]
    assert store.query("SELECT bool_or(truncated) FROM chain('dlg_0') WHERE depth < 64") == [
        (False,)
    ]


def test_a_date_that_is_none_is_no_error() -> None:
    """A hostile expiry reads as NULL; the chain can still be looked at."""
    hops = [msgspec.structs.replace(hop, token_expires_at=2**63 - 1) for hop in tell(STORY)[0]]
    store = store_of(hops)
    assert store.query("SELECT DISTINCT expires_at FROM chain(?)", [ROOT]) == [(None,)]
    assert store.query("SELECT bool_or(after_expiry) FROM uses") == [(False,)]


def test_of_a_finding_that_is_meant_the_present_state_is_taken() -> None:
    """As view `findings` has it: the highest revision, of two that claim it the first."""
    hops, _ = tell(STORY)
    store = store_of(hops)
    for revision, says in ((2, "first"), (2, "second"), (1, "before")):
        last_seen = "2026-11-23T10:00:01Z" if says != "second" else "2026-11-23T10:00:02Z"
        said = finding(hops[:1], revision=revision, explanation=says, last_seen=last_seen)
        store.write(Batch(findings=[said]))
    present = store.query("SELECT id, revision, explanation FROM findings")
    assert [row[1:] for row in present] == [(2, "first")]
    wanted = present[0][0]
    meant = f"SELECT id, revision, explanation FROM findings_meant('{wanted}')"
    assert store.query(meant) == present
    assert store.query("SELECT count(*) FROM finding_history") == [(3,)]
