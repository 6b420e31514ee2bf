"""Which dialect a token is in, and that a stranger's is taken for none of them."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest

from grantline import dialects
from grantline.dialects import known
from grantline.dialects.dialect import Dialect
from grantline.dialects.page import table


@pytest.mark.parametrize(
    "issuer, name",
    [
        ("https://login.microsoftonline.com/t-1/v2.0", "entra"),
        ("https://sts.windows.net/t-1/", "entra"),
        ("https://tenant.eu.auth0.com/", "auth0"),
        ("https://tenant.okta.com/oauth2/default", "okta"),
        ("http://127.0.0.1:8180/realms/lab", "keycloak"),
        ("https://sso.example.com/auth/realms/r", "keycloak"),
        ("accounts.google.com", "google"),
        ("https://sts.amazonaws.com", "aws"),
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A", "cognito"),
        ("https://token.actions.githubusercontent.com", "github"),
        ("https://auth.pingone.eu/e-1/as", "ping"),
        ("https://slack.com", "slack"),
        ("https://as.example.com", None),
        ("https://okta.com.evil.example", None),
        ("https://evil.example/login.microsoftonline.com/t/v2.0", None),
        (None, None),
    ],
)
def test_an_issuer_is_told_by_its_name(issuer: str | None, name: str | None) -> None:
    assert dialects.dialect_of(issuer) == name


@pytest.mark.parametrize(
    "claims, name",
    [
        ({"tid": "t", "ver": "1.0", "uti": "u"}, "entra"),
        ({"tid": "t", "uti": "u"}, None),
        ({"sub": "auth0|u1"}, "auth0"),
        ({"sub": "google-oauth2|107691"}, "auth0"),
        ({"sub": "team|u1"}, None),
        ({"sub": "abc@clients", "gty": "client-credentials"}, "auth0"),
        ({"cid": "0oa", "scp": ["a"]}, "okta"),
        ({"cid": "0oa"}, None),
        ({"realm_access": {"roles": []}}, "keycloak"),
        ({"resource_access": {}, "azp": "a"}, "keycloak"),
        ({"azp": "1.apps.googleusercontent.com"}, "google"),
        ({"token_use": "access", "origin_jti": "o"}, "cognito"),
        ({"human_root": True}, "authgent"),
        ({"txn": "t", "req_wl": "w"}, "txn_token"),
        ({"sub": "spiffe://d/agent/a", "account_id": "a", "project_id": "p",
          "trust_level": "first_party"}, "zeroid"),
        ({"sub": "spiffe://d/agent/a", "act": {"sub": "spiffe://d/agent/b"}}, None),
        ({"sub": "spiffe://d/agent/a", "act": {"sub": "spiffe://d/agent/b"}, "owner": "ops",
          "delegation_depth": 1}, "zeroid"),
        ({"scopes": ["*"], "jti": "j"}, "passport"),
        ({"iss": "https://as.example.com", "scopes": ["*"], "jti": "j"}, None),
        ({"tokenName": "access_token", "auditTrackingId": "a"}, "ping"),
        ({"iss": "https://as.example.com", "sub": "u", "client_id": "c", "scope": "a"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_token_is_told_by_claims_that_nobody_else_writes(
    claims: dict[str, Any], name: str | None
) -> None:
    assert dialects.dialect_of(None, claims) == name


def test_claims_that_two_dialects_would_take_are_in_none() -> None:
    assert dialects.dialect_of(None, {"realm_access": {}, "human_root": True}) is None


def test_the_header_goes_before_the_issuer_and_the_claims() -> None:
    said = {"sub": "auth0|u"}
    issuer = "https://tenant.okta.com"
    assert dialects.dialect_of(issuer, said, {"typ": "oauth-id-jag+jwt"}) == "id_jag"
    assert dialects.dialect_of(issuer, said, {"typ": "application/txntoken+jwt"}) == "txn_token"
    assert dialects.dialect_of(issuer, said, {"typ": 7}) == "okta"


def test_a_dialect_nobody_knows_is_the_default() -> None:
    assert dialects.dialect("klingon") is known.DEFAULT
    assert dialects.dialect(None) is known.DEFAULT
    assert dialects.dialect("keycloak").cascades is False


def test_every_dialect_of_the_package_is_known_under_the_name_of_its_file() -> None:
    found = {}
    for module in pkgutil.iter_modules(dialects.__path__):
        spoken = getattr(importlib.import_module(f"grantline.dialects.{module.name}"), "DIALECT", 0)
        if isinstance(spoken, Dialect):
            found[module.name] = spoken
    assert found == known.BY_NAME


def test_the_page_of_the_dialects_is_what_the_code_says() -> None:
    page = Path(dialects.__path__[0], "README.md").read_text("utf-8")
    assert table() in page
