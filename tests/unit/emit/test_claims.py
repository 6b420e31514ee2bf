"""What claims tell, in the dialects of their issuers, and what hostile claims do not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from grantline.emit import canonical, claims, decoding
from grantline.emit.testing import fake_token
from tests.unit.emit.vectors import AS, CHAIN_HASH, T1, Claims, Noted, plain


def read(body: Claims, header: Claims | None = None) -> dict[str, Any]:
    return dict(claims.extract(body, Noted(), plain, header).fields)


def test_a_nested_act_chain_is_read_root_first() -> None:
    header, body = decoding.decode(T1) or ({}, {})
    facts = read(dict(body), dict(header))
    assert facts["chain_actors"] == (f"{AS} u-7f3a", f"{AS} planner", f"{AS} booker")
    assert facts["chain_hash"] == CHAIN_HASH
    assert (facts["subject_id"], facts["actor_id"]) == ("u-7f3a", "booker")
    assert facts["token_binding_type"] == "dpop"
    assert facts["token_binding_thumbprint"] == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    assert facts["token_type"] == "access_token"


def test_a_token_without_act_implies_its_client_as_the_actor() -> None:
    facts = read({"iss": AS, "sub": "u", "azp": "app", "scope": ""})
    assert facts["chain_actors"] == (f"{AS} u", f"{AS} app")
    assert facts["actor_id"] == "app"
    assert facts["granted_scopes"] == ()


def test_a_client_acting_for_itself_is_a_chain_of_one() -> None:
    facts = read({"iss": AS, "sub": "svc", "client_id": "svc"})
    assert facts["chain_actors"] == (f"{AS} svc",)
    assert facts["actor_id"] == "svc"


def test_entra_names_the_object_id_the_application_and_both_kinds_of_scope() -> None:
    facts = read(
        {
            "iss": "https://login.example/t/v2.0",
            "tid": "t",
            "oid": "oid-1",
            "sub": "pairwise",
            "azp": "agent-app",
            "xms_act_fct": "11",
            "xms_sub_fct": ["13"],
            "scp": "Mail.Read /",
            "roles": ["Task.Run"],
            "uti": "uti-1",
        }
    )
    assert facts["subject_id"] == "oid-1"
    assert facts["subject_type"] == "ai_agent"
    assert facts["actor_id"] == "agent-app"
    assert facts["actor_type"] == "ai_agent"
    assert facts["granted_scopes"] == ("Mail.Read", "role:Task.Run")
    assert facts["token_jti"] == "uti-1"
    assert len(facts["chain_actors"]) == 2


def test_auth0_names_the_agent_and_its_profile_in_act() -> None:
    facts = read(
        {
            "iss": "https://tenant.auth0.example/",
            "sub": "auth0|1",
            "sub_profile": "user",
            "aud": ["https://api", "https://userinfo"],
            "act": {"sub": "agent-7", "sub_profile": "ai_agent", "act": {"sub": "app"}},
            "scope": "read",
        }
    )
    assert (facts["actor_id"], facts["actor_type"]) == ("agent-7", "ai_agent")
    assert facts["subject_type"] == "user"
    assert [entry.split(" ")[1] for entry in facts["chain_actors"]] == ["auth0|1", "app", "agent-7"]
    assert "token_jti" not in facts


def test_a_transaction_token_names_its_workload_and_transaction() -> None:
    facts = read(
        {"sub": "u", "txn": "t-1", "req_wl": "gateway", "scope": "pay", "aud": "trust-domain"},
        {"typ": "txntoken+jwt"},
    )
    assert facts["token_type"] == "txn_token"
    assert facts["transaction_id"] == "t-1"
    assert facts["chain_actors"] == ("- u", "- gateway")
    assert "token_issuer" not in facts


@pytest.mark.parametrize(
    "typ, kind",
    [
        ("at+jwt", "access_token"),
        ("application/at+jwt", "access_token"),
        ("oauth-id-jag+jwt", "id_jag"),
        ("JWT", "jwt"),
    ],
)
def test_the_header_says_which_kind_of_token_it_is(typ: str, kind: str) -> None:
    assert read({"sub": "u"}, {"typ": typ})["token_type"] == kind


def test_a_missing_issuer_of_an_actor_is_the_tokens() -> None:
    facts = read(
        {"iss": AS, "sub": "u", "act": {"iss": "https://other", "sub": "b", "act": {"sub": "a"}}}
    )
    assert facts["chain_actors"] == (f"{AS} u", f"{AS} a", "https://other b")


def test_a_chain_of_more_than_sixteen_keeps_the_root_and_the_newest() -> None:
    act: Claims = {"sub": "a0"}
    for number in range(1, 20):
        act = {"sub": f"a{number}", "act": act}
    facts = read({"iss": AS, "sub": "u", "act": act})
    assert len(facts["chain_actors"]) == 16
    assert facts["chain_actors"][0] == f"{AS} u"
    assert facts["chain_actors"][1] == f"{AS} a5"
    assert facts["chain_actors"][-1] == f"{AS} a19"
    assert facts["chain_truncated"] is True
    full = [[AS, "u"], *([AS, f"a{number}"] for number in range(20))]
    assert facts["chain_hash"] == canonical.chain_hash(full)


def test_a_chain_deeper_than_the_cap_has_no_hash_because_it_was_not_read_to_its_end() -> None:
    act: Claims = {"sub": "a"}
    for _ in range(100):
        act = {"sub": "a", "act": act}
    facts = read({"iss": AS, "sub": "u", "act": act})
    assert facts["chain_truncated"] is True
    assert "chain_hash" not in facts


@pytest.mark.parametrize("subject", [7, None, ["u"], {"u": 1}, True, ""])
def test_a_subject_that_is_no_string_is_no_subject(subject: object) -> None:
    facts = read({"iss": AS, "sub": subject, "client_id": "c"})
    assert "subject_id" not in facts
    assert "chain_actors" not in facts


def test_an_actor_without_a_usable_name_leaves_no_chain() -> None:
    facts = read({"iss": AS, "sub": "u", "act": {"sub": 1, "act": {"sub": "a"}}, "client_id": "c"})
    assert "chain_actors" not in facts
    assert "actor_id" not in facts


def test_white_space_in_an_issuer_cannot_forge_a_chain_entry() -> None:
    facts = read({"iss": "https://as admin", "sub": "u"})
    assert facts["chain_actors"] == ("- u",)
    assert "token_issuer" not in facts


def test_rich_authorization_is_told_by_type_and_hash_only() -> None:
    details = [{"type": "payment_initiation", "amount": "100"}, {"type": "account"}, {"x": 1}]
    facts = read({"sub": "u", "authorization_details": details})
    assert facts["rar_types"] == ("account", "payment_initiation")
    assert facts["rar_hash"] == canonical.canonical_hash(details)
    assert "100" not in json.dumps(facts)


def test_may_act_names_who_may_exchange_the_token() -> None:
    assert read({"iss": AS, "sub": "u", "may_act": {"sub": "b"}})["token_may_act"] == (f"{AS} b",)


@pytest.mark.parametrize("time", [float("inf"), float("nan"), 2**70, True, "soon", None])
def test_a_time_that_is_no_numeric_date_is_left_out(time: object) -> None:
    assert "token_expires_at" not in read({"sub": "u", "exp": time})


@pytest.mark.parametrize(
    "time", [1795000000.9, "1795000000", "1795000000.9", " 1795000000 ", "1.795e9",
             "2026-11-18T11:06:40Z", "2026-11-18T12:06:40+01:00"],
)  # fmt: skip
def test_a_date_is_read_as_text_and_with_a_fraction_which_is_cut(time: object) -> None:
    assert read({"sub": "u", "exp": time})["token_expires_at"] == 1795000000


@pytest.mark.parametrize(
    "told, scopes",
    [
        ({"scope": None, "scp": ["a"]}, ("a",)),
        ({"scope": "", "scp": "a b"}, ("a", "b")),
        ({"scope": [], "scopes": ["a"]}, ("a",)),
        ({"scope": {}, "scp": None, "scopes": "a"}, ("a",)),
        ({"scope": "/", "roles": ["r"]}, ("role:r",)),
        ({"scope": "a", "scp": ["b"]}, ("a",)),
        ({"scope": "", "scp": []}, ()),
        ({"scope": None}, None),
    ],
)
def test_a_spelling_of_the_scopes_that_is_empty_does_not_hide_another(
    told: Claims, scopes: tuple[str, ...] | None
) -> None:
    assert read({"sub": "u", "client_id": "c", **told}).get("granted_scopes") == scopes


def test_an_expiry_that_cannot_be_read_is_noted() -> None:
    notes = Noted()
    claims.extract({"sub": "u", "exp": "soon"}, notes, plain)
    assert notes.seen == ["refused"]


@pytest.mark.parametrize(
    "cnf, kind, thumbprint",
    [
        (None, "none", None),
        ({"jkt": "x" * 43}, "dpop", "x" * 43),
        ({"jkt": "x" * 500}, "dpop", None),
        ({"x5t#S256": "y" * 43}, "mtls", "y" * 43),
        ({"kid": "1"}, "other", None),
        # RFC 7638 section 3.1
        (
            {
                "jwk": {
                    "kty": "RSA",
                    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                    "e": "AQAB",
                    "kid": "2011-04-29",
                }
            },
            "other",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
    ],
)
def test_the_key_a_token_is_bound_to(cnf: object, kind: str, thumbprint: str | None) -> None:
    facts = read({"sub": "u", "cnf": cnf} if cnf else {"sub": "u"})
    assert facts["token_binding_type"] == kind
    assert facts.get("token_binding_thumbprint") == thumbprint


@pytest.mark.parametrize(
    "token",
    [
        "opaque-token",
        "a.b",
        "..",
        "eyJhIjoxfQ.eyJhIjoxfQ.",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.eA",
        "!!.!!.!!",
        "W10.W10.eA",
        "a.b.c.d.e",
        "ää.b.c",
    ],
)
def test_what_is_no_signed_jwt_has_no_claims(token: str) -> None:
    assert decoding.decode(token) is None


def test_an_unsigned_token_is_read_for_tests_only() -> None:
    token = fake_token({"alg": "none"}, sub="u")
    assert decoding.decode(token) is None
    assert decoding.decode(token, unsigned=True) == (
        {"alg": "none", "typ": "at+jwt"},
        {"sub": "u"},
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be", "utf-8-sig"])
def test_claims_that_are_not_utf_8_are_not_decoded(encoding: str) -> None:
    """RFC 7519 section 3: what a verifier would refuse is nobody's word."""
    parts = fake_token(sub="u").split(".")
    parts[1] = base64.urlsafe_b64encode('{"sub":"u"}'.encode(encoding)).decode().rstrip("=")
    assert decoding.decode(".".join(parts)) is None


def test_a_token_above_sixteen_kilobytes_is_not_decoded() -> None:
    assert decoding.decode(fake_token(sub="u", pad="x" * 20_000)) is None


def test_a_claim_nested_beyond_the_parser_is_not_decoded() -> None:
    bomb = '{"act":' * 1700 + "{}" + "}" * 1700
    parts = fake_token(sub="u").split(".")
    parts[1] = base64.urlsafe_b64encode(bomb.encode()).decode().rstrip("=")
    facts = decoding.decode(".".join(parts))
    assert facts is None or claims.extract(facts[1], Noted(), plain).fields


SAMPLES = Path(__file__).parents[2] / "data" / "authgent" / "claims.json"


def test_every_token_of_a_real_authorization_server_is_read() -> None:
    for name, token in json.loads(SAMPLES.read_text())["tokens"].items():
        facts = read(token["claims"], token["header"])
        assert facts["token_issuer"].startswith("http"), name
        assert facts["subject_id"], name
        acts = str(token["claims"]).count("'act'")
        if acts:
            assert len(facts["chain_actors"]) == 1 + acts, name
