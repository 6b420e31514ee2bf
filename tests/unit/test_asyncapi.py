"""`schemas/asyncapi.yaml` says of Kafka what the code does on Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
import yaml

from grantline.emit import kafka as emit_kafka
from grantline.model.hop import Hop
from grantline.model.sighting import Sighting
from grantline.notify.settings import AlertSettings
from grantline.ports import RejectedRow
from grantline.store.intake import Topics
from grantline.streams.folds import Change
from grantline.streams.frames import FRAME_HEADERS
from grantline.streams.messages import Addresses, finding_message, rejected_message
from grantline.streams.outgoing import Outgoing
from grantline.streams.settings import WorkerSettings
from grantline.streams.topics import specs
from grantline.wire.frames import encode_hops, encode_sightings
from tests.findings import finding

SCHEMAS = Path(__file__).parents[2] / "schemas"
DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text("utf-8"))
WORKER = WorkerSettings(bootstrap="unused:1")
ALERT = AlertSettings(
    bootstrap="unused:1",
    data_dir=Path("unused"),
    notifiers=(),
)
ADDRESSES = Addresses("h", "t", "delegation.findings", "delegation.rejected", 12, "/grantline/x")
HOP = Hop(span_id="00f067aa0ba902b7", trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
          operation="use", time=1)  # fmt: skip
SIGHTING = Sighting(key="tok:sha256:00", act=1, span_id="00f067aa0ba902b7", time=1)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def resolved(reference: str) -> Any:
    file, _, pointer = reference.partition("#")
    found: Any = json.loads((SCHEMAS / file).read_text("utf-8")) if file else DOCUMENT
    for step in pointer.strip("/").split("/") if pointer else []:
        found = found[step]
    return found


def headers(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return schema


def written(record: Outgoing) -> dict[str, str]:
    return {
        name: value.decode() if isinstance(value, bytes) else value or ""
        for name, value in record.headers
    }


def test_it_is_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_every_reference_leads_somewhere(reference: str) -> None:
    assert isinstance(resolved(reference), dict)


def test_the_channels_are_the_topics_of_the_code() -> None:
    topics = WORKER.topics
    assert set(DOCUMENT["channels"]) == {
        *WORKER.input_topics,
        *(getattr(topics, field) for field in topics.__struct_fields__),
    }
    assert emit_kafka.DEFAULT_TOPIC in DOCUMENT["channels"]
    assert set(Topics()) < set(DOCUMENT["channels"])
    assert {ALERT.topic, ALERT.incidents} <= set(DOCUMENT["channels"])


@pytest.mark.parametrize("name", list(DOCUMENT["channels"]))
def test_a_channel_has_the_partitions_and_settings_its_topic_is_created_with(name: str) -> None:
    channel = DOCUMENT["channels"][name]
    binding = channel["bindings"]["kafka"]
    [spec] = [spec for spec in specs(WORKER) if spec.name == name]
    assert channel["address"] == binding["topic"] == name
    assert binding["partitions"] == spec.partitions
    told = binding.get("topicConfiguration", {})
    assert {
        "cleanup.policy": ",".join(told.get("cleanup.policy", ())),
        "retention.ms": str(told.get("retention.ms", "")),
    } == {key: spec.config.get(key, "") for key in ("cleanup.policy", "retention.ms")}


def test_every_channel_has_somebody_who_writes_and_somebody_who_reads_it() -> None:
    ends = {(each["channel"]["$ref"], each["action"]) for each in DOCUMENT["operations"].values()}
    assert ends == {
        (f"#/channels/{name}", action)
        for name in DOCUMENT["channels"]
        for action in ("send", "receive")
    }


def test_consumer_groups_are_those_of_the_code() -> None:
    groups = {
        operation["bindings"]["kafka"]["groupId"]["const"]
        for operation in DOCUMENT["operations"].values()
        if "bindings" in operation
    }
    assert groups == {WORKER.application, ALERT.group}


def test_the_headers_of_a_finding_are_as_described() -> None:
    schema = headers("findingHeaders")
    assert schema["properties"]["ce_type"]["enum"] == [
        f"dev.grantline.finding.{change}.v1" for change in get_args(Change)
    ]
    for root_id, change in (("root", "opened"), (None, "retracted")):
        record = finding_message(finding(root_id=root_id), change, ADDRESSES, 1_000)  # type: ignore[arg-type]
        named = written(record)
        jsonschema.validate(named, schema, jsonschema.Draft7Validator)
        assert set(named) <= set(schema["properties"])
        jsonschema.validate(json.loads(record.value), resolved("./json/finding.v1.schema.json"))
        assert record.key == finding().id.encode()


def test_the_headers_of_a_rejection_are_as_described() -> None:
    schema = headers("rejectedHeaders")
    record = rejected_message(
        RejectedRow("truncated", "ends in field 2", "otlp_spans", 3, 7, 0), ADDRESSES
    )
    jsonschema.validate(written(record), schema, jsonschema.Draft7Validator)
    assert set(written(record)) == set(schema["properties"])
    jsonschema.validate(json.loads(record.value), resolved("./json/rejected.v1.schema.json"))


@pytest.mark.parametrize(
    "name, frame, fields",
    [
        ("hopFrame", encode_hops([HOP]), Hop.__struct_fields__),
        ("sightingFrame", encode_sightings([SIGHTING]), Sighting.__struct_fields__),
    ],
)
def test_a_frame_is_as_described(name: str, frame: bytes, fields: tuple[str, ...]) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    assert schema["x-fields"] == list(fields)
    plain = msgspec.msgpack.decode(frame)
    jsonschema.validate(plain, schema, jsonschema.Draft7Validator)
    item = dict(zip(schema["x-fields"], plain[1][0], strict=True))
    assert item["span_id"] == HOP.span_id
    jsonschema.validate(
        dict(FRAME_HEADERS),
        headers("frameHeaders"),
        jsonschema.Draft7Validator,
    )
