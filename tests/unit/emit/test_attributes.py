"""The table of attributes, and that the keywords of the API are exactly its fields."""

from __future__ import annotations

from grantline.emit.attributes import ALIASES, FIELDS, OPERATIONS, PLANS, REQUIRED
from grantline.emit.facts import Facts


def test_the_keywords_of_the_api_are_the_fields_and_their_short_names() -> None:
    assert set(Facts.__annotations__) == set(FIELDS) | set(ALIASES)


def test_short_names_stand_for_fields() -> None:
    assert set(ALIASES.values()) <= set(FIELDS)


def test_every_level_is_one_of_the_conventions() -> None:
    assert {level for field in FIELDS.values() for level in field.levels} <= set("RCro.")
    assert all(len(field.levels) == len(OPERATIONS) for field in FIELDS.values())


def test_the_convention_has_72_attributes_besides_the_reused_ones() -> None:
    own = [f for f in FIELDS.values() if f.attribute.startswith("delegation.")]
    assert len(own) + 1 == 72  # and operation.name


def test_spot_checks_against_the_convention() -> None:
    assert "delegation.parent.id" in REQUIRED["delegate"]
    assert "parent_id" not in PLANS["grant"]
    assert REQUIRED["end"] == {"delegation.evidence", "delegation.end.status"}
    assert "delegation.audiences" in REQUIRED["use"]
    assert "token_fingerprint" not in PLANS["consent"]
