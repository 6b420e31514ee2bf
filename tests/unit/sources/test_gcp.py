"""Google Cloud's audit logs: who impersonates whom, with which key, and who stands behind a call."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from grantline.dialects.google import ISSUER
from grantline.model.hop import Hop
from grantline.sources import SOURCES, Origin, Taken, read

PLANNER, READER, RELAY = (
    f"{name}@demo-1.iam.gserviceaccount.com" for name in ("planner", "reader", "relay")
)
RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "schemas/examples/sources/gcp.json").read_text()
)


def _read(records: Any) -> Taken:
    return read(SOURCES["gcp"], json.dumps(records).encode(), Origin())


def _hop(number: int, **changes: Any) -> Hop:
    payload = {**RECORDS[number]["protoPayload"], **changes}
    [hop] = _read([{**RECORDS[number], "protoPayload": payload}]).hops
    return hop


def test_an_impersonation_hands_on_to_the_account_through_those_between() -> None:
    hop = _hop(1)
    assert (hop.presenter_id, hop.delegator_id, hop.actor_id) == (PLANNER, RELAY, READER)
    assert hop.chain_actors == tuple(f"{ISSUER} {name}" for name in (PLANNER, RELAY, READER))
    assert hop.granted_scopes == ("https://www.googleapis.com/auth/devstorage.read_only",)
    assert hop.token_expires_at == hop.time // 10**9 + 600


def test_a_key_that_was_made_is_the_one_that_is_used_impersonates_and_is_deleted() -> None:
    made, impersonates, used, deleted = _hop(0), _hop(1), _hop(3), _hop(5)
    assert made.token_jti == impersonates.token_parent_jti == used.token_jti == "fakekey0001"
    assert (deleted.operation, deleted.token_jti) == ("revoke", "fakekey0001")
    with_a_key = _hop(0, authenticationInfo=RECORDS[3]["protoPayload"]["authenticationInfo"])
    assert (made.operation, with_a_key.operation) == ("grant", "delegate")


def test_behind_an_impersonated_account_the_person_comes_first() -> None:
    hop = _hop(2)
    assert hop.presenter_id == READER
    assert hop.chain_actors is not None
    assert [entry.rpartition(" ")[2] for entry in hop.chain_actors[1:]] == [PLANNER, READER]
    assert hop.subject_id is not None
    assert hop.subject_id.startswith("sha256:")


def test_a_refusal_names_the_right_that_is_missing() -> None:
    refused = _hop(4)
    assert refused.refused
    assert refused.decision_reason == "iam.serviceAccounts.getOpenIdToken"
    failed = _hop(3, status={"code": 5})
    assert (failed.refused, failed.error_type) == (False, "5")


def test_an_account_that_is_disabled_ends_what_it_was_given() -> None:
    hop = _hop(6)
    assert (hop.revocation_target, hop.actor_id) == ("agent", READER)


def test_a_workload_of_another_cloud_goes_by_its_pools_name() -> None:
    pool = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/ci"
    hop = _hop(1, authenticationInfo={"principalSubject": pool})
    assert (hop.presenter_id, hop.token_parent_jti) == (pool, None)


def test_nobody_is_named_by_a_persons_e_mail_address() -> None:
    assert "@example.com" not in repr(_read(RECORDS).hops)


def test_a_push_message_and_a_page_of_entries_are_read_like_the_entries() -> None:
    wanted = _read(RECORDS).hops
    assert _read({"entries": RECORDS}).hops == wanted
    pushed = [
        {"message": {"data": base64.b64encode(json.dumps(one).encode()).decode()}}
        for one in RECORDS
    ]
    assert _read(pushed).hops == wanted
    assert len(_read({"message": {"data": "?"}}).rejected) == 1
