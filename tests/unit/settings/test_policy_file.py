"""The policy file: what it says reaches the rules, and its schema says what may stand in it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from grantline.model.policy import Policy, digest
from grantline.model.policy_parts import Crossing, Exemption, IssuerPolicy
from grantline.settings.policy_file import Unusable, load, parse
from grantline.settings.policy_model import PolicyFile, schema
from grantline.settings.toml_lines import lines

SCHEMA = Path(__file__).parents[3] / "schemas" / "json" / "policy.v1.schema.json"
WHOLE = """
leeway_seconds = 30
max_depth = 4
max_fan_out = 20
max_lifetime_seconds = 3_600
proxies = ["sidecar"]
gateways = ["api-gateway"]
ignored_scopes = ["openid"]

[implied_scopes]
"crm.admin" = ["crm.read", "crm.write"]

[issuers."https://AS.example.com/"]
aliases = ["https://as.internal"]
dialect = "keycloak"
scope_domain = "resource"
ignored_scopes = ["basic"]
cascade = false
leeway_seconds = 5
implied_scopes = { admin = ["read"] }

[[crossings]]
from_issuer = "https://idp.example"
to_issuer = "https://as.example.com"
allows = { login = ["crm.read"] }

[principal_aliases]
"spiffe://corp/ns/a" = "planner"
[presenter_aliases]
"10.0.0.7" = "planner"
[audience_aliases]
crm = ["crm.example.com"]
[action_tiers]
"payments.create" = "critical"
[required_scopes]
"payments.create" = ["payments:write"]
[task_tools]
book-a-trip = ["search", "book"]
[allowances]
"crm.example.com" = 300

[[exemptions]]
reference = "SE-01"
actor = "migrator"
until = 2027-01-31
owner = "alice"
reason = "moves to the new API"
"""


def test_a_whole_file_is_the_policy_it_says() -> None:
    assert parse(WHOLE) == Policy(
        leeway_seconds=30, max_depth=4, max_fan_out=20, max_lifetime_seconds=3_600,
        proxies=frozenset({"sidecar", "api-gateway"}), ignored_scopes=frozenset({"openid"}),
        implied_scopes={"crm.admin": frozenset({"crm.read", "crm.write"})},
        issuers={
            "https://as.example.com": IssuerPolicy(
                aliases=frozenset({"https://as.internal"}), dialect="keycloak",
                scope_domain="resource", ignored_scopes=frozenset({"basic"}), cascade=False,
                leeway_seconds=5, implied_scopes={"admin": frozenset({"read"})},
            )
        },
        crossings=(
            Crossing(from_issuer="https://idp.example", to_issuer="https://as.example.com",
                     allows={"login": frozenset({"crm.read"})}),
        ),
        principal_aliases={"spiffe://corp/ns/a": "planner"},
        presenter_aliases={"10.0.0.7": "planner"},
        audience_aliases={"crm": frozenset({"crm.example.com"})},
        action_tiers={"payments.create": "critical"},
        required_scopes={"payments.create": frozenset({"payments:write"})},
        task_tools={"book-a-trip": frozenset({"search", "book"})},
        allowances={"crm.example.com": 300},
        exemptions=(
            Exemption(reference="SE-01", actor="migrator", until="2027-01-31", owner="alice",
                      reason="moves to the new API"),
        ),
    )  # fmt: skip


def test_an_empty_file_says_what_none_says() -> None:
    assert parse("") == Policy()


def test_every_key_of_the_policy_can_be_written() -> None:
    assert PolicyFile.model_fields.keys() == {*Policy.__struct_fields__, "gateways"}


def test_all_that_is_wrong_is_told_at_once_by_line() -> None:
    with pytest.raises(Unusable) as refused:
        parse('max_depth = "3"\n\n[issuers."https://a"]\nleeway_seconds = -1\ncascad = true\n')
    assert [problem.line for problem in refused.value.problems] == [1, 4, 5]


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    one = parse('gateways = ["a", "b"]\n[allowances]\na = 1\nb = 2')
    same = parse('proxies = ["b"]\ngateways = ["a"]\nallowances = { b = 2, a = 1 }')
    assert digest(one) == digest(same)
    assert digest(one) != digest(parse('gateways = ["a"]')) != digest(Policy())
    assert digest(Policy(issuers={"https://a/": IssuerPolicy()})) == digest(
        Policy(issuers={"https://a": IssuerPolicy()})
    )


def test_the_schema_for_editors_is_that_of_the_file() -> None:
    """After a change: json.dumps(schema(), indent=2) is the file's content."""
    assert json.loads(SCHEMA.read_text()) == schema()


@pytest.mark.parametrize(
    "text, fits",
    [
        (WHOLE.replace("2027-01-31", '"2027-01-31"'), True),
        ("", True),
        ("leway_seconds = 1", False),
        ("leeway_seconds = '1'", False),
        ("[issuers.a]\nscope_domain = 'x'", False),
        ("[[exemptions]]\nreference = 'SE-01'", False),
    ],
)
def test_the_schema_judges_as_the_process_does(text: str, fits: bool) -> None:
    table: Any = tomllib.loads(text)
    judge = jsonschema.Draft202012Validator(schema())
    assert judge.is_valid(table) == fits
    if fits:
        parse(text)
    else:
        with pytest.raises(Unusable):
            parse(text)


def test_every_key_is_explained_to_editors() -> None:
    made = schema()
    parts = [made, *made["$defs"].values()]
    for part in parts:
        for name, about in part["properties"].items():
            assert about.get("description") or name in {"to_issuer", "from_audience", "to_audience",
                                                        "owner", "reason"}, name  # fmt: skip


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\xff = 1", "line 1: this is no TOML: it is not UTF-8"),
        (b"x" * (5 << 20), "more than 4 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(data)
    with pytest.raises(Unusable, match=words):
        load(path)


def test_a_hostile_file_is_refused_and_not_waited_for() -> None:
    for text in (
        "a = " + "[" * 100_000,
        "[" * 50_000,
        "x = 1\n" * 3,
        'a."b.c"."d" = {e = {f = 1}}',
    ):
        with pytest.raises(Unusable):
            parse(text)


def test_lines_are_found_whatever_the_style() -> None:
    text = '''# comment
a = 1
"b.c" = { d = 2 }
[t."x y"] # here
k = [
  1,  # one
  2,
]
m = """
[not.a.table]
n = 3
"""
o.p = 4
[[list]]
q = 5
[[list]]
q = 6
[list.sub]
r = 7
'''
    assert lines(text) == {
        ("a",): 2, ("b.c",): 3, ("t", "x y"): 4, ("t", "x y", "k"): 5, ("t", "x y", "k", 0): 6,
        ("t", "x y", "k", 1): 7, ("t", "x y", "m"): 9, ("t", "x y", "o", "p"): 13, ("list", 0): 14,
        ("list", 0, "q"): 15, ("list", 1): 16, ("list", 1, "q"): 17, ("list", 1, "sub"): 18,
        ("list", 1, "sub", "r"): 19,
    }  # fmt: skip
