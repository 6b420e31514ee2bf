"""The attribute registry in `schemas/otel` and what the decoder reads say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from grantline.model import flags, hop
from grantline.model.hop import EVIDENCE_RANK, OPERATIONS, Hop
from grantline.wire import otlp_values as convert
from grantline.wire.otlp import decode
from grantline.wire.otlp_attributes import FIELDS, FLAGS, RESOURCE, SPAN
from tests.otlp import USE, both, span

REGISTRY = yaml.safe_load(
    (Path(__file__).parents[3] / "schemas" / "otel" / "attributes.yaml").read_text()
)
SECTIONS = ("attributes", "reused", "resource")
CONVERTERS: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "string": (convert.text, convert.operation, convert.details),
    "int": (convert.integer, convert.instant),
    "boolean": (convert.truth,),
    "string[]": (convert.texts,),
    "scope[]": (convert.scopes,),
    "fingerprint": (convert.fingerprint,),
}
LEVELS = {"required", "required_if_known", "recommended", "opt_in"}


def entries(*sections: str) -> list[dict[str, Any]]:
    return [entry for section in sections for entry in REGISTRY[section]]


def test_the_registry_and_the_decoder_name_the_same_attributes() -> None:
    stored = [entry["id"] for entry in entries(*SECTIONS) if entry.get("stored", True)]
    assert len(stored) == len(set(stored))
    assert set(stored) == SPAN.keys() | RESOURCE.keys()
    assert {entry["id"] for entry in entries("resource")} == RESOURCE.keys()


@pytest.mark.parametrize("entry", entries(*SECTIONS), ids=lambda entry: str(entry["id"]))
def test_an_attribute_is_described_as_it_is_read(entry: dict[str, Any]) -> None:
    assert entry["brief"].endswith(".")
    assert len(entry["brief"]) < 220
    assert entry.keys() <= {
        "id", "type", "brief", "members", "levels", "source", "example", "stored"
    }  # fmt: skip
    if not entry.get("stored", True):
        return
    attribute = (SPAN | RESOURCE)[entry["id"]]
    assert attribute.convert in CONVERTERS[entry["type"]]
    assert attribute.convert(entry["example"]) is not None
    if "members" in entry and not isinstance(entry["example"], list):
        assert entry["example"] in entry["members"]


@pytest.mark.parametrize("entry", entries("attributes"), ids=lambda entry: str(entry["id"]))
def test_each_level_lists_operations_once(entry: dict[str, Any]) -> None:
    listed = [operation for at in entry["levels"].values() for operation in at]
    assert entry["levels"].keys() <= LEVELS
    assert len(listed) == len(set(listed)) > 0
    assert set(listed) <= OPERATIONS


def test_the_enums_the_rules_know_are_those_of_the_registry() -> None:
    members = {entry["id"]: entry.get("members", []) for entry in entries("attributes")}
    assert set(members["delegation.operation.name"]) == OPERATIONS
    assert members["delegation.evidence"] == sorted(EVIDENCE_RANK, key=EVIDENCE_RANK.__getitem__)


def test_every_example_of_the_registry_arrives_in_its_field() -> None:
    """One span that carries all there is: each field of a hop is filled, from nothing else."""
    attributes = {entry["id"]: entry["example"] for entry in entries("attributes", "reused")}
    resource = {entry["id"]: entry["example"] for entry in entries("resource")}
    told = span(attributes, dropped_attributes_count=1, parent_span_id=b"\x07" * 8)
    for data in both([told], resource=resource):
        [hop] = decode(data, received=1).hops
        for name, attribute in (SPAN | RESOURCE).items():
            if attribute.slot < len(FIELDS):
                assert getattr(hop, FIELDS[attribute.slot]) == attribute.convert(
                    (attributes | resource)[name]
                ), name
        assert hop.parent_span_id == "07" * 8
        not_told = [field for field in FIELDS if getattr(hop, field) is None]
        assert not_told == ["task_granted_at", "chain_key"]  # no emitter's to say


@pytest.mark.parametrize("above", [b"", b"\x00" * 8, b"\x07" * 7])
def test_a_span_above_that_is_none_is_not_said(above: bytes) -> None:
    for data in both([span(parent_span_id=above)]):
        [hop] = decode(data, received=1).hops
        assert hop.parent_span_id is None


def test_a_field_of_a_hop_has_the_type_its_converter_gives() -> None:
    gives: dict[Callable[[Any], Any], Any] = {
        convert.text: str,
        convert.operation: str,
        convert.details: str,
        convert.fingerprint: str,
        convert.integer: int,
        convert.instant: int,
        convert.truth: bool,
        convert.texts: tuple[str, ...],
        convert.scopes: tuple[str, ...],
    }
    hints = get_type_hints(Hop)
    for attribute in (SPAN | RESOURCE).values():
        if attribute.slot < len(FIELDS):
            given = gives[attribute.convert]
            assert hints[FIELDS[attribute.slot]] in (given, given | None), attribute.name
    assert USE.keys() <= SPAN.keys()


def test_the_registry_lists_the_flags_that_a_hop_may_have() -> None:
    listed = [entry["id"] for entry in REGISTRY["flags"]]
    assert len(listed) == len(set(listed))
    of_lineage = {hop.LATE, hop.ROOT_RESOLVED, hop.ROOT_WITHDRAWN}
    patterns = {"<field>" + flags.NORMALISED, "<field>" + flags.INVALID}
    named = set(listed) - of_lineage - patterns
    assert set(listed) == named | of_lineage | patterns
    told = {attribute.field for attribute in (*SPAN.values(), *RESOURCE.values())}
    for flag in FLAGS - named:
        field, _, ending = flag.rpartition("_")
        assert (field in told, f"<field>_{ending}" in patterns) == (True, True), flag
    assert named <= FLAGS
