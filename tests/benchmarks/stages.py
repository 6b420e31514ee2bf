"""Where the time goes: of the running processes under full load, and stage by stage alone.

Alone is in this process, without Kafka, Faust and what else runs in a worker: the worker pays the
first nine stages, the writer the last. It is also the table of machines that cannot be profiled.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import mark_late, route
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.ports import Batch
from grantline.store.duckdb_store import DuckDBStore
from grantline.streams.frames import Framing
from grantline.streams.messages import Addresses, finding_message
from grantline.wire.frames import decode_hops, decode_sightings, encode_hops, encode_sightings
from grantline.wire.otlp import decode, decoder
from tests.benchmarks import sampled
from tests.benchmarks.bench import Bench
from tests.benchmarks.broker import PARTITIONS
from tests.benchmarks.growth import COLLECTION
from tests.benchmarks.load import Load, cut, hops_of, make
from tests.benchmarks.sheet import Part, Sheet, plain

_HOW = (
    "Stack samples by stage, scaled to the CPU time of each thread; librdkafka's threads produce "
    "for the worker and fetch for the writer, other threads are DuckDB's."
)
POLICY = Policy()
ADDRESSES = Addresses("h", "t", "f", "r", PARTITIONS, "/benchmark")


class Stage(NamedTuple):
    """One stage and what it costs a span."""

    name: str
    microseconds: float


def run(bench: Bench) -> Part:
    """Both tables; the first only where a profile can be taken."""
    bench.tell("where the time goes, in the running processes")
    try:
        processes = sampled.measure(bench)
    except sampled.CannotSample as why:
        bench.tell(f"not profiled: {why}")
        processes = {}
    bench.tell("where the time goes, stage by stage alone")
    # Decoding remembers what it has seen, so nothing may have decoded this load before.
    fresh = make(bench.seed + 2, bench.size.spans, 256)
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION)
    try:
        alone = _stages(fresh)
    finally:
        gc.set_threshold(*before)
    sheets = [_under_load(processes)] if processes else []
    return Part(
        {
            "processes": plain(processes),
            "alone": {stage.name: round(stage.microseconds, 2) for stage in alone},
        },
        [*sheets, _alone(alone)],
    )


def _under_load(processes: Mapping[str, Mapping[str, float]]) -> Sheet:
    totals: Counter[str] = Counter()
    for stages in processes.values():
        totals.update(stages)
    rows = [
        (
            stage,
            *(f"{stages[stage]:.1f}" if stage in stages else "" for stages in processes.values()),
        )
        for stage, _ in totals.most_common()
    ]
    rows.append(("all", *(f"{sum(stages.values()):.1f}" for stages in processes.values())))
    return Sheet(
        "Where the time goes under full load, CPU µs a span",
        ("stage", *processes),
        rows,
        [_HOW],
    )


def _alone(stages: Sequence[Stage]) -> Sheet:
    rows = [(stage.name, f"{stage.microseconds:.1f}") for stage in stages]
    notes = [f"OTLP is read by the {decoder()} decoder."]
    return Sheet("Each stage alone, in one process", ("stage", "CPU µs a span"), rows, notes)


def _stages(load: Load) -> list[Stage]:
    """In the order of a span's way."""
    decoding = _timed("decode OTLP", load.spans, lambda: [decode(each) for each in load.records])
    hops = hops_of(load.records)
    routed = [route(hop) for hop in hops]
    sightings = [sighting for each in routed for sighting in each.sightings]
    hop_frames = [encode_hops(part) for part in cut(hops)]
    token_frames = [encode_sightings(part) for part in cut(sightings)]
    chains, tokens = ChainEngine(POLICY), TokenEngine(POLICY)
    count = len(hops)
    done = [
        decoding,
        _timed("route", count, lambda: [route(mark_late(hop, POLICY)) for hop in hops]),
        _timed("route, group and encode frames", count, lambda: _framed(hops)),
        _timed("decode frames of hops", count, lambda: [decode_hops(f) for f in hop_frames]),
    ]
    fold, rules, said = _engine(chains, cut(hops))
    done += [Stage("fold chains", fold / count), Stage("rules on chains, packing", rules / count)]
    done += [
        _timed(
            "decode frames of tokens", count, lambda: [decode_sightings(f) for f in token_frames]
        )
    ]
    fold, rules, more = _engine(tokens, cut(sightings))
    done += [Stage("fold tokens", fold / count), Stage("rules on tokens, packing", rules / count)]
    findings = said + more
    done += [
        _timed("encode findings", count, lambda: [
            finding_message(finding, "opened", ADDRESSES, 0) for finding in findings
        ]),
        _written(hops, findings),
    ]  # fmt: skip
    return done


def _timed(name: str, spans: int, work: Callable[[], Any]) -> Stage:
    gc.collect()
    begin = time.process_time()
    work()
    return Stage(name, (time.process_time() - begin) / spans * 1e6)


def _framed(hops: Sequence[Hop]) -> None:
    for part in cut(hops):
        framing = Framing(ADDRESSES)
        for hop in part:
            framing.add(hop)
        list(framing.records())


def _engine(engine: Any, frames: Sequence[Sequence[Any]]) -> tuple[float, float, list[Finding]]:
    """Microseconds of folding and of asking the rules, and what they said."""
    gc.collect()
    fold = rules = 0.0
    said: list[Finding] = []
    for revision, items in enumerate(frames):
        begin = time.process_time()
        engine.add(items)
        middle = time.process_time()
        answer = engine.drain(revision)
        rules += time.process_time() - middle
        fold += middle - begin
        said += answer[0] if isinstance(answer, tuple) else answer
    return fold * 1e6, rules * 1e6, said


def _written(hops: Sequence[Hop], findings: Sequence[Finding]) -> Stage:
    with (
        tempfile.TemporaryDirectory() as home,
        closing(DuckDBStore(Path(home) / "lineage.duckdb")) as store,
    ):
        batches = [Batch(hops=hops[at : at + 20_000]) for at in range(0, len(hops), 20_000)]
        batches.append(Batch(findings=findings))

        def write() -> None:
            for batch in batches:
                store.write(batch)

        return _timed("write rows (writer)", len(hops), write)
