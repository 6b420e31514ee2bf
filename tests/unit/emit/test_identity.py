"""An ID token is exchanged (ID-JAG, cross app access): which grant that was, and when it is not known."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import pytest

from grantline.emit import Key
from grantline.emit.testing import capture, fake_token
from tests.unit.emit.told import Parties, parties

NOW = int(time.time())
# No token of a test ends while the suite runs, however long that takes.
END = NOW + 86_400
IDP, AS2, MCP = "https://idp.example", "https://as2.example/", "https://mcp2.example/mcp"
ACCESS = fake_token(
    {"typ": "JWT"}, iss=IDP, iat=NOW, exp=END, sub="u", client_id="app",
    aud=f"{IDP}/userinfo", scope="openid profile", jti="q",
)  # fmt: skip
JAG = fake_token(
    {"typ": "oauth-id-jag+jwt"}, iss=IDP, iat=NOW, exp=END, sub="u", client_id="app-at-as2",
    aud=AS2, resource=MCP, jti="j", scope="todo.read",
)  # fmt: skip
AT2 = {"iss": AS2, "iat": NOW, "exp": END, "sub": "u2", "client_id": "app-at-as2",
       "aud": MCP, "scope": "todo.read", "jti": "z"}  # fmt: skip


def at_hash(token: str) -> str:
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).decode().rstrip("=")


def identity(header: dict[str, Any] | None = None, **more: Any) -> str:
    said = {"iss": IDP, "iat": NOW, "exp": END, "sub": "u", "aud": "app", "nonce": "n"}
    return fake_token({"typ": "JWT", **(header or {})}, **said, **more)


def exchanged(told: Parties, service: str, token: str) -> None:
    """ID token to assertion to access token to tool, as cross app access goes."""
    urn = "urn:ietf:params:oauth:token-type:id-jag"
    told[service].exchange(
        lambda: {"access_token": JAG, "issued_token_type": urn, "token_type": "N_A"},
        subject_token=token,
        method="id_jag",
    )
    final = fake_token(**AT2)
    told[service].exchange(lambda: {"access_token": final}, subject_token=JAG, method="jwt_bearer")
    told["todo"].use(
        "add_todo", token=final, verified=AT2, kind="server", presenter=service,
        server_address="mcp2.example",
    )  # fmt: skip


@pytest.mark.parametrize("service", ["app", "backend"])
def test_an_id_token_that_was_told_at_the_grant_leads_to_it(service: str) -> None:
    token = identity()
    with parties() as told:
        told["app"].grant(ACCESS, id_token=token, method="authorization_code")
        exchanged(told, service, token)
        assert told.said() == []


@pytest.mark.parametrize("service", ["app", "backend"])
def test_an_id_token_leads_to_the_access_token_whose_hash_it_bears(service: str) -> None:
    token = identity(at_hash=at_hash(ACCESS))
    with parties() as told:
        told["app"].grant(ACCESS, method="authorization_code")
        exchanged(told, service, token)
        assert told.said() == []


def test_two_logins_of_one_person_are_not_taken_for_one() -> None:
    with parties() as told:
        told["app"].grant(ACCESS, method="authorization_code")
        exchanged(told, "app", identity())
        (found,) = told.said()
    assert found.startswith("low CS-06 app-at-as2 acts under authority nobody reported")
    assert "the login that token" in found


def test_of_an_id_token_told_at_a_grant_no_scope_and_no_new_delegation_is_told() -> None:
    with capture(service_name="app") as seen:
        token = identity()
        made = seen.emitter.grant(ACCESS, id_token=token, method="authorization_code")
        grant, second = seen.facts()
        assert (second.operation, second["token.type"]) == ("renew", "id_token")
        assert second["id"] == second["root.id"] == grant["id"] == made.id
        assert second["token.parent_fingerprint"] == grant["token.fingerprint"]
        assert "granted_scopes" not in second
        assert token not in second.span.to_json()
        seen.emitter.exchange(lambda: JAG, subject_token=token)
        child = seen.facts()[-1]
        assert (child["parent.id"], child["root.id"], child["depth"]) == (made.id, made.id, 1)
        assert child["token.parent_type"] == "id_token"
        assert "parent_scopes" not in child


@pytest.mark.parametrize(
    "header, value",
    [
        ({"alg": "RS512"}, at_hash(ACCESS)),
        ({}, "not-a-hash"),
        ({}, ["x"]),
        ({}, at_hash(ACCESS) + "A"),
    ],
    ids=["another algorithm", "no hash", "no text", "too long"],
)
def test_a_hash_of_another_kind_is_not_followed(header: dict[str, Any], value: object) -> None:
    with capture(service_name="app") as seen:
        seen.emitter.exchange(lambda: JAG, subject_token=identity(header, at_hash=value))
        assert [fact.operation for fact in seen.facts()] == ["delegate"]


def test_an_id_token_that_came_with_a_renewal_leads_to_the_same_grant() -> None:
    newer = fake_token({"typ": "JWT"}, iss=IDP, iat=NOW, exp=END, sub="u", client_id="app",
                       aud=f"{IDP}/userinfo", scope="openid profile", jti="r")  # fmt: skip
    told_of, hashed = identity(jti="1"), identity(jti="2", at_hash=at_hash(newer))
    for token, named in ((told_of, {"id_token": told_of}), (hashed, {})):
        with parties() as told:
            told["app"].grant(ACCESS, refresh_token="opaque-refresh-1", method="authorization_code")
            told["app"].renew(newer, refresh_token="opaque-refresh-1", **named)  # type: ignore[arg-type]
            exchanged(told, "app", token)
            assert told.said() == []


def test_a_refused_exchange_believes_no_hash() -> None:
    with capture(service_name="app") as seen:
        token = identity(at_hash=at_hash(ACCESS))
        made = seen.emitter.grant(ACCESS, method="authorization_code")
        seen.emitter.exchange(lambda: {"error": "invalid_grant"}, subject_token=token)
        attempt = seen.facts()[-1]
        assert attempt["parent.id"] != made.id
        assert len(seen.facts()) == 2


def test_with_a_fingerprint_key_ids_are_no_hashes_of_tokens() -> None:
    with capture(service_name="app", fingerprint_key=Key(b"k" * 32)) as seen:
        token = identity(at_hash=at_hash(ACCESS))
        seen.emitter.exchange(lambda: JAG, subject_token=token)
        assert [fact.operation for fact in seen.facts()] == ["delegate"]


def test_a_refresh_token_is_not_called_by_the_access_tokens_name() -> None:
    with capture(service_name="app") as seen:
        seen.emitter.grant(ACCESS, refresh_token="opaque-refresh-1", method="authorization_code")
        seen.emitter.renew("opaque-next-1", refresh_token="opaque-refresh-1")
        assert "token.parent_jti" not in seen.facts()[-1]
        seen.emitter.renew("opaque-next-2", previous_token=ACCESS)
        assert seen.facts()[-1]["token.parent_jti"] == "q"
