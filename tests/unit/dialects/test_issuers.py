"""When two spellings of an issuer are compared as one, and when they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantline.dialects import issuer_host, issuer_key, same_issuer

TENANT = "00000001-0000-0FF1-ce00-000000000000"


@pytest.mark.parametrize(
    "one, other",
    [
        ("https://t.auth0.example/", "https://t.auth0.example"),
        ("HTTPS://As.Example.COM", "https://as.example.com"),
        ("https://as.example.com:443/x", "https://as.example.com/x/"),
        ("http://as.example.com:80", "http://as.example.com/"),
        ("https://as.example.com:/", "https://as.example.com"),
        ("https://[2001:DB8::1]:443/r", "https://[2001:db8::1]/r/"),
        ("accounts.google.com", "https://accounts.google.com/"),
        (f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"),
        (f"https://sts.windows.net/{TENANT.lower()}/", f"https://login.windows.net/{TENANT}"),
        (
            f"https://sts.chinacloudapi.cn/{TENANT}/",
            f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0",
        ),
    ],
)
def test_two_spellings_of_one_issuer_have_one_key(one: str, other: str) -> None:
    assert issuer_key(one) == issuer_key(other)
    assert same_issuer(one, other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("https://as.example.com", "http://as.example.com"),
        ("https://as.example.com/a", "https://as.example.com/b"),
        ("https://as.example.com/Realm", "https://as.example.com/realm"),
        ("https://as.example.com:8443", "https://as.example.com"),
        ("https://as.example.com//", "https://as.example.com"),
        ("https://as.example.com@evil.example", "https://as.example.com"),
        ("https://as.example.com\\.evil.example", "https://as.example.com"),
        ("https://as.example.com?x=/", "https://as.example.com"),
        ("https://\u212aeycloak.example", "https://keycloak.example"),
        (f"https://sts.windows.net/{TENANT}/", "https://sts.windows.net/another/"),
        (f"https://sts.windows.net/{TENANT}/x", f"https://sts.windows.net/{TENANT}/"),
        (f"http://sts.windows.net/{TENANT}", f"https://login.microsoftonline.com/{TENANT}/v2.0"),
        ("sts.example", "https://sts.example"),
        ("joe", "Joe"),
    ],
)
def test_what_differs_in_more_than_spelling_is_another_issuer(one: str, other: str) -> None:
    assert issuer_key(one) != issuer_key(other)


def test_issuers_that_are_not_told_are_not_known_to_be_one() -> None:
    assert not same_issuer(None, None)
    assert not same_issuer("https://as.example.com", None)


@pytest.mark.parametrize(
    "issuer, host",
    [
        ("https://As.Example.com:8443/x", "as.example.com"),
        ("accounts.google.com", "accounts.google.com"),
        ("urn:example:issuer", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_issuer(issuer: str, host: str) -> None:
    assert issuer_host(issuer) == host


SPELT = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"https?://[A-Za-z0-9.:-]{1,20}(/[A-Za-z0-9.]{0,8}){0,4}/{0,2}", fullmatch=True),
    st.from_regex(
        r"https://(sts|login)\.windows\.net/[a-zA-Z0-9-]{1,8}(/v2\.0)?/?", fullmatch=True
    ),
)


@given(SPELT)
def test_a_key_is_its_own_key(issuer: str) -> None:
    assert issuer_key(issuer_key(issuer)) == issuer_key(issuer)
