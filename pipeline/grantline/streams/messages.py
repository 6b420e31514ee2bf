"""Messages: what leaves the worker as records, each addressed to its partition.

Pure: nothing is sent here and no clock is read. No message holds a value of a span that was
rejected: whatever is wrong with it may be a secret.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from grantline.lineage.partition import partition_of
from grantline.model.finding import Finding
from grantline.ports import RejectedRow
from grantline.streams.folds import Change
from grantline.streams.outgoing import MAX_RECORD_BYTES, Outgoing
from grantline.wire import rejections

_CUT = "... (cut: the finding was too large for one record)"


class Addresses(NamedTuple):
    """Where messages go."""

    hops: str
    tokens: str
    findings: str
    rejected: str
    partitions: int
    source: str
    """CloudEvents source: which pipeline speaks."""


def finding_message(
    finding: Finding, change: Change, addresses: Addresses, now_ms: int
) -> Outgoing:
    """One state of one finding: CloudEvents 1.0 in Kafka's binary content mode."""
    time = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_specversion", "1.0"),
        ("ce_id", f"{finding.id}-{finding.revision}"),
        ("ce_type", f"dev.grantline.finding.{change}.v1"),
        ("ce_source", addresses.source),
        ("ce_time", time.replace("+00:00", "Z")),
        ("content-type", "application/json"),
    ]
    if finding.root_id:
        headers.insert(4, ("ce_subject", finding.root_id[:1000].encode()))
    partition = partition_of(finding.id, addresses.partitions)
    return Outgoing(addresses.findings, partition, finding.id.encode(), _fitting(finding), headers)


def _fitting(finding: Finding) -> bytes:
    """The finding's JSON. Names of agents and scopes come from outside and may be as long as
    their owner likes; a finding that no longer fits a record loses its prose, never itself.
    """
    value = finding.model_dump_json().encode()
    if len(value) <= MAX_RECORD_BYTES:
        return value
    short = finding.model_copy(
        update={
            "explanation": finding.explanation[:2000] + _CUT,
            "facts": {name[:200]: text[:500] + _CUT for name, text in finding.facts.items()},
            "path": [actor[:200] for actor in finding.path[:64]],
            "root_id": finding.root_id and finding.root_id[:1000],
            "sql": _CUT,
        }
    )
    return short.model_dump_json().encode()


def rejected_message(row: RejectedRow, addresses: Addresses) -> Outgoing:
    """Why something was not taken in, and where it is still to be found."""
    key = rejections.key(row)
    partition = partition_of(key, addresses.partitions)
    value, headers = rejections.encode(row), rejections.headers(row)
    return Outgoing(addresses.rejected, partition, key.encode(), value, headers)
