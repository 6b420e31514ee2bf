"""Quix Streams, a message at a time: the same pure engine in an application of its own process.

As its documentation would have it written: a record is decoded, every span becomes a message
keyed by its root on one topic and every sighting one keyed by its token on another, and a
stateful step per partition folds each message, asks all rules and produces findings. Spans that
name no root come back to the first topic once their token has told it.

What is fair and what is not: decoder, router, rules, engine, msgpack codec, lz4, partitions and
garbage collector settings are Grantline's. It keeps its engines in memory without a changelog,
though a restart would need one, writes no lineage rows and no CloudEvents headers: all of that
is in its favour. Its producer is Quix Streams' own, with its guarantee "at least once".

Runs in a virtual environment of its own (`quix_home`): `python -m tests.benchmarks.quix_app
BOOTSTRAP GROUP INPUT FINDINGS STATE`. Each line on standard input is answered by how far it is, as
JSON; the end of standard input ends it.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
from quixstreams import Application, message_context  # type: ignore[import-not-found]
from quixstreams.models import (  # type: ignore[import-not-found]
    Deserializer,
    SerializationContext,
    Serializer,
)

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import mark_late, route
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.wire.otlp import decode

HOPS = "quix.hops"
TOKENS = "quix.tokens"
_POLICY = Policy()


class Placed(NamedTuple):
    """One hop, its key, and what it tells of its tokens."""

    hop: Hop
    key: str
    sightings: list[Sighting]


class Progress:
    """How far the application is."""

    def __init__(self) -> None:
        self.hops = 0
        self.last_at = 0.0
        """When the last message of either keyed topic was done with, monotonic."""

    def answer(self, stop: Callable[[], None]) -> None:
        """Answers every line of standard input, and stops the application at its end."""
        for _ in sys.stdin:
            print(json.dumps({"hops": self.hops, "last_at": self.last_at}), flush=True)
        stop()


class _Packed(Serializer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(self, value: Placed | Sighting, ctx: SerializationContext) -> bytes:  # noqa: ARG002
        return self._encode(value.hop if isinstance(value, Placed) else value)


class _Unpacked(Deserializer):  # type: ignore[misc]
    """Of a struct; no bytes are a tick, which tells the time and nothing else."""

    def __init__(self, struct: type[Hop | Sighting]) -> None:
        super().__init__()
        self._decode = msgspec.msgpack.Decoder(struct).decode

    def __call__(self, value: bytes, ctx: SerializationContext) -> Any:  # noqa: ARG002
        return self._decode(value) if value else ()


class _Written(Serializer):  # type: ignore[misc]
    def __call__(self, value: Finding, ctx: SerializationContext) -> bytes:  # noqa: ARG002
        return value.model_dump_json().encode()


def place(record: bytes, _key: Any, timestamp: int, _headers: Any) -> Iterator[Placed]:
    """The spans of one record, each with where it goes."""
    for decoded in decode(record, None, timestamp).hops:
        hop = mark_late(decoded, _POLICY)
        yield Placed(hop, *route(hop))


class Judge:
    """The stateful steps: one engine for each partition of each keyed topic."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._chains: dict[int, ChainEngine] = defaultdict(lambda: ChainEngine(_POLICY))
        self._tokens: dict[int, TokenEngine] = defaultdict(lambda: TokenEngine(_POLICY))

    def hop(self, hop: Hop | tuple[()], _key: Any, timestamp: int, _headers: Any) -> list[Finding]:
        context = message_context()
        engine = self._chains[context.partition]
        engine.advance(timestamp)
        if isinstance(hop, Hop):
            engine.add((hop,))
            self._progress.hops += 1
        findings = engine.drain(context.offset)
        self._progress.last_at = time.monotonic()
        return findings

    def sighting(
        self, sighting: Sighting | tuple[()], _key: Any, timestamp: int, _headers: Any
    ) -> list[Finding | Placed | Sighting]:
        context = message_context()
        engine = self._tokens[context.partition]
        engine.advance(timestamp)
        if isinstance(sighting, Sighting):
            engine.add((sighting,))
        findings, resolved = engine.drain(context.offset)
        said: list[Finding | Placed | Sighting] = [*findings]
        for hop in resolved:
            placed = Placed(hop, *route(hop))
            said += [placed, *placed.sightings]
        self._progress.last_at = time.monotonic()
        return said


class Settings(NamedTuple):
    """What the application is told on its command line."""

    bootstrap: str
    group: str
    source: str
    sink: str
    state: str


def build(settings: Settings, progress: Progress) -> Application:
    """The application; its topics exist."""
    app = Application(
        broker_address=settings.bootstrap,
        consumer_group=settings.group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        state_dir=settings.state,
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4"},
    )
    spans = app.topic(settings.source, value_deserializer="bytes")
    packed = _Packed()
    hops, tokens = (
        app.topic(name, value_deserializer=_Unpacked(what), value_serializer=packed,
                  key_serializer="str")
        for name, what in ((HOPS, Hop), (TOKENS, Sighting))
    )  # fmt: skip
    findings = app.topic(settings.sink, value_serializer=_Written(), key_serializer="str")
    targets = {Finding: findings, Placed: hops, Sighting: tokens}
    judge = Judge(progress)

    # One line of steps: branches would copy every value.
    df = app.dataframe(spans).apply(place, expand=True, metadata=True)
    df = df.to_topic(hops, key=lambda placed: placed.key)
    df = df.apply(lambda placed: placed.sightings, expand=True)
    df.to_topic(tokens, key=lambda sighting: sighting.key)

    df = app.dataframe(hops).apply(judge.hop, expand=True, metadata=True)
    df.to_topic(findings, key=lambda finding: finding.id)

    df = app.dataframe(tokens).apply(judge.sighting, expand=True, metadata=True)
    df.to_topic(
        lambda value, _key, _timestamp, _headers: targets[type(value)],
        key=lambda value: value.id if isinstance(value, Finding) else value.key,
    )
    return app


def main() -> None:
    progress = Progress()
    app = build(Settings(*sys.argv[1:]), progress)
    threading.Thread(target=progress.answer, args=(app.stop,), daemon=True).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    app.run()


if __name__ == "__main__":
    main()
