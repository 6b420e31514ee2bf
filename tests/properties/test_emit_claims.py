"""Whatever JSON calls itself a token's claims, the emitting library answers and stays in bounds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from grantline.emit import canonical, claims, clean, decoding
from grantline.emit.attributes import FIELDS
from grantline.emit.testing import capture
from grantline.wire.otlp import decode
from tests.unit.emit.vectors import Noted, plain

QUARANTINE = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")
NAMES = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "uti",
    "txn",
    "scope",
    "scp",
    "roles",
    "act",
    "may_act",
    "client_id",
    "azp",
    "appid",
    "req_wl",
    "tid",
    "oid",
    "cnf",
    "jkt",
    "jwk",
    "x5t#S256",
    "kty",
    "authorization_details",
    "type",
    "sub_profile",
    "client_profile",
    "xms_act_fct",
    "xms_sub_fct",
    "idtyp",
    "crv",
    "x",
    "y",
    "e",
    "n",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["eyJa.eyJb.c", "\ud800", "a b", "x" * 1100, "user", "11", "/"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=30,
)
CLAIMS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=12)
HEADERS = st.dictionaries(st.sampled_from(["typ", "alg"]), SCALARS, max_size=2)


def bounded(text: Any) -> bool:
    """A string within its limit that UTF-8, and so protobuf, can hold."""
    return isinstance(text, str) and len(text) <= clean.MAX_TEXT and text.encode() is not None


def fits(name: str, value: Any) -> bool:
    form = FIELDS[name].form
    if form == "number":
        return type(value) is int and -(2**63) <= value < 2**63
    if form == "flag":
        return isinstance(value, bool)
    if form == "text":
        return bounded(value) and value != ""
    if form == "scopes" and ("" in value or list(value) != sorted(set(value))):
        return False
    # An empty audience is odd and the token's own: audiences are told unfiltered.
    return (
        isinstance(value, tuple)
        and len(value) <= clean.MAX_ITEMS
        and all(bounded(item) for item in value)
    )


@given(CLAIMS, HEADERS)
@settings(max_examples=300, deadline=None)
@example({"sub": "u", "act": {"sub": "\ud800"}}, {})
@example({"aud": ""}, {})
@example({"scope": ["?", "\ud800"]}, {})
@example({"sub": "x" * 1100, "client_id": "c"}, {})
@example({"sub": "u", "aud": ["x"] * 100, "scp": ["b", 1, "a"]}, {"typ": 7})
def test_any_claims_give_facts_of_the_right_form(
    body: dict[str, Any], header: dict[str, Any]
) -> None:
    facts = claims.extract(body, Noted(), plain, header)
    for name, value in facts.fields.items():
        assert fits(name, value), (name, value)
    assert not QUARANTINE.search(repr(dict(facts.fields)))


@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_a_payload_decode_or_do_not(payload: bytes, unsigned: bool) -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode().rstrip("=")
    token = f"{head}.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.eA"
    decoded = decoding.decode(token, unsigned=unsigned)
    assert decoded is None or isinstance(decoded[1], dict)


@given(st.text(max_size=300) | st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_string_is_a_token_with_a_fingerprint_or_is_refused(token: str | bytes) -> None:
    try:
        found = canonical.fingerprint(token)
    except ValueError:
        return
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", found)
    assert canonical.is_id(canonical.delegation_id(found))


@given(st.lists(st.tuples(CLAIMS, JSON, JSON), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_fact_becomes_a_span_that_encoders_and_the_pipeline_take(
    said: list[tuple[dict[str, Any], Any, Any]],
) -> None:
    with capture() as seen:
        for body, one, other in said:
            dl = seen.emitter
            dl.grant("fake-opaque-token", verified=body, purpose=one, scopes=other)
            dl.use("t", verified=body, kind="server", audiences=one, depth=other, actor=one)
            dl.delegate(introspected=body, requested_scopes=one, id=other, parent_id=one)
        facts = seen.facts()
        assert len(facts) == 3 * len(said)
        assert "error" not in seen.emitter.stats().notes
    encoded = encode_spans([fact.span for fact in facts]).SerializeToString()
    assert not QUARANTINE.search(encoded.decode("utf-8", "replace"))
    assert decode(encoded).rejected == []


@given(st.text(alphabet="eyJabc.-_ /=", max_size=80))
@settings(max_examples=300, deadline=None)
def test_what_consumers_quarantine_never_leaves(text: str) -> None:
    assert not QUARANTINE.search(clean.text(text, Noted()))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
@settings(max_examples=300, deadline=None)
@example([("https://as.example.com", '\x00\x1f\x7f\u2028\\"/\b\f\n\r\t')])
def test_a_chains_hash_is_the_hash_of_its_canonical_json(chain: list[tuple[str, str]]) -> None:
    form = rfc8785.dumps([list(pair) for pair in chain])
    assert canonical.chain_hash(chain) == "sha256:" + hashlib.sha256(form).hexdigest()
