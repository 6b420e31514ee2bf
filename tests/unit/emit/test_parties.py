"""Revoking a person, a session or an agent; what context and introspection say beside the token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from grantline.emit import Key, canonical
from grantline.emit.testing import Capture, SeenFact, capture, fake_token
from tests.unit.emit.vectors import AS, D0, T0, T1

OTHER = "dlg_abababababababababababababababab"


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(service_name="booker") as found:
        yield found


def told(seen: Capture) -> SeenFact:
    return seen.facts()[-1]


def test_a_revoked_subject_is_named_as_its_grants_name_it() -> None:
    key = Key(b"k" * 32)
    with capture(service_name="idp", subject_mode="hmac", subject_key=key) as seen:
        token = fake_token(iss="https://t.auth0.example/", sub="u@example.com", client_id="c")
        seen.emitter.grant(token, method="authorization_code")
        seen.emitter.revoke(
            subject="u@example.com", subject_issuer="https://t.auth0.example", reason="compromise"
        )
        grant, revoke = seen.facts()
    assert revoke["revocation.target"] == "subject"
    assert revoke["subject.id"] == grant["subject.id"]
    assert revoke["subject.issuer"] == "https://t.auth0.example"  # as it was told
    assert revoke["revocation.reason"] == "compromise"
    assert "example.com" not in revoke["subject.id"]


def test_a_revocation_of_a_person_names_no_delegation_though_one_is_current(seen: Capture) -> None:
    with seen.emitter.acting_as(T0, task="a-task"):
        seen.emitter.revoke(subject="u", subject_issuer=AS)
    fact = told(seen)
    assert not {"id", "root.id", "task.id", "depth", "token.fingerprint"} & {
        name.removeprefix("delegation.") for name in fact.attributes
    }


@pytest.mark.parametrize(
    "facts, target, names",
    [
        ({"session": "s-1", "subject_issuer": AS}, "session", {"session.id": "s-1"}),
        ({"session": "s-1", "subject": "u"}, "session", {"session.id": "s-1", "subject.id": "u"}),
        ({"actor": "planner", "actor_issuer": AS}, "agent", {"actor.id": "planner"}),
        ({"subject": "u", "actor": "planner"}, "subject", {"actor.id": "planner"}),
        ({"revocation_target": "agent", "subject": "u", "actor": "a"}, "agent", {"actor.id": "a"}),
    ],
)
def test_a_session_or_an_agent_is_revoked_by_its_name(
    seen: Capture, facts: dict[str, Any], target: str, names: dict[str, str]
) -> None:
    seen.emitter.revoke(**facts)
    fact = told(seen)
    assert fact["revocation.target"] == target
    assert fact.span.name == f"revoke {target}"
    assert {name: fact[name] for name in names} == names


def test_with_a_token_the_party_is_the_tokens_if_that_is_said(seen: Capture) -> None:
    token = fake_token(iss=AS, sub="u", client_id="c", sid="s-1")
    seen.emitter.revoke(token, revocation_target="session")
    fact = told(seen)
    assert (fact["session.id"], fact["subject.issuer"]) == ("s-1", AS)
    seen.emitter.revoke(token, revocation_target="subject")
    fact = told(seen)
    assert (fact["subject.id"], fact["subject.issuer"]) == ("u", AS)


def test_a_revoked_token_stays_one_and_names_no_person(seen: Capture) -> None:
    seen.emitter.revoke(T0)
    fact = told(seen)
    assert (fact["revocation.target"], fact["id"]) == ("token", D0)
    assert "subject.id" not in fact
    assert "actor.id" not in fact


def test_baggage_of_another_delegation_is_told_beside_the_tokens(seen: Capture) -> None:
    header = {"baggage": f"delegation.id={OTHER},delegation.root.id={OTHER}"}
    with seen.emitter.receive(header):
        seen.emitter.use("t", token=T0, kind="server", presenter="app")
        use = told(seen)
        seen.emitter.exchange(lambda: T1, subject_token=T0)
        exchange = told(seen)
    assert (use["id"], use["context.id"], use["context.root.id"]) == (D0, OTHER, OTHER)
    assert (exchange["parent.id"], exchange["context.id"]) == (D0, OTHER)


def test_baggage_of_the_same_delegation_is_not_told_twice(seen: Capture) -> None:
    with seen.emitter.receive({"baggage": f"delegation.id={D0},delegation.root.id={D0}"}):
        seen.emitter.use("t", token=T0, kind="server", presenter="app")
    assert "context.id" not in told(seen)


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False},
        {"active": "false"},
        {"active": False, "scope": "admin"},
        {"token_introspection": {"active": False}},
        {"error": "invalid_token", "error_description": "Invalid Value"},
    ],
)
def test_a_token_that_is_not_active_is_refused(seen: Capture, answer: dict[str, Any]) -> None:
    seen.emitter.use("t", token="opaque-token-1", kind="server", introspected=answer)
    fact = told(seen)
    assert (fact["decision.outcome"], fact["decision.reason"]) == ("deny", "invalid_token")
    assert fact["evidence"] == "introspection"
    assert fact["token.type"] == "opaque"
    assert "granted_scopes" not in fact


def test_a_server_that_lets_a_dead_token_in_says_so(seen: Capture) -> None:
    dead = {"active": False}
    seen.emitter.use("t", token="opaque-1-token", kind="server", introspected=dead, outcome="allow")
    assert told(seen)["decision.outcome"] == "allow"


def test_what_a_dead_token_says_of_itself_is_unverified(seen: Capture) -> None:
    seen.emitter.use("t", token=T0, kind="server", introspected={"active": False})
    fact = told(seen)
    assert (fact["evidence"], fact["decision.outcome"]) == ("unverified_token", "deny")
    assert fact["id"] == D0


def test_an_exchange_whose_token_is_not_active_has_failed(seen: Capture) -> None:
    seen.emitter.delegate("opaque-child", subject_token=T0, introspected={"active": False})
    seen.emitter.renew("opaque-next", refresh_token="opaque-rt", introspected={"active": False})
    delegate, renew = seen.facts()
    assert delegate["decision.outcome"] == renew["decision.outcome"] == "deny"
    assert not renew.span.status.is_ok


@pytest.mark.parametrize(
    "answer, dialect",
    [
        ({"active": True, "sub": "u", "client_id": "c", "scope": "a", "iss": AS,
          "exp": 1795824000, "token_type": "Bearer"}, None),
        ({"token_introspection": {"active": True, "sub": "u", "client_id": "c", "scope": "a",
                                  "iss": AS, "exp": "1795824000"}}, None),
        ({"azp": "1.apps.googleusercontent.com", "sub": "u", "scope": "a", "exp": "1795824000",
          "expires_in": "3598"}, "google"),
        ({"issued_to": "1.apps.googleusercontent.com", "user_id": "u", "scope": "a",
          "expires_at": 1795824000}, "google"),
    ],
)  # fmt: skip
def test_an_introspection_is_read_in_its_dialect(
    seen: Capture, answer: dict[str, Any], dialect: str | None
) -> None:
    seen.emitter.use("t", token="opaque-token-1", kind="server", introspected=answer)
    fact = told(seen)
    assert (fact["decision.outcome"], fact["evidence"]) == ("allow", "introspection")
    assert fact["token.expires_at"] == 1795824000
    assert fact["subject.id"] == "u"
    assert fact["granted_scopes"] == ("a",)
    assert fact.attributes.get("delegation.token.dialect") == dialect


@pytest.mark.parametrize("scheme", ["token", "Token", "bearer", "DPoP", "OAuth", "SSWS"])
def test_the_scheme_of_a_header_is_no_part_of_the_token(scheme: str) -> None:
    assert canonical.fingerprint(f"{scheme} gho_x") == canonical.fingerprint("gho_x")


@pytest.mark.parametrize(
    "address, host, resource",
    [
        ("https://gw.example.com/mcp/crm", "gw.example.com", "https://gw.example.com/mcp/crm"),
        (
            "https://u:pw@gw.example.com:8443/a?t=x#y",
            "gw.example.com",
            "https://gw.example.com:8443/a",
        ),
        ("gw.example.com", "gw.example.com", None),
        ("https://[gw/x", "https://[gw/x", None),
    ],
)
def test_a_url_names_a_resource_and_its_host(
    seen: Capture, address: str, host: str, resource: str | None
) -> None:
    seen.emitter.use("t", token=T0, server_address=address)
    fact = told(seen)
    assert fact["server.address"] == host
    assert fact.attributes.get("delegation.resource") == resource


def test_a_verified_token_is_what_its_header_says(seen: Capture) -> None:
    claims = {"iss": AS, "sub": "u", "client_id": "c", "scope": "a", "aud": "https://as2.example"}
    token = fake_token({"typ": "oauth-id-jag+jwt"}, **claims)
    seen.emitter.use("t", token=token, kind="server", verified=claims)
    assert (told(seen)["token.type"], told(seen)["evidence"]) == ("id_jag", "verified_token")
    seen.emitter.use("t", token=token, kind="server", verified=claims)  # known by now
    assert told(seen)["token.type"] == "id_jag"
