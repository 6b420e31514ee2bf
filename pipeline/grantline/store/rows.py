"""Values to Arrow tables and back to names of columns. Holds no connection and no SQL.

Refuses (`Unstorable`) a number that does not fit DuckDB's BIGINT: msgpack carries larger ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.ports import Position, RejectedRow

RENAMED: Final = {"time": "seen_at", "received": "received_at", "ended": "ended_at"}
"""Hop fields whose column has another name: `time` alone says too little in SQL."""

_STRINGS = pa.list_(pa.string())


class Unstorable(ValueError):
    """A value that no column can hold: a number beyond 64 bits, text that is not Unicode."""

    def __init__(self, field: str, why: Exception) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


def _arrow_type(field: msgspec.structs.FieldInfo) -> pa.DataType:
    if field.name in ("time", "ended"):
        return pa.timestamp("ns")
    if field.name == "received":
        return pa.timestamp("ms")
    for kind, arrow in (("tuple", _STRINGS), ("bool", pa.bool_()), ("int", pa.int64())):
        if kind in str(field.type):
            return arrow
    return pa.string()


_FIELDS: Final = msgspec.structs.fields(Hop)
HOP_SCHEMA: Final = pa.schema(
    [("span_key", pa.uint64())]
    + [(RENAMED.get(field.name, field.name), _arrow_type(field)) for field in _FIELDS]
)
_SPAN_ID: Final = 0
_RECEIVED: Final = [field.name for field in _FIELDS].index("received")

FINDING_SCHEMA: Final = pa.schema(
    [("id", pa.string()), ("revision", pa.int64())]
    + [("status", pa.string()), ("provisional", pa.bool_())]
    + [
        (name, pa.string())
        for name in ("rule", "reference", "title", "severity", "confidence", "root_id")
    ]
    + [(name, _STRINGS) for name in ("delegation_ids", "token_fingerprints", "span_ids")]
    + [("count", pa.int64())]
    + [(name, pa.string()) for name in ("first_seen", "last_seen", "explanation")]
    + [("path", _STRINGS), ("facts", pa.map_(pa.string(), pa.string()))]
    + [(name, pa.string()) for name in ("retracts_if", "triage", "sql", "version", "extra")]
)

REJECTED_SCHEMA: Final = pa.schema(
    [("reason", pa.string()), ("detail", pa.string()), ("source_topic", pa.string())]
    + [(name, pa.int64()) for name in ("source_partition", "source_offset", "span_index")]
    + [(name, pa.string()) for name in ("trace_id", "span_id", "service")]
)

POSITION_SCHEMA: Final = pa.schema(
    [("topic", pa.string()), ("partition", pa.int64()), ("next_offset", pa.int64())]
)


def span_key(span_id: str) -> int:
    """The span id as a number; an id that is not 16 hex digits still gets a stable one."""
    try:
        return int(span_id, 16) & 0xFFFF_FFFF_FFFF_FFFF
    except ValueError:
        return int.from_bytes(span_id.encode("utf-8", "replace")[-8:], "big")


def hop_table(hops: Sequence[Hop]) -> pa.Table:
    """The hops as rows of table `hops`. Raises `Unstorable`."""
    columns: list[Sequence[Any]] = list(zip(*map(msgspec.structs.astuple, hops), strict=True))
    columns[_RECEIVED] = [received or None for received in columns[_RECEIVED]]
    keys = [span_key(span_id) for span_id in columns[_SPAN_ID]]
    return as_table(HOP_SCHEMA, [keys, *columns])


def but(table: pa.Table, rows: Collection[int]) -> pa.Table:
    """The table without the rows at these places."""
    left = [place for place in range(table.num_rows) if place not in rows]
    return table.take(pa.array(left, pa.int64()))


_OPTIONAL: Final = ("actor", "system", "outcome", "issuer", "jti", "revoked_id", "revoked_by")
"""Fields of a finding that stand in column `extra`, where they are told."""


def finding_table(findings: Iterable[Finding]) -> pa.Table:
    """The findings as rows of `finding_history`. Raises `Unstorable`."""
    return as_table(FINDING_SCHEMA, _columns(FINDING_SCHEMA, map(_finding_row, findings)))


def rejected_table(rows: Sequence[RejectedRow]) -> pa.Table:
    """The rejections as rows of table `rejected`. Raises `Unstorable`."""
    return as_table(REJECTED_SCHEMA, _columns(REJECTED_SCHEMA, (row._asdict() for row in rows)))


def position_table(positions: Sequence[Position]) -> pa.Table:
    """The positions as rows of table `positions`."""
    return as_table(POSITION_SCHEMA, list(zip(*positions, strict=True)))


def _finding_row(finding: Finding) -> dict[str, Any]:
    extra = dict(finding.model_extra or {})
    if finding.policy:
        extra["policy"] = finding.policy
    if finding.policy_change:
        extra["policy_change"] = True
    # Columns of their own would be a new version of every file for what few rows have.
    extra |= {
        name: value
        for name in _OPTIONAL
        if (value := getattr(finding, name)) not in (None, "unknown")
    }
    return {
        **finding.__dict__,
        "facts": list(finding.facts.items()),
        "extra": json.dumps(extra, sort_keys=True) if extra else None,
    }


def _columns(schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> list[list[Any]]:
    rows = list(rows)
    return [[row[name] for row in rows] for name in schema.names]


def as_table(schema: pa.Schema, columns: Sequence[Sequence[Any]]) -> pa.Table:
    """Columns of values as a table. Raises `Unstorable`."""
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as why:
            raise Unstorable(field.name, why) from why
    return pa.Table.from_arrays(arrays, schema=schema)
