"""Canonical forms: the convention's vectors, and what has no canonical form."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest

from grantline.emit import canonical
from grantline.emit.canonical import Key
from tests.unit.emit.vectors import AS, CHAIN, CHAIN_HASH, D0, D1, F0, F1, T0, T1

KEY = Key(b"k" * 32, "k1")


@pytest.mark.parametrize("token, print_, own", [(T0, F0, D0), (T1, F1, D1)])
def test_the_vectors_of_the_convention(token: str, print_: str, own: str) -> None:
    assert canonical.fingerprint(token) == print_
    assert canonical.delegation_id(print_) == own


def test_the_vectors_of_an_opaque_token_in_both_modes() -> None:
    assert canonical.fingerprint("abc.def.ghi") == (
        "sha256:6559e90b5dd57405bdf180f29b509053a3d36c4abf3de535ab249b54d4327234"
    )
    assert canonical.fingerprint("abc.def.ghi", KEY) == (
        "hmac-sha256:k1:dc7c4423560d6453d3bae17910d1226b0ad40ea6fb9b7ce80251541bc6c63207"
    )


def test_an_hmac_fingerprint_gives_an_id_of_its_own_digest() -> None:
    assert canonical.delegation_id(canonical.fingerprint("abc.def.ghi", KEY)) == (
        "dlg_dc7c4423560d6453d3bae17910d1226b"
    )


@pytest.mark.parametrize("wrapped", [f"Bearer {T0}", f"bearer {T0}", f"DPoP {T0}", f" {T0}\n"])
def test_scheme_and_white_space_are_no_part_of_a_token(wrapped: str) -> None:
    assert canonical.fingerprint(wrapped) == F0


def test_a_certificate_is_fingerprinted_as_it_is() -> None:
    assert canonical.fingerprint(b"\x30\x82") == "sha256:" + hashlib.sha256(b"\x30\x82").hexdigest()


@pytest.mark.parametrize(
    "token", ["", "  ", "Bearer ", "tökén", "a b", "a\x00b", "a\x7f", "\ud800", b""]
)
def test_what_is_no_token_has_no_fingerprint(token: str | bytes) -> None:
    with pytest.raises(ValueError, match="token"):
        canonical.fingerprint(token)


def test_the_chain_hash_of_the_convention() -> None:
    assert canonical.chain_hash(CHAIN) == CHAIN_HASH


def test_the_chain_hash_is_over_utf_8_and_escapes_as_rfc_8785_asks() -> None:
    text = '[["' + AS + '","\\u0001ü\\"€\\n\x7f"]]'
    assert canonical.chain_hash([[AS, '\x01ü"€\n\x7f']]) == (
        "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    )


@pytest.mark.parametrize("value", ["\ud800", float("nan"), 2**60, {1: 2}, object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="canonical"):
        canonical.canonical_hash([value])


def test_a_chain_that_is_no_text_has_no_hash() -> None:
    with pytest.raises(ValueError, match="canonical"):
        canonical.chain_hash([[AS, "\ud800"]])


def test_scopes_are_split_sorted_and_unique() -> None:
    assert canonical.split_scopes("b  a b a:z ") == ("a", "a:z", "b")
    assert canonical.split_scopes(["b a", "a"]) == ("a", "b")
    assert canonical.split_scopes("") == ()


def test_ids_without_a_token_are_uuid_version_7_in_time_order() -> None:
    first = canonical.new_id()
    time.sleep(0.002)
    second = canonical.new_id()
    assert canonical.is_id(first)
    assert first < second
    assert first[4 + 12] == "7"
    assert first[4 + 16] in "89ab"


@pytest.mark.parametrize("text", ["", "a" * 65, "a b", "ä", "a\n", None, 3])
def test_ids_that_the_convention_does_not_allow(text: object) -> None:
    assert not canonical.is_id(text)


def test_pseudonyms_join_under_one_key_only() -> None:
    other = Key(b"o" * 32, "k1")
    assert canonical.pseudonym(AS, "u", KEY) == canonical.pseudonym(AS, "u", KEY)
    assert canonical.pseudonym(AS, "u", KEY) != canonical.pseudonym(AS, "u", other)
    assert canonical.pseudonym(AS, "u", KEY) != canonical.pseudonym("-", "u", KEY)
    assert canonical.pseudonym(AS, "u", KEY).startswith("hmac-sha256:k1:")


def test_a_key_shows_its_name_and_never_itself() -> None:
    assert "kkkk" not in repr(KEY)
    assert "k1" in repr(KEY)


@pytest.mark.parametrize("secret, kid", [(b"short", "k1"), (b"k" * 32, "a:b"), (b"k" * 32, "")])
def test_a_weak_key_or_a_name_that_breaks_the_format_is_refused(secret: bytes, kid: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Key(secret, kid)


def test_the_fingerprint_is_the_digest_of_a_dpop_proof() -> None:
    ath = base64.urlsafe_b64encode(hashlib.sha256(T0.encode()).digest()).rstrip(b"=")
    assert base64.urlsafe_b64decode(ath + b"=").hex() == F0.removeprefix("sha256:")
