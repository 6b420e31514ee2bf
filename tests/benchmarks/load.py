"""The load: chains that live at the same time, as the records a Collector would write.

Spans of some hundred chains are mixed, three in a hundred arrive late (after their children,
mostly), two in a thousand twice; then they are cut into batches and written as OTLP protobuf by
the stock encoder, one resource for each emitter of a batch.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from grantline.model.hop import Hop
from grantline.wire.otlp import decode
from tests.benchmarks.chains import TIMES, Made, Planted, Times
from tests.benchmarks.shape import Shape
from tests.benchmarks.shape import of as shape_of
from tests.benchmarks.spans import Span
from tests.benchmarks.world import VIOLATION_SHARE, World
from tests.otlp import pairs
from tests.wire_format import bytes_field

_T = TypeVar("_T")
ALIVE = 400
"""Chains that live at the same time."""
LATE_SHARE = 0.03
TWICE_SHARE = 0.002
LATE_BY = 2_000
"""Spans by which one is late at most."""
AGE_SECONDS = 3_000
"""How long ago the first grant happened: nothing is in the future, nothing past the horizon."""

_SCOPE = ScopeSpans(
    scope=InstrumentationScope(name="grantline", version="0.1.0")
).SerializeToString()


class Load(NamedTuple):
    """Records to produce, and what must come of them."""

    records: list[bytes]
    batch: int
    spans: int
    """In all records, repetitions included."""
    rows: int
    """Different spans."""
    planted: set[Planted]
    absent: set[Planted]
    attributes: float
    """A span, on average."""
    shape: Shape

    @property
    def bytes(self) -> int:
        return sum(map(len, self.records))


def warm_up(age: int = AGE_SECONDS, times: Times = TIMES) -> Load:
    """A little of everything, with nothing to be found in it."""
    return make(seed=1, spans=2_000, batch=256, violations=0, age=age, times=times)


def make(
    seed: int,
    spans: int,
    batch: int,
    alive: int = ALIVE,
    violations: float = VIOLATION_SHARE,
    *,
    age: int = AGE_SECONDS,
    times: Times = TIMES,
) -> Load:
    """About `spans` spans in records of `batch`, `violations` a share of them; the first grant
    was `age` seconds ago.
    """
    world = World(seed, int(time.time()) - age, violations, times)
    chains: list[Made] = []
    total = 0
    while total < spans:
        chains.append(world.chain())
        total += len(chains[-1].spans)
    stream = list(disturbed(mixed(chains, alive, seed), seed))
    return Load(
        records=[encode(part) for part in cut(stream, batch)],
        batch=batch,
        spans=len(stream),
        rows=total,
        planted=set().union(*(made.planted for made in chains)),
        absent=set().union(*(made.absent for made in chains)),
        attributes=sum(len(span.attributes) for span in stream) / len(stream),
        shape=shape_of(chains),
    )


def hops_of(records: Sequence[bytes], received: int = 0) -> list[Hop]:
    """What the records hold; raises `ValueError` where a span of ours was not taken.

    `received`: when the broker took them, milliseconds since the epoch.
    """
    hops: list[Hop] = []
    for record in records:
        decoded = decode(record, None, received)
        if decoded.rejected or decoded.passed_over:
            raise ValueError(f"the load is not all delegation spans: {decoded.rejected[:1]}")
        hops += decoded.hops
    return hops


def cut(items: Sequence[_T], size: int = 256) -> list[Sequence[_T]]:
    """In parts of the size that a batch makes."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def mixed(chains: Iterable[Made], alive: int, seed: int) -> Iterator[Span]:
    """One span after another, each from one of the `alive` chains that live at that time; the
    next chain is asked for when one has ended.
    """
    choice = random.Random(seed)
    waiting = iter(chains)
    live = [deque(made.spans) for made in islice(waiting, alive)]
    while live:
        at = choice.randrange(len(live))
        yield live[at].popleft()
        if not live[at]:
            live[at] = live[-1]
            live.pop()
            live += [deque(made.spans) for made in islice(waiting, 1)]


def disturbed(stream: Iterator[Span], seed: int, late_by: int = LATE_BY) -> Iterator[Span]:
    """Some late, by up to `late_by` spans; some twice."""
    choice = random.Random(seed)
    held_back: dict[int, list[Span]] = {}
    number = -1
    for number, span in enumerate(stream):
        chance = choice.random()
        if chance < LATE_SHARE:
            held_back.setdefault(number + choice.randrange(1, late_by), []).append(span)
        else:
            yield span
        if chance > 1 - TWICE_SHARE:
            yield span
        yield from held_back.pop(number, ())
    for due in sorted(held_back):
        yield from held_back[due]


def encode(batch: Sequence[Span]) -> bytes:
    """One export request, one resource for each emitter.

    Put together from what the stock encoder made of its parts: messages that follow one another
    are one message, says protobuf. An attribute that many spans share is encoded once.
    """
    by_service: dict[str, list[Span]] = {}
    for span in batch:
        by_service.setdefault(span.service, []).append(span)
    return b"".join(
        bytes_field(1, _resource(service) + bytes_field(2, _SCOPE + b"".join(map(_otlp, spans))))
        for service, spans in by_service.items()
    )


@lru_cache(1_000)
def _resource(service: str) -> bytes:
    facts: dict[str, Any] = {
        "service.name": service,
        "service.instance.id": f"{service}-7c9",
        "deployment.environment.name": "production",
        "telemetry.sdk.language": "python",
    }
    return ResourceSpans(resource=Resource(attributes=pairs(facts))).SerializeToString()


def _otlp(span: Span) -> bytes:
    begun = OtlpSpan(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        name=span.name,
        kind=OtlpSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.time,
        end_time_unix_nano=span.time + 1_000,
    ).SerializeToString()
    attributes = [
        _attribute(name, tuple(value) if value.__class__ is list else value)
        for name, value in span.attributes.items()
    ]
    return bytes_field(2, begun + b"".join(attributes))


@lru_cache(50_000, typed=True)
def _attribute(name: str, value: Any) -> bytes:
    said = list(value) if isinstance(value, tuple) else value
    return OtlpSpan(attributes=pairs({name: said})).SerializeToString()
