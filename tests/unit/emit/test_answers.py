"""What is told of a new credential from the answer it came in, and what its own claims overrule."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from grantline.emit.testing import Capture, SeenFact, capture, fake_token
from tests.unit.emit.vectors import AS, T0

URN = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(service_name="booker") as found:
        yield found


def exchanged(seen: Capture, answer: Any, **facts: Any) -> SeenFact:
    seen.emitter.exchange(lambda: answer, subject_token=T0, **facts)
    return seen.facts()[-1]


@pytest.mark.parametrize("lifetime", [300, "300", 300.9, " 300 "])
def test_an_opaque_token_ends_after_the_answers_lifetime(seen: Capture, lifetime: Any) -> None:
    fact = exchanged(seen, {"access_token": "opaque-child-token", "expires_in": lifetime})
    assert abs(fact["token.expires_at"] - time.time() - 300) <= 5


@pytest.mark.parametrize("lifetime", [0, -1, None, "soon", True, 1e30, float("nan"), [300]])
def test_what_is_no_lifetime_gives_no_expiry(seen: Capture, lifetime: Any) -> None:
    fact = exchanged(seen, {"access_token": "opaque-child-token", "expires_in": lifetime})
    assert "token.expires_at" not in fact


def test_the_tokens_own_expiry_goes_before_the_answers(seen: Capture) -> None:
    token = fake_token(iss=AS, sub="u", client_id="c", exp=1795000900, scope="a")
    fact = exchanged(seen, {"access_token": token, "expires_in": 9999})
    assert fact["token.expires_at"] == 1795000900


def test_a_token_without_expiry_has_the_answers(seen: Capture) -> None:
    token = fake_token(iss=AS, sub="u", client_id="c")
    fact = exchanged(seen, {"access_token": token, "expires_at": "2026-11-28T00:00:00Z"})
    assert fact["token.expires_at"] == 1795824000


def test_the_tokens_own_scopes_go_before_the_answers(seen: Capture) -> None:
    token = fake_token(iss=AS, sub="u", client_id="c", scp=["Mail.Read"])
    answer = {"access_token": token, "scope": "https://graph.microsoft.com/Mail.Read"}
    assert exchanged(seen, answer)["granted_scopes"] == ("Mail.Read",)


def test_a_token_with_roles_alone_has_the_answers_scopes_beside_them(seen: Capture) -> None:
    token = fake_token(iss=AS, sub="u", azp="c", realm_access={"roles": ["user"]})
    fact = exchanged(seen, {"access_token": token, "scope": "profile email"})
    assert fact["granted_scopes"] == ("email", "profile", "role:user")


def test_what_the_agent_states_goes_before_token_and_answer(seen: Capture) -> None:
    answer = {"access_token": "opaque-child-token", "scope": "a b", "expires_in": 300}
    fact = exchanged(seen, answer, scopes="a", token_expires_at=7, token_type="api_key")
    assert (fact["granted_scopes"], fact["token.expires_at"]) == (("a",), 7)
    assert fact["token.type"] == "api_key"


@pytest.mark.parametrize(
    "header, issued, kind",
    [
        ({"typ": "JWT"}, "access_token", "access_token"),
        ({"typ": "JWT"}, "id-jag", "id_jag"),
        ({"typ": "JWT"}, "jwt", "access_token"),
        ({"typ": "at+jwt"}, "jwt", "access_token"),
        ({"typ": "txntoken+jwt"}, "access_token", "txn_token"),
        ({"typ": "oauth-id-jag+jwt"}, "id-jag", "id_jag"),
    ],
)
def test_a_type_is_told_by_the_header_then_by_the_answer_then_by_the_looks(
    seen: Capture, header: dict[str, str], issued: str, kind: str
) -> None:
    token = fake_token(header, iss=AS, sub="u", client_id="c", scope="a")
    fact = exchanged(seen, {"access_token": token, "issued_token_type": URN + issued})
    assert fact["token.type"] == kind


def test_a_token_that_says_nothing_and_comes_without_a_type_is_opaque(seen: Capture) -> None:
    fact = exchanged(seen, {"access_token": "opaque-child-token", "scope": "a"})
    assert fact["token.type"] == "opaque"
    assert fact["evidence"] == "context"


@pytest.mark.parametrize(
    "scope, found",
    [
        ("repo,gist", ("gist", "repo")),
        ("repo, gist", ("gist", "repo")),
        ("repo gist", ("gist", "repo")),
        (["repo", "gist"], ("gist", "repo")),
        ("patient/Observation.rs?category=a,b", ("patient/Observation.rs?category=a,b",)),
        ("a,b c", ("a,b", "c")),
        ("", ()),
    ],
)
def test_scopes_are_split_as_their_issuer_joins_them(
    seen: Capture, scope: Any, found: tuple[str, ...]
) -> None:
    assert exchanged(seen, {"access_token": "gho_childchild", "scope": scope})[
        "granted_scopes"
    ] == found  # fmt: skip


AWS = {
    "AccessKeyId": "ASIAFAKE",
    "SecretAccessKey": "not-a-secret-key",
    "SessionToken": "FwoGZXIvYXdzCHILD",
    "Expiration": datetime(2026, 11, 28, tzinfo=UTC),
}
XML = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult><SourceIdentity>alice</SourceIdentity>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>
    <Credentials><AccessKeyId>ASIAFAKE</AccessKeyId>
      <SecretAccessKey>not-a-secret-key</SecretAccessKey>
      <SessionToken>FwoGZXIvYXdzCHILD</SessionToken>
      <Expiration>2026-11-28T00:00:00Z</Expiration></Credentials>
  </AssumeRoleResult></AssumeRoleResponse>"""


def unparsed() -> Any:
    raise ValueError


@pytest.mark.parametrize(
    "answer",
    [
        {"Credentials": AWS},
        {"Credentials": {**AWS, "Expiration": "2026-11-28T00:00:00+00:00"}},
        {"AssumeRoleResponse": {"AssumeRoleResult": {"Credentials": AWS}}},
        {"AssumeRoleWithWebIdentityResponse": {
            "AssumeRoleWithWebIdentityResult": {"Credentials": {**AWS, "Expiration": 1795824000.0}},
            "ResponseMetadata": {"RequestId": "r"}}},
        {"roleCredentials": {
            "accessKeyId": "ASIAFAKE", "secretAccessKey": "s", "sessionToken": "FwoGZXIvYXdzCHILD",
            "expiration": 1795824000000}},
        {"Version": 1, **AWS},
        {"Code": "Success", "AccessKeyId": "ASIAFAKE", "Token": "FwoGZXIvYXdzCHILD",
         "Expiration": "2026-11-28T00:00:00Z"},
        XML,
        SimpleNamespace(status_code=200, json=unparsed, text=XML),
    ],
)  # fmt: skip
def test_an_aws_session_is_told_whoever_hands_it_out(seen: Capture, answer: Any) -> None:
    fact = exchanged(seen, answer, method="assume_role")
    assert fact["token.fingerprint"] == seen.emitter.fingerprint("FwoGZXIvYXdzCHILD")
    assert (fact["token.jti"], fact["token.issuer"]) == ("ASIAFAKE", "https://sts.amazonaws.com")
    assert fact["token.expires_at"] == 1795824000
    assert (fact["token.type"], fact["token.dialect"]) == ("aws_session", "aws")
    assert "not-a-secret-key" not in fact.span.to_json()
    assert "FwoGZXIvYXdzCHILD" not in fact.span.to_json()


def test_a_role_that_is_chained_names_the_session_it_came_from(seen: Capture) -> None:
    exchanged(seen, {"Credentials": AWS, "AssumedRoleUser": {"Arn": "arn:aws:sts::1:x/r/s"}})
    after = {"Credentials": {**AWS, "AccessKeyId": "ASIANEXT", "SessionToken": "FwoGnext-session"}}
    seen.emitter.exchange(lambda: after, subject_token="FwoGZXIvYXdzCHILD")
    fact = seen.facts()[-1]
    assert (fact["token.parent_jti"], fact["token.parent_type"]) == ("ASIAFAKE", "aws_session")
    assert fact["delegator.id"] == "arn:aws:sts::1:x/r/s"


def test_a_source_identity_is_the_subject_where_no_token_names_one(seen: Capture) -> None:
    answer = {"Credentials": AWS, "SourceIdentity": "alice@example.com"}
    seen.emitter.exchange(lambda: answer, subject_token="FwoGZXIvPARENT")
    assert seen.facts()[-1]["subject.id"].startswith("sha256:")
    assert exchanged(seen, answer)["subject.id"] == "u-7f3a"


@pytest.mark.parametrize(
    "answer, token, dialect",
    [
        ({"accessToken": "ya29.child-token", "expireTime": "2026-11-28T00:00:00Z"},
         "ya29.child-token", "google"),
        ({"token": "ghs_child_token_1", "expires_at": "2026-11-28T00:00:00Z",
          "permissions": {"issues": "write"}}, "ghs_child_token_1", "github"),
        ({"ok": True, "authed_user": {"id": "U1", "scope": "chat:write,users:read",
          "access_token": "xoxp-child-token"}}, "xoxp-child-token", "slack"),
        ({"AuthenticationResult": {"AccessToken": "opaque-cognito", "ExpiresIn": 3600}},
         "opaque-cognito", "cognito"),
        ({"workloadAccessToken": "opaque-workload"}, "opaque-workload", "agentcore"),
        (SimpleNamespace(token="opaque-azure-tok", expires_on=1795824000), "opaque-azure-tok", None),
        (SimpleNamespace(token="ya29.google-auth", expiry=datetime(2026, 11, 28)),  # noqa: DTZ001
         "ya29.google-auth", "google"),
        (SimpleNamespace(access_key="ASIA", secret_key="s", token="botocore-session"),
         "botocore-session", "aws"),
    ],
)  # fmt: skip
def test_answers_that_no_rfc_knows_are_read(
    seen: Capture, answer: Any, token: str, dialect: str | None
) -> None:
    fact = exchanged(seen, answer)
    assert fact["token.fingerprint"] == seen.emitter.fingerprint(token)
    assert fact.attributes.get("delegation.token.dialect") == dialect


def test_permissions_of_a_github_installation_are_what_it_may_do(seen: Capture) -> None:
    answer = {"token": "ghs_child_token_1", "permissions": {"issues": "write", "contents": "read"}}
    assert exchanged(seen, answer)["granted_scopes"] == (
        "permission:contents:read",
        "permission:issues:write",
    )


@pytest.mark.parametrize(
    "answer, outcome, reason",
    [
        ({"error": "slow_down"}, "challenge", "slow_down"),
        ({"error": "authorization_pending"}, "challenge", "authorization_pending"),
        ({"error": "consent_required"}, "challenge", "consent_required"),
        ({"error": "login_required"}, "challenge", "login_required"),
        ({"error": "interaction_required", "suberror": "basic_action"}, "challenge", "basic_action"),
        ({"error": "invalid_grant", "suberror": "consent_required"}, "challenge",
         "consent_required"),
        ({"error": "invalid_grant", "suberror": "bad_token"}, "deny", "invalid_grant"),
        ({"error": "invalid_grant", "error_codes": [65001]}, "challenge", "invalid_grant"),
        ({"error": "invalid_grant", "error_codes": ["50076"]}, "challenge", "invalid_grant"),
        ({"error": "invalid_grant", "error_codes": [70008]}, "deny", "invalid_grant"),
        ({"error": "invalid_grant", "error_description": "AADSTS50076: use MFA. Trace ID: 1"},
         "challenge", "invalid_grant"),
        ({"error": "invalid_grant", "error_description": "AADSTS70008: expired"}, "deny",
         "invalid_grant"),
        ({"error": "invalid_grant", "claims": "{}"}, "challenge", "invalid_grant"),
        ({"error": "invalid_grant", "error_subtype": "invalid_rapt"}, "challenge", "invalid_rapt"),
        ({"error": "mfa_required"}, "challenge", "mfa_required"),
        ({"error": "invalid_grant", "subError": "consent_required"}, "challenge",
         "consent_required"),
        ({"authorizationUrl": "https://a.example", "sessionUri": "urn:x:1"}, "challenge",
         "consent_required"),
        ({"error": "invalid_scope"}, "deny", "invalid_scope"),
        ({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, "deny", "permission_denied"),
        ({"Error": {"Code": "AccessDenied", "Message": "no"}}, "deny", "AccessDenied"),
        ({"ok": False, "error": "invalid_code"}, "deny", "invalid_code"),
        ({"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s"}, "challenge",
         "software_token_mfa"),
        ("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", "deny",
         "AccessDenied"),
        ({"error": "the token abc is refused"}, "deny", "other"),
    ],
)  # fmt: skip
def test_a_refusal_is_no_or_not_yet(seen: Capture, answer: Any, outcome: str, reason: str) -> None:
    fact = exchanged(seen, answer)
    assert (fact["decision.outcome"], fact["decision.reason"]) == (outcome, reason)
    assert "token.fingerprint" not in fact


@pytest.mark.parametrize(
    "header, outcome, reason",
    [
        ('Bearer error="insufficient_user_authentication", acr_values="x"', "challenge",
         "insufficient_user_authentication"),
        ('DPoP error="use_dpop_nonce"', "challenge", "use_dpop_nonce"),
        ("Bearer error=invalid_token", "deny", "invalid_token"),
        ("Bearer realm=x", "deny", "request_failed"),
    ],
)  # fmt: skip
def test_a_challenge_in_a_header_is_one(
    seen: Capture, header: str, outcome: str, reason: str
) -> None:
    result = SimpleNamespace(
        status_code=401, json=unparsed, text="", headers={"WWW-Authenticate": header}
    )
    fact = exchanged(seen, result)
    assert (fact["decision.outcome"], fact["decision.reason"]) == (outcome, reason)


class ClientError(Exception):
    """As botocore's, which carries the parsed answer."""

    response = {"Error": {"Code": "ExpiredToken", "Message": "secret"}}


def test_an_error_of_boto3_says_its_code(seen: Capture) -> None:
    def call() -> str:
        raise ClientError

    with pytest.raises(ClientError):
        seen.emitter.exchange(call, subject_token="FwoGZXIvPARENT")
    assert seen.facts()[-1]["decision.reason"] == "ExpiredToken"


def test_of_a_refused_exchange_the_exchanged_token_is_told_and_nothing_is_remembered(
    seen: Capture,
) -> None:
    fact = exchanged(seen, {"error": "invalid_target"})
    assert (fact["token.parent_jti"], fact["token.parent_issuer"]) == ("at-0001", AS)
    assert fact["token.parent_type"] == "access_token"
    assert fact["token.parent_expires_at"] == 1795003600
    assert fact["error.type"] == "invalid_target"


def test_an_exchange_of_an_id_token_says_that_it_was_one(seen: Capture) -> None:
    identity = fake_token({"typ": "JWT"}, iss="https://idp.example", sub="u", aud="app", nonce="n")
    seen.emitter.exchange(lambda: "opaque-child-token", subject_token=identity)
    fact = seen.facts()[-1]
    assert fact["token.parent_type"] == "id_token"
    assert fact["token.parent_issuer"] == fact["subject.issuer"] == "https://idp.example"
    assert fact["delegator.id"] == "app"


def test_what_an_answer_said_of_an_opaque_token_is_told_at_its_use(seen: Capture) -> None:
    answer = {"access_token": "opaque-child-token", "scope": "a", "expires_at": 1795824000}
    exchanged(seen, answer)
    seen.emitter.use("t", token="opaque-child-token")
    fact = seen.facts()[-1]
    assert fact["token.expires_at"] == 1795824000
    assert fact["granted_scopes"] == ("a",)
    assert fact["token.type"] == "opaque"
    assert fact["evidence"] == "context"
