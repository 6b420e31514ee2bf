"""The in-memory twin of the DuckDB store: the same contract, kept by dictionaries.

For tests and short replays; nothing survives the process. Questions in SQL are answered by a
DuckDB in memory that is filled from the dictionaries when one is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.incident import IncidentRecord
from grantline.ports import Batch, Position, RejectedRow
from grantline.store.choose import SpanId, lasting, rooted, span_id
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.incident_rows import action_table, incident_table
from grantline.store.rows import finding_table, hop_table, rejected_table


class MemoryStore:
    """`LineageStore` in dictionaries."""

    def __init__(self) -> None:
        self.hops: dict[SpanId, Hop] = {}
        self.history: dict[tuple[str, int], Finding] = {}
        self.rejected: dict[tuple[str, int, int, int], RejectedRow] = {}
        self.incidents: dict[tuple[str, int], IncidentRecord] = {}
        self.actions: dict[tuple[str, str], Action] = {}
        self._positions: dict[tuple[str, int], int] = {}

    def write(self, batch: Batch) -> None:
        """Store the batch and its positions, all or nothing. Raises `rows.Unstorable`."""
        _refuse_unstorable(batch)
        for hop in lasting(batch.hops):
            known = self.hops.setdefault(span_id(hop), hop)
            if rooted(hop).beats(rooted(known)):
                self.hops[span_id(hop)] = hop
        for finding in batch.findings:
            self.history.setdefault((finding.id, finding.revision), finding)
        for row in batch.rejected:
            self.rejected.setdefault(
                (row.source_topic, row.source_partition, row.source_offset, row.span_index), row
            )
        for record in batch.incidents:
            self.incidents.setdefault((record.id, record.revision), record)
        for action in batch.actions:
            self.actions.setdefault((action.id, action.state), action)
        for topic, partition, offset in batch.positions:
            self._positions[topic, partition] = offset

    def positions(self) -> dict[tuple[str, int], int]:
        return dict(self._positions)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        store = DuckDBStore(":memory:")
        try:
            store.write(
                Batch(
                    hops=tuple(self.hops.values()),
                    findings=tuple(self.history.values()),
                    rejected=tuple(self.rejected.values()),
                    incidents=tuple(self.incidents.values()),
                    actions=tuple(self.actions.values()),
                    positions=[Position(*key, value) for key, value in self._positions.items()],
                )
            )
            return store.query(sql, parameters)
        finally:
            store.close()

    def close(self) -> None:
        return None


def _refuse_unstorable(batch: Batch) -> None:
    if batch.hops:
        hop_table(batch.hops)
    if batch.findings:
        finding_table(batch.findings)
    if batch.rejected:
        rejected_table(batch.rejected)
    if batch.incidents:
        incident_table(batch.incidents)
    if batch.actions:
        action_table(batch.actions)
