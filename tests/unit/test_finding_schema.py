"""`schemas/json/finding.v1.schema.json` says what `model.finding.Finding` says, no more, no less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.policy import Policy
from grantline.rules import Rule, every
from grantline.rules.story import tell
from tests.findings import finding

SCHEMAS = Path(__file__).parents[2] / "schemas"
EXAMPLES = SCHEMAS / "examples" / "finding.v1"
SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "json" / "finding.v1.schema.json").read_text())
STORIES = [(rule, story) for rule in every() for story in rule.fires.values()]

WORDS = frozenset({"$schema", "$id", "title", "description", "default"})
"""Keywords that explain and do not judge."""
DRAFT_07 = WORDS | {
    *("type", "required", "properties", "items", "additionalProperties"),
    *("enum", "const", "minimum", "pattern"),
}
"""The keywords in use: each means the same in draft-07 and in 2020-12."""


def meaning(schema: Any) -> Any:
    """`schema` without its words and with one spelling for what has several."""
    if isinstance(schema, list):
        return [meaning(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        kinds = [each["type"] for each in schema["anyOf"]]
        assert all(each.keys() == {"type"} for each in schema["anyOf"])
        schema = {"type": kinds, **{k: v for k, v in schema.items() if k != "anyOf"}}
    plain = {
        name: {field: meaning(each) for field, each in value.items()}
        if name == "properties"
        else meaning(value)
        for name, value in schema.items()
        if name not in WORDS
    }
    return {**plain, "required": set(plain["required"])} if "required" in plain else plain


def keywords(schema: dict[str, Any]) -> set[str]:
    inner = list(schema.get("properties", {}).values())
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    return set(schema).union(*(keywords(each) for each in inner if isinstance(each, dict)))


def examples(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((EXAMPLES / kind).glob("*.json"))]


def test_the_schema_means_what_the_model_means() -> None:
    assert meaning(SCHEMA) == meaning(Finding.model_json_schema())


def test_the_schema_is_valid_in_both_drafts_and_keeps_to_their_common_keywords() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert keywords(SCHEMA) <= DRAFT_07


def test_the_version_is_in_the_id_and_in_the_file_name() -> None:
    version = SCHEMA["properties"]["version"]["const"]
    assert SCHEMA["$id"] == f"https://grantline.dev/schemas/finding/{version}"
    assert finding().version == version


def test_every_field_is_explained() -> None:
    assert [name for name, field in SCHEMA["properties"].items() if not field["description"]] == []


@pytest.mark.parametrize("path", examples("good"))
def test_a_good_example_is_taken_by_schema_and_model(path: Path) -> None:
    text = path.read_text("utf-8")
    jsonschema.validate(json.loads(text), SCHEMA, jsonschema.Draft202012Validator)
    jsonschema.validate(json.loads(text), SCHEMA, jsonschema.Draft7Validator)
    assert json.loads(Finding.model_validate_json(text, strict=True).model_dump_json()) == (
        json.loads(text)
    )


@pytest.mark.parametrize("path", examples("bad"))
def test_a_bad_example_is_refused_by_schema_and_model_for_one_field(path: Path) -> None:
    text = path.read_text("utf-8")
    for validator in (jsonschema.Draft202012Validator, jsonschema.Draft7Validator):
        wrong = [error.absolute_path for error in validator(SCHEMA).iter_errors(json.loads(text))]
        assert len(set(map(tuple, wrong))) == 1
    with pytest.raises(ValidationError) as refused:
        Finding.model_validate_json(text, strict=True)
    assert refused.value.error_count() == 1


@pytest.mark.parametrize("rule, story", STORIES)
def test_what_the_engine_finds_is_valid(rule: Rule, story: str) -> None:
    engine = Engine(Policy(**rule.policy))
    for hops in tell(story):
        engine.add(hops)
    found = engine.finish()
    assert found
    for each in found:
        jsonschema.validate(json.loads(each.model_dump_json()), SCHEMA)
