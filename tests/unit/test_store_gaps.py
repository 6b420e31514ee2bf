"""What hangs where nobody reported it: below the root, never lost, and marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.names import derived_id
from grantline.model.policy import Policy
from grantline.ports import Batch
from grantline.rules.story import fingerprint, tell
from grantline.store.duckdb_store import DuckDBStore

ISSUER = "https://as.example.com"


def dlg(token: str) -> str:
    return derived_id(fingerprint(token))


def store_of(hops: Sequence[Hop], findings: Sequence[Finding] = ()) -> DuckDBStore:
    store = DuckDBStore(":memory:")
    store.write(Batch(hops=hops, findings=findings))
    return store


def told(story: str) -> DuckDBStore:
    return store_of(tell(story)[0])


def judged(story: str) -> tuple[DuckDBStore, dict[str, Finding]]:
    """The lineage with the findings that the engine makes of it, by their references."""
    hops, _ = tell(story)
    engine = Engine(Policy(lateness_seconds=90 * 86_400.0))
    engine.add(hops)
    found = {finding.reference: finding for finding in engine.finish()}
    return store_of(hops, list(found.values())), found


def acted(hop: Hop, *actors: str) -> Hop:
    """The hop, its token naming these actors."""
    return msgspec.structs.replace(hop, chain_actors=tuple(f"{ISSUER} {one}" for one in actors))


MISSING = """
    alice grant planner token=t0 scopes=read
    planner delegate worker from=t0 token=t1
    hidden delegate sub from=lost token=t7 scopes=admin root=dlg:t0
    sub delegate leaf from=t7 token=t8 root=dlg:t0
    leaf use t8 at=crm.example.com by=crm root=dlg:t0
"""


def test_descendants_go_through_a_gap_and_say_so() -> None:
    """Whose root is known hangs below it, however much in between nobody reported."""
    rows = told(MISSING).query(
        "SELECT coalesce(actor_id, claimed_actor), state, distance, across_gap, depth, hung_by "
        "FROM descendants(?)",
        [dlg("t0")],
    )
    assert rows == [
        ("planner", "seen", 0, False, 0, None),
        ("worker", "seen", 1, False, 1, None),
        ("hidden", "gap", 1, True, None, "root"),
        ("sub", "seen", 2, True, None, None),
        ("leaf", "seen", 3, True, None, None),
    ]


@pytest.mark.parametrize("wanted", [dlg("lost"), fingerprint("lost"), fingerprint("lost")[7:]])
def test_a_gap_is_asked_by_the_names_that_others_know_it_by(wanted: str) -> None:
    """From the gap itself on, everything was reported."""
    rows = told(MISSING).query(
        "SELECT coalesce(actor_id, claimed_actor), distance, across_gap FROM descendants(?)",
        [wanted],
    )
    assert rows == [("hidden", 0, False), ("sub", 1, False), ("leaf", 2, False)]


def test_ancestors_lead_through_a_gap_to_the_human() -> None:
    rows = told(MISSING).query(
        "SELECT coalesce(actor_id, claimed_actor), across_gap FROM ancestors(?)", [dlg("t8")]
    )
    assert rows == [("leaf", False), ("sub", False), ("hidden", False), ("planner", True)]


def test_reach_goes_through_a_gap_of_which_nothing_is_known() -> None:
    rows = told(MISSING).query(
        "SELECT actor_id, state, across_gap, allowed_scopes, observed_systems FROM reach(?)",
        [dlg("t0")],
    )
    assert rows == [
        ("planner", "seen", False, ["read"], []),
        ("worker", "seen", False, None, []),
        ("hidden", "gap", True, None, []),
        ("sub", "seen", True, ["admin"], []),
        ("leaf", "seen", True, None, ["crm.example.com"]),
    ]


def test_blast_goes_through_a_gap() -> None:
    """From the root's holder down, and from one that only its child speaks of."""
    ask = "SELECT actor_id, own, across_gap FROM blast(?, '2026-11-18') ORDER BY ALL"
    store = told(MISSING)
    assert store.query(ask, ["planner"]) == [
        ("hidden", False, True),
        ("leaf", False, True),
        ("planner", True, False),
        ("sub", False, True),
        ("worker", False, False),
    ]
    assert store.query(ask, ["hidden"]) == [
        ("hidden", True, False),
        ("leaf", False, False),
        ("sub", False, False),
    ]


def test_blast_follows_a_token_into_another_chain() -> None:
    """What was obtained with the actor's token falls with it, whoever's task it was done for."""
    store = told("""
        alice grant planner token=t0
        bob grant helper token=t9
        helper delegate worker from=t0 token=t1 root=dlg:t9
    """)
    rows = store.query("SELECT root_id, actor_id, own FROM blast('planner', '2026-11-18')")
    assert sorted(rows) == sorted([
        (dlg("t0"), "planner", True), (dlg("t9"), "helper", True), (dlg("t9"), "worker", False),
    ])  # fmt: skip


def test_what_nobody_knows_the_parent_of_hangs_below_its_root() -> None:
    """A delegation that does not say what it was obtained with is marked, not lost."""
    store = told("""
        alice grant planner token=t0
        planner delegate worker token=t1 root=dlg:t0
    """)
    rows = store.query("SELECT path, depth, hung_by, unbroken_from FROM tree(?)", [dlg("t1")])
    assert rows == [
        (["alice", "planner"], 0, None, 1),
        (["alice", "planner", "?", "worker"], None, "root", 2),
    ]


def test_a_user_names_the_parent_of_a_delegation_that_nobody_reported() -> None:
    """Two of them in a row, the upper one known by name alone."""
    store = told("""
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        tool use t3 root=dlg:t0 parent=dlg:t2
        clerk use t4 root=dlg:t0 parent=dlg:t1
    """)
    rows = store.query("SELECT id, parent_id, state, hung_by FROM tree(?)", [dlg("t0")])
    assert sorted(rows) == sorted([
        (dlg("t0"), None, "seen", None),
        (dlg("t1"), dlg("t0"), "seen", None),
        (dlg("t2"), dlg("t0"), "gap", "root"),
        (dlg("t3"), dlg("t2"), "gap", "parent"),
        (dlg("t4"), dlg("t1"), "gap", "parent"),
    ])  # fmt: skip


def story_with_actors() -> list[Hop]:
    grant, worker, other, sub, use = tell("""
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        planner delegate clerk from=t0 token=t2
        hidden delegate sub from=lost token=t7 root=dlg:t0
        planner use t0
    """)[0]
    return [
        grant, acted(worker, "alice", "planner", "worker"), acted(other, "alice", "planner", "clerk"),
        acted(sub, "alice", "planner", "worker", "gone", "hidden", "sub"),
        acted(use, "alice", "planner"),
    ]  # fmt: skip


def test_a_gap_hangs_below_the_last_seen_of_the_actors_that_its_tokens_name() -> None:
    store = store_of(story_with_actors())
    rows = store.query("SELECT actor_id, across_gap FROM descendants(?)", [dlg("t1")])
    assert rows == [("worker", False), (None, True), ("sub", True)]
    assert store.query("SELECT hung_by FROM tree(?) WHERE state = 'gap'", [dlg("t0")]) == [
        ("actors",)
    ]


def test_actors_that_fit_two_delegations_decide_nothing() -> None:
    """The last that fits one alone is taken: the holder of the grant."""
    hops = story_with_actors()
    (twin,) = tell("planner delegate worker from=t0 token=t3 root=dlg:t0")[0]
    store = store_of([*hops, acted(twin, "alice", "planner", "worker")])
    rows = store.query("SELECT parent_id FROM tree(?) WHERE state = 'gap'", [dlg("t0")])
    assert rows == [(dlg("t0"),)]


def test_a_list_of_actors_that_was_cut_decides_nothing() -> None:
    hops = [msgspec.structs.replace(hop, chain_truncated=True) for hop in story_with_actors()]
    rows = store_of(hops).query("SELECT hung_by FROM tree(?) WHERE state = 'gap'", [dlg("t0")])
    assert rows == [("root",)]


def test_a_ring_of_claims_is_still_below_its_root() -> None:
    """Who claims a parent below itself hides nothing from the holder of the grant."""
    store = told("""
        alice grant planner token=t0
        hidden delegate sub from=lost token=t7 root=dlg:t0
        tool use lost root=dlg:t0 parent=dlg:t7
    """)
    rows = store.query(
        "SELECT id, state, across_gap FROM descendants(?) ORDER BY distance, id", [dlg("t0")]
    )
    assert rows == [
        (dlg("t0"), "seen", False),
        *sorted([(dlg("lost"), "unplaced", True), (dlg("t7"), "unplaced", True)]),
    ]


TWO_CHAINS = """
    alice grant planner token=t0
    planner delegate clerk from=t0 token=t1 scopes=read
    bob grant helper token=t9
    helper use t1 root=dlg:t9
"""


def test_a_token_in_two_chains_is_explained_in_both() -> None:
    """The finding stands in the one, its span in the other: both lead to their humans."""
    store, found = judged(TWO_CHAINS)
    rows = store.query(
        "SELECT root_id, path, operation, violating FROM explain_finding(?)", [found["TR-10"].id]
    )
    assert sorted(rows, key=str) == sorted(
        [
            (dlg("t0"), ["alice", "planner"], "grant", False),
            (dlg("t0"), ["alice", "planner", "clerk"], "delegate", False),
            (dlg("t9"), ["bob", "helper"], "grant", False),
            (dlg("t9"), ["bob", "helper", "?"], "use", True),
        ],
        key=str,
    )


def test_the_chain_that_a_foreign_token_turned_up_in_says_whose_it_is() -> None:
    store, found = judged(TWO_CHAINS)
    (gap,) = store.query("SELECT id, elsewhere FROM tree(?) WHERE state = 'gap'", [dlg("t9")])
    assert gap == (
        dlg("t1"),
        [{"root_id": dlg("t0"), "subject_id": None, "actor_id": "clerk"}],
    )
    marked = store.query("SELECT violations FROM chain(?) WHERE operation = 'use'", [dlg("t9")])
    assert "TR-10" in marked[0][0]
    assert found["TR-10"].root_id == dlg("t0")


@pytest.mark.parametrize("macro", ["chain", "tree", "explain_finding"])
def test_a_finding_is_found_by_its_id_as_alerts_print_it(macro: str) -> None:
    """With its revision at the end, and cut short."""
    store, found = judged(TWO_CHAINS)
    name = found["TR-10"].id
    told = "*" if macro == "explain_finding" else "* EXCLUDE (asked)"
    expected: list[Any] = store.query(f"SELECT {told} FROM {macro}(?)", [name])
    assert expected
    for wanted in (f"{name}-3", f"{name}-12", name[:12], f"{name[:12]}-1"):
        assert store.query(f"SELECT {told} FROM {macro}(?)", [wanted]) == expected
    for wanted in (f"{name}-", f"{name}-x", name[:7], "fnd_"):
        nothing = "explain_finding(?)" if told == "*" else f"{macro}([?]) WHERE known"
        assert store.query(f"FROM {nothing}", [wanted]) == []
