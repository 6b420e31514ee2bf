"""Messages of `delegation.rejected`, held to their schema and its examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from grantline.model.rejected import REASONS, Reason, Rejected, StoreReason
from grantline.ports import RejectedRow
from grantline.wire import rejections

SCHEMAS = Path(__file__).parents[3] / "schemas"
SCHEMA = json.loads((SCHEMAS / "json" / "rejected.v1.schema.json").read_text())
GOOD = sorted((SCHEMAS / "examples" / "rejected.v1" / "good").iterdir())
BAD = sorted((SCHEMAS / "examples" / "rejected.v1" / "bad").iterdir())
ROW = RejectedRow(
    "bad_attribute",
    "delegation.depth is a string; send an integer",
    "otlp_spans",
    3,
    4711,
    17,
    "2393be6bcbdfe72d3e30da5292b96a0e",
    "a25ac11fffb4906f",
    "booker",
)


def test_the_schema_is_one_and_lists_every_reason() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema({**SCHEMA, "$schema": Draft7Validator.META_SCHEMA["$schema"]})
    assert tuple(SCHEMA["properties"]["reason"]["enum"]) == REASONS == get_args(Reason)
    assert SCHEMA["properties"].keys() == set(RejectedRow._fields)


@pytest.mark.parametrize("reason", get_args(StoreReason))
def test_what_only_the_writer_says_is_no_message(reason: str) -> None:
    with pytest.raises(rejections.BadRejection, match="reason"):
        rejections.decode(rejections.encode(ROW._replace(reason=reason)))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_examples_are_valid_and_decode(path: Path) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(path.read_text()))
    row = rejections.decode(path.read_bytes())
    assert rejections.decode(rejections.encode(row)) == row


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_examples_are_not_valid_and_do_not_decode(path: Path) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(json.loads(path.read_text()))
    with pytest.raises(rejections.BadRejection):
        rejections.decode(path.read_bytes())


@pytest.mark.parametrize(
    "row",
    [ROW, ROW._replace(span_index=-1, trace_id=None, service=None), ROW._replace(span_index=-1000)],
)
def test_a_message_comes_back_as_it_went_and_follows_the_schema(row: RejectedRow) -> None:
    data = rejections.encode(row)
    Draft202012Validator(SCHEMA).validate(json.loads(data))
    assert rejections.decode(data) == row


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 9999, b'{"reason": "ugly"}'])
def test_what_is_no_message_is_named(data: bytes) -> None:
    with pytest.raises(rejections.BadRejection, match=r"delegation\.rejected"):
        rejections.decode(data)


def test_a_row_says_where_the_record_stood() -> None:
    whole = Rejected("truncated", "x", service="booker")
    row = rejections.row(-1, whole, "t", 3, 9)
    assert row == RejectedRow("truncated", "x", "t", 3, 9, -1, service="booker")
    assert rejections.key(row) == "t/3/9"


def test_headers_tell_reason_and_source() -> None:
    assert rejections.headers(ROW) == [
        ("source_topic", "otlp_spans"),
        ("source_partition", "3"),
        ("source_offset", "4711"),
        ("reason", "bad_attribute"),
        ("content-type", "application/json"),
    ]
