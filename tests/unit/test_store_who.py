"""Who did it, as the lineage tells: a verifier presents nothing, a revoker and an approver have names."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
import pytest

from grantline.draw.actions import actions
from grantline.engine import Engine
from grantline.model.hop import CLIENT, INTERNAL, SERVER, Hop
from grantline.rules.story import tell
from tests.unit.test_store_sql import ROOT, dlg, finding, store_of

GRANT = "alice grant planner token=t0\n"


def use_of(kind: int, **fields: str | None) -> Hop:
    """A use of t0, reported by the service `crm`, as an agent's or the system's span has it."""
    *_, use = chain(*tell(GRANT + "planner use t0 by=crm"))
    bare = {"presenter_id": None, "actor_id": None, "decision_outcome": None, "service": "crm"}
    return msgspec.structs.replace(use, kind=kind, **{**bare, **fields})


@pytest.mark.parametrize(
    "kind, fields, presenter",
    [
        (SERVER, {}, None),
        (SERVER, {"actor_id": "planner"}, None),
        (SERVER, {"presenter_id": "planner"}, "planner"),
        (CLIENT, {}, "crm"),
        (CLIENT, {"actor_id": "planner"}, "planner"),
        (INTERNAL, {"actor_id": "planner"}, "planner"),
        (0, {}, None),
    ],
)
def test_a_verifier_is_no_presenter_and_an_agent_is_not_its_hosts_service(
    kind: int, fields: dict[str, str], presenter: str | None
) -> None:
    store = store_of([use_of(kind, **fields)])
    assert store.query("SELECT presenter FROM uses") == [(presenter,)]


def test_an_exchange_does_not_make_the_new_actor_a_presenter_of_the_old_token() -> None:
    hops = [*chain(*tell(GRANT + "planner delegate worker from=t0 token=t1 by=broker"))]
    hops[1] = msgspec.structs.replace(hops[1], presenter_id=None, kind=CLIENT)
    rows = store_of(hops).query("SELECT presenters FROM tokens WHERE exchanges = 1")
    assert rows == [(["broker"],)]


def test_who_revoked_is_told_beside_the_span_that_says_so() -> None:
    hops = [*chain(*tell(GRANT + "idp revoke t0\nplanner use t0"))]
    rows = store_of(hops).query(
        "SELECT revoked_by, revoked_by_span FROM uses_after_revocation(?)", [ROOT]
    )
    assert rows == [("idp", hops[1].span_id)]


@pytest.mark.parametrize(
    "revocation, dead",
    [
        ("target=subject subject=alice subject-iss=https://AS.example.com/", True),
        ("target=subject subject=alice subject-iss=https://other.example.com", False),
        ("target=subject subject=bob subject-iss=https://as.example.com", False),
        ("target=session session=s1 subject-iss=https://as.example.com", True),
        ("target=session session=s2 subject-iss=https://as.example.com", False),
        ("target=agent actor=planner", True),
        ("target=agent actor=planner subject=bob", False),
    ],
)
def test_a_revoked_person_session_or_agent_is_told_in_each_chain(
    revocation: str, dead: bool
) -> None:
    """The lineage keeps the revocation once, without a root; the question finds what it reached."""
    hops = [*chain(*tell(f"""
        alice grant planner token=t0 session=s1 iss=https://as.example.com
        idp revoke - {revocation}
        planner use t0
        alice grant planner token=t9 session=s1 iss=https://as.example.com
        planner use t9
    """))]  # fmt: skip
    store = store_of(Engine().add(hops))
    assert store.query("SELECT count(*) FROM hops") == [(5,)]
    rows = store.query("SELECT revoked_by, revoked_by_span FROM uses_after_revocation(?)", [ROOT])
    assert rows == ([("idp", hops[1].span_id)] if dead else [])
    later = store.query("SELECT revoked_by FROM uses_after_revocation(?)", [dlg("t9")])
    assert later == []


def test_a_finding_counts_in_every_chain_it_touches() -> None:
    """A token of one grant that is presented under another accuses both."""
    hops = [*chain(*tell("""
        alice grant planner token=t0
        bob grant helper token=t9
        helper use t0 root=dlg:t9
        carol grant other token=t5
    """))]  # fmt: skip
    found = finding([hops[2]], reference="TR-10", severity="critical")
    rows = store_of(hops, [found]).query("SELECT root_id, open_findings, worst FROM chains")
    assert sorted(rows) == sorted(
        [(ROOT, 1, "critical"), (dlg("t9"), 1, "critical"), (dlg("t5"), 0, None)]
    )


def test_the_approver_is_named_and_an_agent_in_a_process_is_no_system() -> None:
    said: dict[str, Any] = {
        "operation": "approve", "action_name": "pay", "presenter": None, "approver_id": "carol",
        "token_fingerprint": None, "decision_outcome": "allow", "refused": False,
        "service": "desk", "kind": INTERNAL, "violations": [], "seen_at": None,
    }  # fmt: skip
    use = said | {"operation": "use", "presenter": "booker", "service": "chat", "approver_id": None}
    lines = list(actions([said, use], lambda _: "now"))
    assert lines == [
        "approve  pay  by carol  allow  now",
        "use  pay  by booker  allow  (only it says so)  now",
    ]
