"""Okta's System Log: whose tokens they are, at which server, and what is refused or ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grantline.model.hop import Hop
from grantline.sources import SOURCES, Origin, Taken, read

ORG = "https://example.okta.com"
RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "schemas/examples/sources/okta.json").read_text()
)


def _read(records: Any, issuer: str | None = ORG) -> Taken:
    return read(SOURCES["okta"], json.dumps(records).encode(), Origin(issuer))


def _hop(number: int, **changes: Any) -> Hop:
    [hop] = _read([{**RECORDS[number], **changes}]).hops
    return hop


def test_a_token_is_of_the_server_that_was_asked_and_an_assertion_of_the_org() -> None:
    assert _hop(0).token_issuer == f"{ORG}/oauth2/default"
    assert _hop(3).token_issuer == ORG
    assert _hop(4).token_issuer == f"{ORG}/oauth2/ausFakeTrips"


def test_a_server_that_no_event_names_is_the_one_that_was_given() -> None:
    unnamed = [{**RECORDS[0], "debugContext": {"debugData": {"grantType": "authorization_code"}}}]
    [hop] = _read(unnamed, f"{ORG}/oauth2/default").hops
    assert hop.token_issuer == f"{ORG}/oauth2/default"
    [ended] = _read([RECORDS[8]], f"{ORG}/oauth2/default").hops
    assert ended.token_issuer == f"{ORG}/oauth2/default"


def test_the_agent_acts_and_the_person_is_the_subject_in_both_legs_of_cross_app_access() -> None:
    assertion, redeemed = _hop(3), _hop(4)
    for hop in (assertion, redeemed):
        assert (hop.operation, hop.actor_id, hop.actor_type) == (
            "delegate", "wlpFakePlanner", "ai_agent",
        )  # fmt: skip
        assert hop.subject_id == "00uFakeAlice"
    assert (assertion.method, assertion.token_type) == ("id_jag", "id_jag")
    assert assertion.audiences == ("https://trips.example.com",)
    assert (redeemed.method, redeemed.token_jti) == ("jwt_bearer", "AT.fake-2")
    assert redeemed.granted_scopes == ("trips.read",)


def test_a_refused_exchange_is_told_and_a_refused_login_is_not() -> None:
    refused = _hop(5)
    assert refused.refused
    assert (refused.decision_reason, refused.token_jti) == ("no_matching_policy", None)
    login = {"debugData": {"grantType": "authorization_code"}}
    taken = _read([{**RECORDS[5], "debugContext": login}])
    assert (taken.hops, taken.passed_over) == ([], 1)


def test_a_client_that_acts_for_itself_is_its_own_subject() -> None:
    own = {"debugData": {"grantType": "client_credentials"}}
    token = {**RECORDS[0]["target"][1], "detailEntry": {"subject": "0oaFakeApp"}}
    hop = _hop(0, debugContext=own, target=[token])
    assert (hop.operation, hop.subject_id, hop.subject_type) == ("grant", "0oaFakeApp", "service")


def test_each_token_of_a_revocation_is_one_and_only_a_refresh_token_takes_others_with_it() -> None:
    access, refresh = _read([RECORDS[7]]).hops
    assert (access.token_jti, access.revocation_cascade) == ("AT.fake-1", False)
    assert (refresh.token_jti, refresh.revocation_cascade) == ("oar-fake-1", True)
    assert access.span_id != refresh.span_id


def test_a_session_and_a_person_end_and_who_ended_them_is_nobodys_delegate() -> None:
    session, person = _hop(8), _hop(9)
    assert (session.revocation_target, session.session_id) == ("session", _hop(0).session_id)
    assert (person.revocation_target, person.subject_id) == ("subject", _hop(0).subject_id)
    assert (person.actor_id, person.delegator_id) == (None, "00uFakeAdmin")


@pytest.mark.parametrize("of,target", [("user", "subject"), ("client", "agent")])
def test_all_that_a_person_or_a_client_was_given_can_be_revoked(of: str, target: str) -> None:
    revoked = _hop(9, eventType=f"app.oauth2.token.revoke.implicit.{of}", actor=RECORDS[0]["actor"])
    assert revoked.revocation_target == target
    assert (revoked.subject_id if of == "user" else revoked.actor_id) in (
        "00uFakeAlice", "0oaFakeApp",
    )  # fmt: skip


def test_what_failed_ends_nothing() -> None:
    failed = [{**RECORDS[n], "outcome": {"result": "FAILURE"}} for n in (7, 8, 9)]
    assert _read(failed).hops == []


def test_nobody_is_named_by_an_e_mail_address_and_no_hash_of_a_token_is_copied() -> None:
    told = repr(_read(RECORDS).hops)
    assert "@" not in told
    assert "visibly-fake-hash" not in told
    without_id = {**RECORDS[0], "target": [RECORDS[0]["target"][1]]}
    without_id["target"][0] = {
        **without_id["target"][0],
        "detailEntry": {"subject": "a@example.com"},
    }
    [hop] = _read([without_id]).hops
    assert hop.subject_id is not None
    assert hop.subject_id.startswith("sha256:")


def test_an_event_of_eventbridge_is_read_like_its_detail() -> None:
    wrapped = [{"version": "0", "source": "aws.partner/okta.com", "detail": one} for one in RECORDS]
    assert _read(wrapped).hops == _read(RECORDS).hops
