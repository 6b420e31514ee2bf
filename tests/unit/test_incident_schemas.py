"""The schemas of incidents, their pages and actions say what the models say, no more, no less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from grantline.model import action as actions
from grantline.model.action import Action
from grantline.model.incident import IncidentRecord
from grantline.model.page import Page
from tests.incidents import record
from tests.pages import page
from tests.unit.test_finding_schema import DRAFT_07, WORDS, keywords

SCHEMAS = Path(__file__).parents[2] / "schemas"
MODELS: dict[str, type[msgspec.Struct]] = {
    "incident": IncidentRecord, "page": Page, "action": Action,
}  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / "json" / f"{name}.v1.schema.json").read_text())
    return found


def plain(node: Any, known: dict[str, Any]) -> Any:
    """`node` without its words, with what it refers to in its place and one spelling for each thing."""
    if isinstance(node, list):
        return [plain(each, known) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return plain(known[node["$ref"].rpartition("/")[2]], known)
    if "anyOf" in node:
        kinds = [plain(each, known) for each in node["anyOf"]]
        [main] = [kind for kind in kinds if kind["type"] != "null"]
        if "enum" in main:
            main["enum"] |= {None}
        return {**main, "type": {main["type"], *(kind["type"] for kind in kinds)}}
    out = {
        name: {field: plain(each, known) for field, each in value.items()}
        if name == "properties"
        else plain(value, known)
        for name, value in node.items()
        if name not in WORDS
    }
    if "enum" in out:
        out = {"type": "string", **out, "enum": set(out["enum"])}
    if isinstance(out.get("type"), list):
        out["type"] = set(out["type"])
    if "required" in out:
        out["required"] = set(out["required"])
    if out.get("additionalProperties") is True or out.get("additionalProperties") == {}:
        del out["additionalProperties"]
    return out


def examples(kind: str) -> list[Any]:
    return [
        pytest.param(name, path, id=f"{name}-{path.stem}")
        for name in MODELS
        for path in sorted((SCHEMAS / "examples" / f"{name}.v1" / kind).glob("*.json"))
    ]


@pytest.mark.parametrize("name", list(MODELS))
def test_the_schema_means_what_the_model_means(name: str) -> None:
    (top,), known = msgspec.json.schema_components([MODELS[name]])
    assert plain(schema(name), {}) == plain(top, known)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_schema_keeps_to_what_both_drafts_know_and_explains_every_field(name: str) -> None:
    said = schema(name)
    jsonschema.Draft202012Validator.check_schema(said)
    jsonschema.Draft7Validator.check_schema(said)
    assert keywords(said) <= DRAFT_07 | {"minLength", "maxLength"}
    assert [field for field, of in said["properties"].items() if not of["description"]] == []
    assert said["$id"] == f"https://grantline.dev/schemas/{name}/1"


def test_what_the_alert_process_says_and_posts_is_valid() -> None:
    jsonschema.validate(msgspec.to_builtins(record()), schema("incident"))
    jsonschema.validate(msgspec.to_builtins(record()), schema("page"))
    for event in ("opened", "quiet", "resolved", "retracted"):
        jsonschema.validate(msgspec.to_builtins(page(event=event)), schema("page"))


@pytest.mark.parametrize("name, path", examples("good"))
def test_a_good_example_is_taken_by_schema_and_model(name: str, path: Path) -> None:
    text = path.read_bytes()
    jsonschema.validate(json.loads(text), schema(name))
    read = (
        actions.decode(text) if name == "action" else msgspec.json.decode(text, type=MODELS[name])
    )
    assert (
        json.loads(msgspec.json.encode(read)).items()
        >= {
            field: value
            for field, value in json.loads(text).items()
            if field != "since_a_later_release"
        }.items()
    )


@pytest.mark.parametrize("name, path", examples("bad"))
def test_a_bad_example_is_refused_by_schema_and_model(name: str, path: Path) -> None:
    text = path.read_bytes()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text), schema(name))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=MODELS[name])
