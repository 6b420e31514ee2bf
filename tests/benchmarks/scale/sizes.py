"""What the plan needs and `make bench` does not measure: bytes of a span wherever it comes to rest.

No broker and no clock of a wall: the load is encoded, framed, compressed and stored in this
process, as agents, worker and writer would. Some twenty seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import cramjam
import duckdb

from grantline.chain_engine import ChainEngine
from grantline.engine import Engine
from grantline.lineage.route import route
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.ports import Batch
from grantline.store.duckdb_store import DuckDBStore
from grantline.streams.frames import Framing
from grantline.streams.messages import Addresses, finding_message
from grantline.token_engine import TokenEngine
from grantline.wire.frames import decode_hops, decode_sightings, encode_hops, encode_sightings
from tests.benchmarks.load import Load, hops_of, make

_SPANS = 20_000
_PARTITIONS = 12
_POLICY = Policy()
_ADDRESSES = Addresses("h", "t", "f", "r", _PARTITIONS, "/scale")


def measure(seed: int = 7) -> dict[str, float]:
    """Name of a constant -> its value (see `tests.benchmarks.scale.constants.Measured`)."""
    load = make(seed, _SPANS, 256)
    hops = hops_of(load.records)
    sightings = [sighting for hop in hops for sighting in route(hop).sightings]
    findings = _finding_bytes(load)
    return {
        "otlp_bytes": load.bytes / load.spans,
        "otlp_zstd_bytes": sum(map(_zstd, load.records)) / load.spans,
        **_frames(load),
        "finding_bytes": findings / load.spans,
        "row_bytes": _row_bytes(hops),
        "frame_us": _frame_us(hops, sightings),
        "spans_a_chain": load.rows / load.shape.chains,
    }


def _zstd(value: bytes) -> int:
    # librdkafka's level, and the Collector's: both take zstd's own default.
    return len(bytes(cramjam.zstd.compress(value, 3)))


def _lz4(value: bytes) -> int:
    return len(bytes(cramjam.lz4.compress(value)))


def _frames(load: Load) -> dict[str, float]:
    """Compressed bytes a span on the keyed topics, each frame by itself as at a steady pace."""
    used = {"h": 0, "t": 0}
    for record in load.records:
        framing = Framing(_ADDRESSES)
        for hop in hops_of([record]):
            framing.add(hop)
        for frame in framing.records():
            used[frame.topic] += _lz4(frame.value)
    return {"hops_lz4_bytes": used["h"] / load.spans, "tokens_lz4_bytes": used["t"] / load.spans}


def _finding_bytes(load: Load) -> int:
    engine = Engine()
    said = 0
    for record in load.records:
        engine.add(hops_of([record]))
        for finding in engine.drain():
            message = finding_message(finding, "opened", _ADDRESSES, 0)
            said += _lz4(message.value) + sum(len(name) + len(value or b"") for name, value in
                                              message.headers)  # fmt: skip
    return said


def _row_bytes(hops: Sequence[Hop]) -> float:
    """Of a DuckDB file, a row, without what an empty lineage takes."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "lineage.duckdb"
        with closing(DuckDBStore(path)):
            pass
        empty = _checkpointed(path)
        with closing(DuckDBStore(path)) as store:
            for part in _parts(hops, 20_000):
                store.write(Batch(hops=part))
        return (_checkpointed(path) - empty) / len(hops)


def _checkpointed(path: Path) -> int:
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("CHECKPOINT")
    return path.stat().st_size


def _frame_us(hops: Sequence[Hop], sightings: Sequence[Sighting]) -> float:
    """CPU microseconds that a frame costs beyond its hops: with 1 in it against 256.

    In this process: encoding, decoding, the engine's call. Kafka's clients come on top.
    """
    few = 12_000
    costs = []
    for size in (1, 256):
        hop_cost = _through(ChainEngine(_POLICY), hops[:few], size, encode_hops, decode_hops)
        costs.append(
            hop_cost
            + _through(
                TokenEngine(_POLICY), sightings[:few], size, encode_sightings, decode_sightings
            )
        )
    # Of both topics: half each.
    return (costs[0] - costs[1]) / 2


def _through(
    engine: Any,
    items: Sequence[Any],
    size: int,
    encode: Callable[[Any], bytes],
    decode: Callable[[bytes], Any],
) -> float:
    """CPU microseconds an item, from objects to folded and judged."""
    begin = time.process_time()
    for part in _parts(items, size):
        engine.add(decode(encode(part)))
        engine.drain(0)
    return (time.process_time() - begin) / len(items) * 1e6


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    several = iter(items)
    while part := list(islice(several, size)):
        yield part
