"""Names of authority: made so that the name alone says what it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantline.dialects import ScopeName, scope_kind, scope_names, taken_apart


@pytest.mark.parametrize(
    "name, kind",
    [
        ("mail.read", "scope"),
        ("events:read", "scope"),
        ("role:realm-admin", "role"),
        ("role:account:manage-account", "client_role"),
        ("permission:read:messages", "permission"),
        ("group:admins", "group"),
    ],
)
def test_the_name_says_its_kind(name: str, kind: str) -> None:
    assert scope_kind(name) == kind
    assert taken_apart(name).kind == kind


def test_a_colon_in_a_realms_role_or_a_clients_id_is_no_border() -> None:
    assert scope_names.role("orders:write") == "role:orders%3Awrite"
    made = scope_names.client_role("https://api.example.com", "orders:write")
    assert made == "role:https%3A//api.example.com:orders:write"
    assert taken_apart(made) == ScopeName("client_role", "orders:write", "https://api.example.com")


@given(st.text(min_size=1), st.text(min_size=1))
def test_what_was_named_is_found_again_and_never_falls_apart(client: str, role: str) -> None:
    fit = {"client": client, "role": role}
    fit = {k: v.encode("utf-8", "replace").decode() for k, v in fit.items()}
    own = scope_names.role(fit["role"])
    of_client = scope_names.client_role(fit["client"], fit["role"])
    assert taken_apart(own) == ScopeName("role", fit["role"])
    assert taken_apart(of_client) == ScopeName("client_role", fit["role"], fit["client"])
    for name in (own, of_client, scope_names.permission(fit["role"])):
        assert name.split() == [name]
        assert "," not in name
