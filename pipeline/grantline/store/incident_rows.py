"""Incidents and actions to Arrow tables: rows of `incident_revisions` and `action_history`.

A time that is none becomes NULL: what people and destinations say of an incident must not cost its row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pyarrow as pa

from grantline.model.action import Action, milliseconds
from grantline.model.incident import IncidentRecord
from grantline.store.rows import as_table

_TEXT = pa.string()
_TEXTS = pa.list_(_TEXT)
_NUMBER = pa.int64()
_TIME = pa.timestamp("ms")

INCIDENT_SCHEMA: Final = pa.schema(
    [("id", _TEXT), ("revision", _NUMBER), ("episode", _NUMBER), ("state", _TEXT)]
    + [("continuing", pa.bool_())]
    + [(name, _TEXT) for name in ("severity", "confidence", "title", "claim", "going_on")]
    + [(name, _TEXT) for name in ("reference", "rule", "kind", "subject", "root_id")]
    + [("detected", pa.map_(_TEXT, _NUMBER)), ("path", _TEXTS)]
    + [("systems", _TEXTS), ("system_count", _NUMBER), ("outcome", _TEXT)]
    + [("actors", _TEXTS), ("actor_count", _NUMBER), ("token_count", _NUMBER)]
    + [(name, _TEXT) for name in ("issuer", "jti", "revoke", "revoked_by")]
    + [("revoked_at", _TIME)]
    + [(name, _NUMBER) for name in ("findings", "uses", "signals", "member_count")]
    + [("members", _TEXTS), ("lead", _TEXT)]
    + [(name, _TIME) for name in ("first_seen", "last_seen", "as_of", "changed_at", "known_since")]
    + [("reach", _TEXT), ("facts", pa.map_(_TEXT, _TEXT))]
    + [(name, _TEXT) for name in ("retracts_if", "do_first", "runbook")]
    + [("sql", _TEXTS), ("told", _TEXT)]
    + [("acknowledged_by", _TEXT), ("acknowledged_at", _TIME), ("assignee", _TEXT)]
    + [("closed_by", _TEXT), ("closed_at", _TIME), ("closed_until", _TIME), ("reason", _TEXT)]
    + [("silence_id", _TEXT), ("silenced_until", _TIME), ("silenced_uses", _NUMBER)]
    + [("version", _TEXT)]
)

ACTION_SCHEMA: Final = pa.schema(
    [("id", _TEXT), ("state", _TEXT), ("at", _TIME)]
    + [(name, _TEXT) for name in ("who", "what", "via", "incident", "silence")]
    + [(name, _TEXT) for name in ("rule", "agent", "issuer", "root_id")]
    + [("until", _TIME), ("reason", _TEXT), ("assignee", _TEXT)]
    + [("outcome_at", _TIME), ("why", _TEXT), ("version", _TEXT)]
)


def incident_table(records: Iterable[IncidentRecord]) -> pa.Table:
    """The records as rows of `incident_revisions`. Raises `Unstorable`."""
    return _rows(INCIDENT_SCHEMA, map(_incident_row, records))


def action_table(actions: Iterable[Action]) -> pa.Table:
    """The actions as rows of `action_history`. Raises `Unstorable`."""
    return _rows(ACTION_SCHEMA, map(_action_row, actions))


def _incident_row(record: IncidentRecord) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    return row | {
        "detected": list(record.references.items()),
        "facts": list(record.facts.items()),
        "do_first": record.do,
        "told": json.dumps(msgspec.to_builtins(record.told), sort_keys=True),
    }


def _action_row(action: Action) -> dict[str, Any]:
    named = action.matching
    return msgspec.structs.asdict(action) | {
        "rule": named and named.rule,
        "agent": named and named.agent,
        "issuer": named and named.issuer,
        "root_id": named and named.root,
    }


def _rows(schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> pa.Table:
    found = list(rows)
    columns = []
    for field in schema:
        values = [row[field.name] for row in found]
        columns.append([_ms(value) for value in values] if field.type == _TIME else values)
    return as_table(schema, columns)


def _ms(when: str | None) -> int | None:
    try:
        return None if when is None else milliseconds(when)
    except (ValueError, OverflowError):
        return None
