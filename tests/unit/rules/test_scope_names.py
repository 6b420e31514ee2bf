"""Which names of authority include which, from the names alone."""

from __future__ import annotations

import time

import pytest

from grantline.dialects.github_scopes import SCOPES as GITHUB
from grantline.model.scopes import gains, in_common

_AUTH = "https://www.googleapis.com/auth/"
_DRIVE = f"{_AUTH}drive"


@pytest.mark.parametrize(
    "held, wanted",
    [
        ("read", "read"),
        ("storage.read:/", "storage.read:/cms/data"),
        ("storage.read:/cms", "storage.read:/cms/"),
        ("storage.read:/cms/", "storage.read:/cms"),
        ("storage.read:/cms/", "storage.read:/cms/data/2026"),
        ("storage.read", "storage.read:/cms"),
        ("storage.read:/", "storage.read"),
        ("storage.read:/a,b", "storage.read:/a,b/c"),
        ("files:*", "files:read"),
        ("files.*", "files.read.all"),
        ("*", "anything"),
        ("*", "permission:read"),
        ("role:*", "role:admin"),
        ("s3:Get*", "s3:GetObject"),
        ("read:mail", "permission:read:mail"),
        ("permission:read:mail", "read:mail"),
        ("repo gist", "repo,gist"),
        ("repo,gist", "gist"),
        (_DRIVE, f"{_DRIVE}.readonly"),
        (f"{_AUTH}cloud-platform", f"{_AUTH}devstorage.read_only"),
        (f"{_AUTH}devstorage.full_control", f"{_AUTH}devstorage.read_write"),
        ("https://mail.google.com/", "https://www.googleapis.com/auth/gmail.send"),
    ],
)
def test_a_name_includes_what_is_within_it(held: str, wanted: str) -> None:
    assert gains((wanted,), held.split()) == ()


@pytest.mark.parametrize(
    "held, wanted",
    [
        ("read", "READ"),
        ("read", "read2"),
        ("storage.read:/cms", "storage.read:/cmsx"),
        ("storage.read:/cms", "storage.read:/"),
        ("storage.read:/cms", "storage.read"),
        ("storage.read:/cms", "storage.write:/cms"),
        ("storage.read:/CMS", "storage.read:/cms"),
        ("storage.read:/cms", "storage.read:/cms/../atlas"),
        ("storage.read:/cms", "storage.read:/cms/%2e%2E/atlas"),
        ("storage.read:/cms", "storage.read:/cms/.%2e/atlas"),
        ("storage.read:/cms", "storage.read:/cms/x%2f..%2fatlas"),
        ("storage.read:/cms", "storage.read:/cms/..\\atlas"),
        ("storage.read:/cms", "storage.read:/cms//../atlas"),
        ("storage.read", "storage.read:/cms/../atlas"),
        ("storage.read:/cms/..", "storage.read:/atlas"),
        ("files:*", "filesystem:read"),
        ("files*", "filesystem"),
        ("files:read", "files:*"),
        ("files:read", "*"),
        ("*", "role:admin"),
        ("*", "group:admins"),
        ("admin", "role:admin"),
        ("role:admin", "role:app:admin"),
        ("s3:Get*", "s3:PutObject"),
        (f"{_DRIVE}.readonly", _DRIVE),
        (f"{_AUTH}devstorage.read_only", f"{_AUTH}devstorage.read_write"),
        (f"{_AUTH}devstorage.full_control", f"{_AUTH}cloud-platform"),
        (f"{_AUTH}cloud-platform", _DRIVE),
        (f"{_AUTH}cloud-platform.read-only", f"{_AUTH}compute"),
        (_DRIVE, "https://www.googleapis.com/auth/drivex"),
        ("https://a.example", "https://a.example/b"),
    ],
)
def test_a_name_includes_nothing_that_only_looks_alike(held: str, wanted: str) -> None:
    assert gains((wanted,), held.split()) == (wanted,)


def test_of_names_that_commas_join_only_what_is_new_is_named() -> None:
    assert gains(("repo,gist,delete_repo",), ("repo", "gist")) == ("delete_repo",)


def test_what_a_scope_implies_it_implies_step_by_step_and_below_its_path() -> None:
    assert gains(("read:org", "repo:status"), ("admin:org", "repo"), GITHUB) == ()
    assert gains(("admin:org",), ("write:org",), GITHUB) == ("admin:org",)
    stage = {"storage.stage": frozenset({"storage.read"})}
    assert gains(("storage.read:/cms/a",), ("storage.stage:/cms",), stage) == ()
    assert gains(("storage.read:/b",), ("storage.stage:/cms",), stage) == ("storage.read:/b",)


def test_a_circle_of_implications_ends() -> None:
    circle = {"a": frozenset({"b"}), "b": frozenset({"a"})}
    assert gains(("b", "c"), ("a",), circle) == ("c",)


def test_paths_below_one_name_are_one_vocabulary() -> None:
    assert in_common(("storage.read:/cms",), ("storage.read:/atlas",))
    assert not in_common(("mcp:use",), ("events:read",))


def test_a_hostile_list_is_compared_in_no_time() -> None:
    """64 names of 1,024 characters on both sides, all of them slashes, commas or stars."""
    before = time.perf_counter()
    for filler in ("/", ",", "a/", "a,", ":/", ".", "*"):
        held = tuple(f"h{n}:/{filler * 1_000}"[:1_024] for n in range(64))
        wanted = tuple(f"w{n}:/{filler * 1_000}"[:1_024] for n in range(64))
        assert gains(wanted, held)
    assert time.perf_counter() - before < 5
