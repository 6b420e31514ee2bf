"""What the plan computes from: constants that were measured, and those that are assumed.

The measured ones stand in `measured.json`, so that the page can be made anywhere; `make scale`
renews what the last full `make bench` has measured, and `make scale ARGS=--measure` the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parent
FILE = HERE / "measured.json"
BENCH = Path(".grantline/bench.json")
_INGEST = frozenset({"decode", "route", "encode", "produce", "librdkafka"})
_FOLD = frozenset({"fold", "rules", "read frames"})


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPU in microseconds of one core, sizes in bytes, all of one span unless said otherwise."""

    otlp_bytes: float
    """As OTLP, before compression."""
    otlp_zstd_bytes: float
    """On `otlp_spans`: zstd, as `grantline.emit` and the Collector compress records of 256."""
    hops_lz4_bytes: float
    """On `delegation.hops`: LZ4, as the worker compresses, frames of some twenty hops."""
    tokens_lz4_bytes: float
    finding_bytes: float
    """On `delegation.findings`, with one planted violation in a hundred spans."""
    row_bytes: float
    """Of the DuckDB file."""
    live_bytes: float
    """Of resident memory, for one live hop more among hundreds of thousands: the chain's part and the token's."""
    spans_a_chain: float
    frame_us: float
    """Of a frame beyond its hops: encoding, decoding, the engine's call."""
    record_us: float
    """Of a Kafka record in both clients: produced by confluent-kafka, fetched by aiokafka."""
    worker_us: float
    ingest_share: float
    """Of the worker's CPU: spent on records that arrive; the rest is for frames of hops."""
    writer_us: float
    broker_us: float
    writer_rows_a_second: float
    """Of one writer that has the machine to itself."""


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """What was not measured here: targets, prices and published figures, each with its source."""

    utilisation: float = 0.6
    """Of a worker's core at the planned rate; what is left takes bursts and restarts."""
    spare_partitions: int = 2
    """Partitions for each worker: the count is fixed for the life of the topics."""
    state_gib: float = 3.0
    """Of live state a worker: a machine with 4 GiB a core, less the process itself."""
    token_seconds: float = 3_600.0
    """Life of an access token; state outlives it by the policy's `lateness_seconds`."""
    lateness_seconds: float = 86_400.0
    chain_seconds: float = 60.0
    """In which a chain's spans come: how many chains are active at a time decides the skew."""
    raw_days: float = 7.0
    """Retention of `otlp_spans`, which is its owner's affair."""
    keyed_days: float = 7.0
    findings_days: float = 90.0
    lineage_days: float = 30.0
    """Rows that are kept; the writer itself deletes none."""
    replication: int = 3
    readers: float = 1.0
    """Of each byte on each topic: worker or writer; the hops have both."""
    broker_bytes_a_second: float = 100e6
    """Produced into one broker, replicated three times: half of 605 MB/s over three i3en.2xlarge,
    the peak in Confluent's benchmark (confluent.io/blog/kafka-fastest-messaging-system)."""
    broker_cores: int = 8
    """Of that machine."""
    broker_partitions: int = 4_000
    """Replicas on one broker at most, as Amazon recommends for its large brokers
    (docs.aws.amazon.com/msk/latest/developerguide/bestpractices.html)."""
    volume_bytes: float = 16e12
    """The largest disk that one DuckDB file is put on."""
    core_hour: float = 0.0408
    """Dollars: half of an m7g.large on demand, us-east-1."""
    disk_gb_month: float = 0.08
    """Dollars: gp3."""
    object_gb_month: float = 0.023
    """Dollars: S3 standard; for Parquet."""
    zone_gb: float = 0.02
    """Dollars: 0.01 out of one zone and 0.01 into the other."""

    @property
    def live_seconds(self) -> float:
        """For how long a hop is live state."""
        return self.token_seconds + self.lateness_seconds


class Defaults(msgspec.Struct, frozen=True):
    """Settings as they come (`grantline settings`)."""

    partitions: int = 12
    ceiling_bytes: float = 4_096 * 2.0**20
    """`memory_ceiling_mb`, of one worker."""
    delivery_bytes: int = 1 << 20
    """What the worker takes at once (`MergeScheduler.max_bytes`)."""


def load(path: Path = FILE) -> tuple[Measured, dict[str, str]]:
    """The constants, and where each came from."""
    stored = json.loads(path.read_text("utf-8"))
    return msgspec.convert(stored["values"], Measured), stored["from"]


def store(values: Mapping[str, float], sources: Mapping[str, str], path: Path = FILE) -> None:
    rounded = {name: float(f"{value:.4g}") for name, value in values.items()}
    msgspec.convert(rounded, Measured)
    text = json.dumps({"values": rounded, "from": dict(sources)}, indent=2)
    path.write_text(text + "\n", "utf-8")


def of_bench(bench: Mapping[str, Any]) -> dict[str, float]:
    """The constants that a run of `make bench` tells; a short run's are not worth keeping."""
    found: dict[str, float] = {}
    if bench["quick"]:
        return found
    processes = bench.get("stages", {}).get("processes", {})
    if worker := processes.get("worker"):
        ingest = sum(worker.get(name, 0.0) for name in _INGEST)
        fold = sum(worker.get(name, 0.0) for name in _FOLD)
        found["ingest_share"] = ingest / (ingest + fold)
    for load_ in bench.get("throughput", {}).get("loads", ()):
        cpu = _ours(load_["contenders"]) if load_["batch"] == 256 else {}
        for name in ("worker", "writer", "broker"):
            if name in cpu:
                found[f"{name}_us"] = cpu[name]
    if apart := bench.get("apart"):
        found["writer_rows_a_second"] = apart["writer_rows_per_second"]
    if memory := bench.get("memory"):
        # Without what is kept as objects, which is the same however much is held.
        fewer, more = memory["held"][-2:]
        grown = more["both"] * more["hops"] - fewer["both"] * fewer["hops"]
        found["live_bytes"] = grown / (more["hops"] - fewer["hops"])
    return found


def _ours(contenders: Mapping[str, Any]) -> Mapping[str, float]:
    """CPU of one worker and one writer."""
    used: Mapping[str, float] = contenders.get("Grantline", {}).get("cpu_microseconds_per_span", {})
    return used
