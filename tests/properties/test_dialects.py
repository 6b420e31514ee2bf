"""Claims and answers come from outside: whatever they are, reading them gives a value."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grantline import dialects
from grantline.dialects import aws
from grantline.dialects.known import EVERY
from grantline.emit import answered
from grantline.emit import claims as told
from tests.unit.emit.vectors import Noted, plain

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["1795000000", "1610383442.123882", "2026-11-28T00:00:00Z", "9" * 400, "a,b", "role:x",
         "spiffe://d/agent/a", "(usr!demo)", "auth0|u", "x@clients", "access", "id", "Bearer",
         "https://login.microsoftonline.com/t/v2.0", "\ud800", "eyJh.eyJh.x"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["sub", "iss", "act", "client_id", "roles", "status",
                                         "Code", "active", "AccessKeyId"]), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip
NAMES = [
    "iss", "sub", "aud", "exp", "iat", "jti", "uti", "act", "may_act", "scope", "scp", "scopes",
    "roles", "permissions", "realm_access", "resource_access", "client_id", "azp", "appid", "cid",
    "uid", "req_wl", "txn", "tid", "oid", "ver", "idtyp", "xms_act_fct", "xms_sub_fct", "nonce",
    "at_hash", "token_use", "cognito:groups", "origin_jti", "human_root", "account_id",
    "project_id", "identity_type", "delegation_depth", "sub_profile", "sid", "typ",
    "preferred_username", "tokenName", "auditTrackingId", "issued_to", "user_id", "audience",
    "resource", "repository", "authorization_details", "cnf", "backchannel_client_id", "gty",
]  # fmt: skip
CLAIMS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)
HEADERS = st.one_of(
    st.none(), st.dictionaries(st.just("typ"), st.one_of(SCALARS, st.sampled_from(
        ["at+jwt", "JWT", "txntoken+jwt", "application/oauth-id-jag+jwt"])))
)  # fmt: skip
ANSWERS = st.dictionaries(
    st.sampled_from(
        ["access_token", "accessToken", "token", "refresh_token", "scope", "scopes", "expires_in",
         "expires_at", "expires_on", "expireTime", "issued_token_type", "error", "suberror",
         "error_subtype", "error_codes", "claims", "Error", "Credentials", "credentials",
         "AssumeRoleResponse", "AuthenticationResult", "ChallengeName", "authed_user", "ok",
         "permissions", "AccessKeyId", "SessionToken", "Expiration", "active",
         "token_introspection", "AssumedRoleUser", "SourceIdentity"]
    ),
    VALUES,
    max_size=8,
)  # fmt: skip


@given(CLAIMS, HEADERS, st.sampled_from([None, *(d.name for d in EVERY)]))
def test_any_claims_are_read_in_any_dialect(
    said: dict[str, Any], header: dict[str, Any] | None, name: str | None
) -> None:
    found = dialects.read(said, header, name)
    for time in (found.issued_at, found.expires_at):
        assert time is None or -(2**63) <= time < 2**63
    for party in (found.subject, found.actor, found.delegator, *(found.chain or ())):
        assert party is None or (party[1] and isinstance(party[1], str))
    dialects.scope_domains(found)


@given(CLAIMS, HEADERS)
def test_any_claims_give_facts_that_fit_into_a_span(
    said: dict[str, Any], header: dict[str, Any] | None
) -> None:
    for value in told.extract(said, Noted(), plain, header).fields.values():
        assert isinstance(value, (str, int, bool, tuple))
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                text.encode()
                assert len(text) <= 1024
    told.introspected(said, Noted(), plain, 1795000000.0)


@given(ANSWERS)
def test_any_answer_is_a_credential_a_refusal_or_nothing(body: dict[str, Any]) -> None:
    found = dialects.read_answer(body, 1795000000.0)
    assert found.refusal is None or found.token is None
    assert found.expires_at is None or 0 < found.expires_at < 2**63
    assert dialects.inactive(body) in (True, False)
    answered.answered(found, Noted())


@given(st.text())
def test_any_document_is_an_answer_or_none(document: str) -> None:
    dialects.read_answer(aws.from_xml(document), 0.0)
