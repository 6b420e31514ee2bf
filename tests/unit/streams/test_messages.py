"""What leaves the worker, byte by byte."""

from __future__ import annotations

from grantline.lineage.partition import partition_of
from grantline.model.finding import Finding
from grantline.ports import RejectedRow
from grantline.streams.messages import Addresses, finding_message, rejected_message
from grantline.streams.outgoing import MAX_RECORD_BYTES
from grantline.wire import rejections
from tests.findings import finding

TO = Addresses("hops", "tokens", "findings", "rejected", 5, "/grantline/test")


def test_a_finding_is_a_cloudevent_in_binary_mode() -> None:
    said = finding(revision=7)
    message = finding_message(said, "amended", TO, 1_700_000_000_123)
    assert dict(message.headers) == {
        "ce_specversion": "1.0",
        "ce_id": f"{said.id}-7",
        "ce_type": "dev.grantline.finding.amended.v1",
        "ce_source": "/grantline/test",
        "ce_subject": b"root-one",
        "ce_time": "2023-11-14T22:13:20.123Z",
        "content-type": "application/json",
    }
    assert message.key == said.id.encode()
    assert message.partition == partition_of(said.id, 5)
    assert Finding.model_validate_json(message.value) == said


def test_a_finding_without_a_root_has_no_subject() -> None:
    message = finding_message(finding(root_id=None), "opened", TO, 0)
    assert "ce_subject" not in dict(message.headers)


def test_a_finding_too_large_for_a_record_loses_its_prose_not_itself() -> None:
    huge = finding(
        explanation="x" * MAX_RECORD_BYTES,
        facts={"gained": "y" * MAX_RECORD_BYTES},
        path=["z" * MAX_RECORD_BYTES],
        sql="s" * MAX_RECORD_BYTES,
    )
    message = finding_message(huge, "opened", TO, 0)
    assert len(message.value) < MAX_RECORD_BYTES
    kept = Finding.model_validate_json(message.value)
    assert (kept.id, kept.span_ids, kept.rule) == (huge.id, huge.span_ids, huge.rule)
    assert "cut" in kept.explanation


def test_a_rejection_carries_its_place_in_body_and_headers() -> None:
    row = RejectedRow(
        "raw_token", "attribute 3 looks like a credential", "spans", 1, 42, 0, "ab" * 16
    )
    message = rejected_message(row, TO)
    assert rejections.decode(message.value) == row
    headers = dict(message.headers)
    assert headers["source_topic"] == "spans"
    assert (headers["source_partition"], headers["source_offset"]) == ("1", "42")
    assert message.key == b"spans/1/42"
