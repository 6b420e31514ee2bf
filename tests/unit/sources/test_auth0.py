"""Auth0's tenant logs: who acts, what is refused, and what ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grantline.model.hop import Hop
from grantline.sources import SOURCES, Origin, Taken, read

RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "schemas/examples/sources/auth0.json").read_text()
)


def _read(records: Any, issuer: str | None = None) -> Taken:
    return read(SOURCES["auth0"], json.dumps(records).encode(), Origin(issuer))


def _hop(number: int, **changes: Any) -> Hop:
    [hop] = _read([{**RECORDS[number], **changes}]).hops
    return hop


def test_the_agent_acts_where_one_is_told_and_else_the_client() -> None:
    assert (_hop(2).actor_id, _hop(2).actor_type) == ("agt_fake_planner", "ai_agent")
    assert _hop(2).actor_client_id == "fakePlanner"
    assert (_hop(0).actor_id, _hop(0).actor_type) == ("fakeTravelApp", None)


def test_a_failed_exchange_is_refused_and_was_granted_nothing() -> None:
    refused = _hop(3)
    assert refused.refused
    assert (refused.granted_scopes, refused.requested_scopes) == (None, ("flights.admin",))
    assert refused.decision_reason == "subject_token is not accepted"


def test_a_client_that_acts_for_itself_is_called_as_its_tokens_call_it() -> None:
    assert (_hop(4).subject_id, _hop(4).subject_type) == ("fakeNightly@clients", "service")


def test_the_issuer_is_the_host_that_was_asked_unless_one_is_given() -> None:
    assert _hop(0).token_issuer == "https://example.eu.auth0.com/"
    [given] = _read([RECORDS[0]], "https://login.example.com/").hops
    assert given.token_issuer == "https://login.example.com/"
    bare = {name: value for name, value in RECORDS[0].items() if name != "hostname"}
    assert [why.reason for _, why in _read([bare]).rejected] == ["missing_attribute"]


def test_a_revoked_refresh_token_ends_what_the_person_gave_to_that_client_alone() -> None:
    client, everybody = _hop(5), _hop(8)
    assert (client.subject_id, client.actor_id) == ("auth0|fake-alice", "fakeTravelApp")
    assert (everybody.subject_id, everybody.actor_id) == ("auth0|fake-alice", None)


def test_a_logout_ends_the_session_it_names_and_without_one_nothing() -> None:
    assert _hop(6).session_id == _hop(0).session_id == "fake-session-1"
    assert _read([{**RECORDS[6], "details": {}}]).passed_over == 1


def test_streams_and_eventbridge_are_read_like_the_events() -> None:
    wanted = _read(RECORDS).hops
    assert _read([{"log_id": one["log_id"], "data": one} for one in RECORDS]).hops == wanted
    assert _read([{"version": "0", "detail": {"data": one}} for one in RECORDS]).hops == wanted


def test_nobody_is_named_by_an_e_mail_address() -> None:
    assert "alice@" not in repr(_read(RECORDS).hops)
