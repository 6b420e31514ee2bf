"""What becomes of records that are not as they should be, before any database sees them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from grantline.model.hop import Hop
from grantline.store.intake import WHOLE_RECORD, Intake, Record, Topics
from grantline.wire.frames import encode_hops

TOPICS = Topics()
SECRET = "eyJmYWtl.fake-token.not-real"


def hop(number: int = 1, **fields: Any) -> Hop:
    known = {"operation": "use", "time": number}
    return Hop(span_id=f"{number:016x}", trace_id="a" * 32, **{**known, **fields})


def taken(*records: Record) -> Intake:
    intake = Intake(TOPICS)
    for record in records:
        intake.add(record)
    return intake


@pytest.mark.parametrize(
    "topic,value",
    [
        (TOPICS.hops, b""),
        (TOPICS.hops, SECRET.encode()),
        (TOPICS.hops, encode_hops([hop()])[:-3]),
        (TOPICS.hops, msgspec.msgpack.encode((7, []))),
        (TOPICS.hops, msgspec.msgpack.encode((1, [[SECRET, 5]]))),
        (TOPICS.findings, b"{"),
        (TOPICS.findings, b"\xff\xfe"),
        (TOPICS.findings, json.dumps({"id": SECRET, "severity": SECRET}).encode()),
        (TOPICS.rejected, b"[]"),
        *(
            (topic, value)
            for topic in (TOPICS.incidents, TOPICS.actions)
            for value in (
                b"{",
                b"\xff",
                b"[]",
                json.dumps({"id": SECRET}).encode(),
                json.dumps({"id": "inc_1", "state": SECRET, "revision": SECRET}).encode(),
            )
        ),
        (
            TOPICS.actions,
            json.dumps(
                {
                    "id": "act_" + 32 * "0",
                    "at": "2026-02-31T00:00:00Z",
                    "who": SECRET,
                    "via": "t",
                    "what": "acknowledge",
                    "incident": "inc_" + 32 * "0",
                }
            ).encode(),
        ),
        (TOPICS.rejected, json.dumps({"reason": 5, "detail": SECRET}).encode()),
        (TOPICS.rejected, json.dumps({"reason": SECRET, "detail": SECRET}).encode()),
        (TOPICS.rejected, json.dumps({"reason": "crashed", "span_id": SECRET}).encode()),
    ],
)
def test_an_unreadable_record_is_a_rejection_that_names_its_place_and_no_value(
    topic: str, value: bytes
) -> None:
    intake = Intake(TOPICS)
    row = intake.add(Record(topic, 3, 41, value))
    assert row is not None
    assert row in intake.batch().rejected
    assert (row.source_topic, row.source_partition, row.source_offset) == (topic, 3, 41)
    assert row.span_index == WHOLE_RECORD
    assert row.detail
    assert "fake" not in row.detail
    assert intake.next_offsets == {(topic, 3): 42}


def test_a_tombstone_only_moves_the_position() -> None:
    intake = taken(Record(TOPICS.findings, 0, 9, None))
    assert intake.rows == 0
    assert intake.batch().positions == [(TOPICS.findings, 0, 10)]


def test_a_rejection_is_kept_with_where_its_input_came_from() -> None:
    message = {"reason": "raw_token", "detail": "remove it", "source_topic": "otlp_spans",
               "source_partition": 2, "source_offset": 7, "span_index": 1, "service": "booker",
               "later": "field"}  # fmt: skip
    intake = taken(Record(TOPICS.rejected, 0, 0, json.dumps(message).encode()))
    (row,) = intake.rejected
    assert row[:6] == ("raw_token", "remove it", "otlp_spans", 2, 7, 1)
    assert row.service == "booker"


def test_a_hop_that_no_column_can_hold_costs_itself_alone() -> None:
    """Its neighbours stay, and the rejection names the frame it came in and its place there."""
    huge = hop(5, token_expires_at=2**63)
    intake = taken(
        Record(TOPICS.hops, 0, 10, encode_hops([hop(1), hop(2)])),
        Record(TOPICS.hops, 1, 20, encode_hops([])),
        Record(TOPICS.hops, 1, 21, encode_hops([hop(3), hop(4), huge, hop(6)])),
        Record(TOPICS.hops, 0, 11, encode_hops([hop(7)])),
    )
    (dropped,) = intake.drop_unstorable()
    assert dropped[2:6] == (TOPICS.hops, 1, 21, 2)
    assert "token_expires_at" in dropped.detail
    assert [h.span_id[-1] for h in intake.hops] == ["1", "2", "3", "4", "6", "7"]
    assert intake.rejected == [dropped]
    assert intake.drop_unstorable() == []
