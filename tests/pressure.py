"""Loads that press on memory, and how much of it each process may take.

The bounds are sums of settings, each stage's in one line; what is sent is several times as large.
"""

from __future__ import annotations

from random import Random

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from grantline.emit.settings import Settings
from grantline.lineage.tiers import OBJECT_BYTES
from grantline.store.log_reader import _RECORDS_AT_ONCE, WriterSettings
from grantline.streams.frames import FRAME_BYTES
from grantline.streams.merging import MergeScheduler
from grantline.streams.outlet import ROOM_BYTES
from grantline.streams.settings import WorkerSettings
from tests.benchmarks.spans import delegation_id, fingerprint
from tests.otlp import protobuf, request, span

MIB = 1 << 20
PAD_BYTES = 900_000
"""Of an attribute that nobody reads: a record is as large as a broker takes, and cheap to work on."""
PAD_TIMES = 700
"""Such records without any span, beside those with some."""
FAT_SPANS = 12
"""In one record, which is sent again and again: read each time, stored once."""
FAT_TIMES = 800
_FAT_TEXTS = 64
_FAT_TEXT_BYTES = 1_000
_OTHERS = 1_000_000
"""Ids above those of anybody else's spans."""


def worker_mib(settings: WorkerSettings) -> float:
    """What a worker may hold beside what it held when it had nothing to do."""
    topics, partitions = 3, 3 * settings.partitions
    delivery = MergeScheduler.max_bytes + PAD_BYTES
    held = (
        # Fetched, as it came from the broker.
        partitions * settings.fetch_bytes
        # Unpacked: what one poll takes, and what waits for each agent, with the one at work.
        + (partitions + topics * (settings.buffered_deliveries + 1)) * delivery
        # On its way out, as frames and, compressed, in requests.
        + 2 * ROOM_BYTES
        # Live: kept as objects in chains and in tokens.
        + settings.hot_hops * 2 * OBJECT_BYTES
    )
    return held / MIB


def writer_mib() -> float:
    """What a writer may hold beside what it held when it had nothing to do."""
    settings = WriterSettings(bootstrap="")
    queue = 64
    # An answer of the broker is unpacked at once.
    answer = 4 * 8
    # The records of a batch and of the read that ends it, and the hops in them.
    batch = 2 * (settings.batch_bytes + _RECORDS_AT_ONCE * FRAME_BYTES) / MIB
    # What some ten thousand small hops make DuckDB hold until a checkpoint.
    database = 200
    return queue + answer + batch + database


def emitter_mib() -> float:
    """What an agent may hold beside what it held when its first spans were sent."""
    queue = Settings(service_name="any").queue_size * 4_000 / MIB
    # What its exporter and Kafka's client need before they have ever been busy.
    client = 48
    return queue + client


def padding() -> bytes:
    """What makes a record large when it is put behind it: messages of protobuf add up so."""
    return request(resource={"padding": "x" * PAD_BYTES}).SerializeToString()


def fat() -> bytes:
    """A record of grants with texts that no compression makes much smaller."""
    random = Random(3)
    return protobuf(*(_fat_span(number, random) for number in range(FAT_SPANS)))


def _fat_span(number: int, random: Random) -> Span:
    token = fingerprint(f"not-a-token fat {number}")
    texts = [random.randbytes(_FAT_TEXT_BYTES // 2).hex() for _ in range(_FAT_TEXTS)]
    return span(
        {
            "delegation.operation.name": "grant",
            "delegation.id": delegation_id(token),
            "delegation.root.id": delegation_id(token),
            "delegation.token.fingerprint": token,
            "delegation.rar.types": texts,
        },
        _OTHERS + number,
    )
