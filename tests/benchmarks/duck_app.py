"""The batch job: appends spans to DuckDB as they come, and runs one SQL script a minute.

`python -m tests.benchmarks.duck_app` (see `tests.benchmarks.reader`; its last argument is the
database) says when the last run was done (monotonic clock), how long it took and what is found.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from confluent_kafka import Message

from grantline.model.hop import Hop
from grantline.wire.otlp import decode
from tests.benchmarks import reader

SCRIPT = Path(__file__).with_name("duck.sql")
_A_MINUTE = 60.0
_APPEND_ROWS = 20_000
_APPEND_SECONDS = 1.0

# column -> (field of a hop, its type)
_COLUMNS: Final = {
    "trace_id": ("trace_id", pa.string()),
    "span_id": ("span_id", pa.string()),
    "operation": ("operation", pa.string()),
    "time": ("time", pa.int64()),
    "received": ("received", pa.int64()),
    "kind": ("kind", pa.int8()),
    "service": ("service", pa.string()),
    "id": ("id", pa.string()),
    "parent_id": ("parent_id", pa.string()),
    "root_id": ("root_id", pa.string()),
    "max_depth": ("max_depth", pa.int32()),
    "actor": ("actor_id", pa.string()),
    "client": ("actor_client_id", pa.string()),
    "presenter": ("presenter_id", pa.string()),
    "granted": ("granted_scopes", pa.list_(pa.string())),
    "parent_scopes": ("parent_scopes", pa.list_(pa.string())),
    "audiences": ("audiences", pa.list_(pa.string())),
    "token": ("token_fingerprint", pa.string()),
    "parent_token": ("token_parent_fingerprint", pa.string()),
    "expires_at": ("token_expires_at", pa.int64()),
    "server": ("server_address", pa.string()),
    "outcome": ("decision_outcome", pa.string()),
    "target": ("revocation_target", pa.string()),
}
_SCHEMA = pa.schema([(name, kind) for name, (_, kind) in _COLUMNS.items()])


class Job:
    """One database, its rows and its findings."""

    def __init__(self, path: str) -> None:
        self._connection = duckdb.connect(path)
        empty = _SCHEMA.empty_table()
        self._connection.execute("CREATE TABLE spans AS FROM empty")
        self._connection.execute(
            "CREATE TABLE findings (reference VARCHAR, span_id VARCHAR, "
            "PRIMARY KEY (reference, span_id))"
        )
        self._script = SCRIPT.read_text("utf-8")
        self._waiting: list[Hop] = []
        self._append_at = self._judge_at = time.monotonic()
        self.script_seconds = 0.0
        del empty

    def take(self, hops: Sequence[Hop]) -> None:
        """Keeps `hops`, and does what is due."""
        self._waiting += hops
        now = time.monotonic()
        if len(self._waiting) >= _APPEND_ROWS or now - self._append_at > _APPEND_SECONDS:
            self._append()
        if now - self._judge_at > _A_MINUTE:
            self.judge()

    def judge(self) -> None:
        """Runs the script over all spans."""
        self._append()
        begin = time.monotonic()
        self._connection.execute(self._script)
        self._judge_at = time.monotonic()
        self.script_seconds = self._judge_at - begin

    def found(self) -> list[tuple[str, str]]:
        return self._connection.execute("FROM findings ORDER BY ALL").fetchall()

    def _append(self) -> None:
        hops, self._waiting = self._waiting, []
        if hops:
            columns = [
                pa.array([getattr(hop, field) for hop in hops], kind)
                for field, kind in _COLUMNS.values()
            ]
            rows = pa.Table.from_arrays(columns, schema=_SCHEMA)
            self._connection.execute("INSERT INTO spans FROM rows")
            del rows
        self._append_at = time.monotonic()


def main() -> None:
    bootstrap, topic, warm, every, path = sys.argv[1:]
    messages = reader.Topic(bootstrap, topic).messages()
    job = Job(path)
    seen = _read(messages, job, int(warm))
    job.judge()
    print("ready", flush=True)
    _read(messages, job, int(every) - seen)
    job.judge()
    said = {"at": time.monotonic(), "script": job.script_seconds, "found": job.found()}
    reader.done(json.dumps(said))


def _read(messages: Iterator[Message], job: Job, spans: int) -> int:
    seen = 0
    while seen < spans:
        message = next(messages)
        hops = decode(message.value() or b"", None, message.timestamp()[1]).hops
        seen += len(hops)
        job.take(hops)
    return seen


if __name__ == "__main__":
    main()
