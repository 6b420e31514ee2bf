"""Honest flows at real issuers, told by each party, are no finding; the abuse beside them is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from grantline.emit.testing import fake_token
from tests.unit.emit.told import Parties, parties

NOW = int(time.time())
LIFE = {"iat": NOW, "exp": NOW + 86_400}
JWT = {"typ": "JWT"}
ENTRA = "https://login.microsoftonline.com/00000001-0000-0ff1-ce00-000000000000/v2.0"
AGENT = "spiffe://auth.highflame.ai/acme/prod/agent/"


def served(told: Parties, server: str, token: str, claims: dict[str, Any], by: str) -> None:
    told[by].use("tool", token=token)
    told[server].use("tool", token=token, verified=claims, kind="server", presenter=by)


def entra(told: Parties) -> None:
    """Person to agent to API: an agent identity on behalf of a person, both token versions."""
    said = {"tid": "00000001-0000-0ff1-ce00-000000000000", "oid": "person", **LIFE}
    first = {**said, "iss": ENTRA, "ver": "2.0", "aud": "api://agent", "azp": "chat", "uti": "a",
             "sub": "p1", "scp": "access_as_user", "idtyp": "user"}  # fmt: skip
    after = {**said, "iss": "https://sts.windows.net/00000001-0000-0ff1-ce00-000000000000/",
             "ver": "1.0", "aud": "00000003-0000-0000-c000-000000000000", "appid": "agent-1",
             "uti": "b", "sub": "p2", "scp": "Mail.Read User.Read", "idtyp": "user",
             "xms_act_fct": "3 11"}  # fmt: skip
    t0, t1 = fake_token(JWT, **first), fake_token(JWT, **after)
    told["chat"].grant(t0, method="authorization_code")
    scope = "https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/User.Read"
    told["agent"].exchange(
        lambda: {"access_token": t1, "scope": scope, "expires_in": 3599}, subject_token=t0
    )
    served(told, "graph", t1, after, "agent")


def okta(told: Parties) -> None:
    said = {"iss": "https://t.okta.com/oauth2/default", "sub": "alice@example.com", "uid": "00u",
            "ver": 1, "aud": "api://default", **LIFE}  # fmt: skip
    first = {**said, "cid": "0oaCHAT", "scp": ["openid", "notes.read", "notes.write"], "jti": "a"}
    after = {**said, "cid": "0oaAGENT", "scp": ["notes.read"], "jti": "b"}
    t0, t1 = fake_token(JWT, **first), fake_token(JWT, **after)
    told["chat"].grant(t0, method="authorization_code")
    told["agent"].exchange(lambda: {"access_token": t1, "expires_in": 3600}, subject_token=t0)
    served(told, "notes", t1, after, "agent")


def aws(told: Parties) -> None:
    """A web identity becomes a role, and that another one."""
    identity = {"iss": "https://oidc.example.com", "sub": "job", "aud": "sts.amazonaws.com", **LIFE}
    token = fake_token(JWT, **identity)
    ends = "2036-11-28T00:00:00Z"

    def session(key: str, name: str) -> dict[str, Any]:
        return {
            "Credentials": {"AccessKeyId": key, "SecretAccessKey": "s", "Expiration": ends,
                            "SessionToken": f"FwoGZXIvYXdz-{key}"},
            "AssumedRoleUser": {"Arn": f"arn:aws:sts::1:assumed-role/{name}/job"},
        }  # fmt: skip

    told["job"].grant(token, method="client_credentials")
    told["job"].exchange(
        lambda: session("ASIA1", "reader"), subject_token=token, method="assume_role"
    )
    told["job"].exchange(
        lambda: session("ASIA2", "writer"), subject_token="FwoGZXIvYXdz-ASIA1",
        method="assume_role",
    )  # fmt: skip
    told["job"].use("s3.get_object", token="FwoGZXIvYXdz-ASIA2")


def google(told: Parties) -> None:
    """An ID token at the token service, then a service account's token by impersonation."""
    identity = {"iss": "https://accounts.google.com", "sub": "1", "aud": "x", "azp": "x", **LIFE}
    token, cloud = fake_token(JWT, **identity), "https://www.googleapis.com/auth/cloud-platform"
    told["job"].grant(token, method="authorization_code")
    told["job"].exchange(
        lambda: {"access_token": "ya29.federated-1", "expires_in": 3600, "scope": cloud},
        subject_token=token,
    )
    told["job"].exchange(
        lambda: {"accessToken": "ya29.service-acc", "expireTime": "2036-11-28T00:00:00Z"},
        subject_token="ya29.federated-1",
        method="impersonation",
    )
    told["job"].use("storage.get", token="ya29.service-acc")


def github(told: Parties) -> None:
    told["planner"].grant("gho_parent_token", method="authorization_code", scopes="repo,gist")
    told["coder"].exchange(
        lambda: {"access_token": "ghu_child_token1", "scope": "repo", "expires_in": 28800},
        subject_token="gho_parent_token",
    )
    told["coder"].use("push", token="token ghu_child_token1")
    told["github"].use("push", token="ghu_child_token1", kind="server", presenter="coder")


def slack(told: Parties) -> None:
    told["bot"].grant(
        "xoxp-user-token", method="authorization_code", scopes="chat:write,users:read"
    )
    told["bot"].exchange(
        lambda: {"ok": True, "authed_user": {"scope": "chat:write", "access_token": "xoxe.xoxp-2"}},
        subject_token="xoxp-user-token",
    )
    told["bot"].use("chat.postMessage", token="xoxe.xoxp-2")


def cognito(told: Parties) -> None:
    pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A"
    claims = {"iss": pool, "sub": "u", "client_id": "app", "token_use": "access", "scope": "n/read",
              "origin_jti": "o", "event_id": "e", "jti": "a", "cognito:groups": ["users"],
              **LIFE}  # fmt: skip
    token = fake_token(JWT, **claims)
    told["app"].grant(token, method="authorization_code", refresh_token="cognito-refresh")
    again = fake_token(JWT, **{**claims, "jti": "b"})
    told["app"].renew(again, refresh_token="cognito-refresh")
    served(told, "notes", again, claims | {"jti": "b"}, "app")


def zeroid(told: Parties) -> None:
    """A person's agent delegates to a second, that one to a third: `act` is the delegator."""
    said = {"iss": "https://auth.highflame.ai", "account_id": "acme", "project_id": "prod",
            "identity_type": "agent", "trust_level": "first_party", **LIFE}  # fmt: skip
    claims = [
        {**said, "sub": AGENT + "planner", "act": {"sub": "user-42"}, "scopes": ["a", "b"],
         "jti": "1"},
        {**said, "sub": AGENT + "fetcher", "act": {"sub": AGENT + "planner"}, "scopes": ["a"],
         "jti": "2", "delegation_depth": 1},
        {**said, "sub": AGENT + "parser", "act": {"sub": AGENT + "fetcher"}, "scopes": ["a"],
         "jti": "3", "delegation_depth": 2},
    ]  # fmt: skip
    tokens = [fake_token(JWT, **one) for one in claims]
    told["planner"].grant(tokens[0], method="authorization_code")
    told["fetcher"].exchange(
        lambda: {"access_token": tokens[1], "scope": "a"}, subject_token=tokens[0]
    )
    told["parser"].exchange(
        lambda: {"access_token": tokens[2], "scope": "a"}, subject_token=tokens[1]
    )
    served(told, "db", tokens[2], claims[2], "parser")


def transaction(told: Parties) -> None:
    """A transaction token is handed on as it is by whoever works on the transaction."""
    access = {"iss": "https://as.example", "sub": "u", "client_id": "web", "aud": "gateway",
              "scope": "trade", "jti": "a", **LIFE}  # fmt: skip
    txn = {"iss": "https://tts.example", "sub": "u", "txn": "t-1", "req_wl": "gateway",
           "aud": "trust.example", "scope": "trade.stocks", **LIFE}  # fmt: skip
    t0, t1 = fake_token(**access), fake_token({"typ": "txntoken+jwt"}, **txn)
    told["web"].grant(t0, method="authorization_code")
    urn = "urn:ietf:params:oauth:token-type:txn_token"
    told["gateway"].exchange(
        lambda: {"access_token": t1, "issued_token_type": urn, "token_type": "N_A"},
        subject_token=t0,
        method="txn_token",
    )
    served(told, "orders", t1, txn, "gateway")
    served(told, "billing", t1, txn, "orders")


def ping(told: Parties) -> None:
    said = {"iss": "https://am.example.com/am/oauth2", "sub": "(usr!demo)", "tokenName":
            "access_token", "auditTrackingId": "x", "aud": "bank", **LIFE}  # fmt: skip
    first = {**said, "client_id": "app", "scope": ["transfer", "profile"], "jti": "a",
             "may_act": {"client_id": "agent", "sub": "(age!agent)"}}  # fmt: skip
    after = {**said, "scope": ["transfer"], "jti": "b", "act": {"sub": "(age!agent)"}}
    t0, t1 = fake_token(JWT, **first), fake_token(JWT, **after)
    told["app"].grant(t0, method="authorization_code")
    told["agent"].exchange(lambda: {"access_token": t1, "scope": "transfer"}, subject_token=t0)
    served(told, "bank", t1, after, "agent")


def passport(told: Parties) -> None:
    claims = {"aud": "8ee3", "jti": "1", "sub": "3", "scopes": ["orders"],
              "iat": f"{NOW}.152245", "exp": f"{NOW + 86_400}.123882"}  # fmt: skip
    token = fake_token(JWT, **claims)
    told["shop"].grant(token, method="authorization_code")
    served(told, "api", token, claims, "shop")


FLOWS: list[Callable[[Parties], None]] = [
    entra, okta, aws, google, github, slack, cognito, zeroid, transaction, ping, passport,
]  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS)
def test_an_honest_flow_is_no_finding_above_low(flow: Callable[[Parties], None]) -> None:
    with parties() as told:
        flow(told)
        assert [said for said in told.said() if not said.startswith(("low", "info"))] == []


def test_a_token_of_zeroid_that_its_delegator_presents_is_found() -> None:
    """Read the naive way, the delegator would be taken for the rightful holder."""
    said = {"iss": "https://auth.highflame.ai", "account_id": "a", "project_id": "p",
            "trust_level": "first_party", **LIFE}  # fmt: skip
    claims = {**said, "sub": AGENT + "fetcher", "act": {"sub": AGENT + "planner"},
              "scopes": ["a"], "jti": "2", "delegation_depth": 1}  # fmt: skip
    token = fake_token(JWT, **claims)
    first = {**said, "sub": AGENT + "planner", "scopes": ["a"], "jti": "1"}
    with parties() as told:
        parent = fake_token(JWT, **first)
        told["planner"].grant(parent, method="client_credentials")
        told["fetcher"].exchange(lambda: token, subject_token=parent)
        told["fetcher"].use("t", token=token)
        told["db"].use("t", token=token, verified=claims, kind="server", presenter="planner")
        assert "TR-01" in {finding.reference for finding in told.findings()}


def test_a_session_of_aws_is_known_by_its_access_key_when_it_is_stolen() -> None:
    session = {"Credentials": {"AccessKeyId": "ASIA1", "SessionToken": "FwoGZXIvYXdz-1",
                               "Expiration": "2036-11-28T00:00:00Z"}}  # fmt: skip
    with parties() as told:
        told["job"].grant("FwoGZXIvYXdz-0", method="client_credentials")
        told["job"].exchange(lambda: session, subject_token="FwoGZXIvYXdz-0", method="assume_role")
        told["job"].use("s3", token="FwoGZXIvYXdz-1")
        told["mallory"].use("s3", token="FwoGZXIvYXdz-1")
        (found,) = told.findings()
        assert found.reference == "TR-01"


def test_a_use_after_the_answers_lifetime_is_found_of_an_opaque_token() -> None:
    answer = {"access_token": "opaque-child-1", "expires_at": NOW - 3600, "scope": "a"}
    with parties() as told:
        told["app"].grant("opaque-parent-1", method="authorization_code", scopes="a")
        told["app"].exchange(lambda: answer, subject_token="opaque-parent-1")
        told["srv"].use("t", token="opaque-child-1", kind="server", presenter="app")
        assert "TR-06" in {finding.reference for finding in told.findings()}


@pytest.mark.parametrize("error", ["invalid_grant", "consent_required"])
def test_a_refused_exchange_of_a_token_nobody_knows_has_not_acted(error: str) -> None:
    with parties() as told:
        told["app"].exchange(lambda: {"error": error}, subject_token="opaque-unknown-1")
        (found,) = told.said()
        assert found.startswith("low CS-06 app was refused (delegate)")


@pytest.mark.parametrize("active", [False, "false", "False", 0, None, "no"])
def test_an_introspection_that_says_inactive_is_no_use(active: Any) -> None:
    with parties() as told:
        told["app"].grant("opaque-parent-1", method="authorization_code")
        told["app"].revoke("opaque-parent-1")
        told["srv"].use(
            "t", token="opaque-parent-1", kind="server", presenter="app",
            introspected={"active": active},
        )  # fmt: skip
        assert [said for said in told.said() if said.startswith(("high", "critical"))] == []
