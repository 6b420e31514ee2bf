"""Growth: what a hop costs, by the length of its chain and by how many chains are alive.

Of the pure engine (route, fold, rules), in CPU time, each point in a process of its own with the
garbage collector set as in a worker: `python -m tests.benchmarks.growth length|alive SIZE HOPS`
prints its microseconds a hop, one figure a round.
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from grantline.engine import Engine
from grantline.model.hop import Hop
from grantline.wire.frames import decode_hops, encode_hops
from tests.benchmarks.bench import Bench
from tests.benchmarks.chains import Chain
from tests.benchmarks.load import cut, encode, hops_of
from tests.benchmarks.memory import resident
from tests.benchmarks.sheet import Part, Sheet, plain
from tests.benchmarks.world import World

ROOT = Path(__file__).parents[2]
_START = 1_795_000_000
_PROBED = 1_000
"""Chains that the measured hops belong to, whatever else is alive."""
_ROUNDS = 3
COLLECTION = 200_000, 20, 100
"""The garbage collector's thresholds in a worker (`streams.worker`)."""


class Point(NamedTuple):
    """One size."""

    size: int
    microseconds: list[float]
    """A hop, of each round."""
    bytes_a_hop: float
    """Resident, of what was alive."""

    @property
    def cost(self) -> float:
        return median(self.microseconds)


def run(bench: Bench) -> Part:
    """Both tables, at the run's sizes."""
    hops = str(bench.size.growth_hops)
    lengths = [_point(bench, "length", size, hops) for size in bench.size.lengths]
    alive = [point for size in bench.size.alive if (point := _fitting(bench, size, hops))]
    sheets = [
        _sheet("chains of this many hops", "hops a chain", lengths),
        _sheet("this many live chains", "chains", alive),
    ]
    if len(alive) < len(bench.size.alive):
        left_out = ", ".join(f"{size:,}" for size in bench.size.alive[len(alive) :])
        note = f"Left out for want of memory: {left_out} chains."
        sheets[1] = sheets[1]._replace(notes=[note, *sheets[1].notes])
    return Part({"lengths": plain(lengths), "alive": plain(alive)}, sheets)


def _point(bench: Bench, kind: str, size: int, hops: str) -> Point:
    bench.tell(f"growth, {kind} {size:,}")
    command = [sys.executable, "-m", __name__, kind, str(size), hops]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Point(size, *json.loads(done.stdout))


def _fitting(bench: Bench, size: int, hops: str) -> Point | None:
    """None where that many chains would take more memory than is free."""
    smaller = _point(bench, "alive", min(size, 20_000), hops)
    if size <= smaller.size:
        return smaller
    needed = size * smaller.bytes_a_hop
    if needed > 0.8 * _free():
        bench.tell(f"{size:,} live chains would take {needed / 2**30:.1f} GiB: left out")
        return None
    return _point(bench, "alive", size, hops)


def _free() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _sheet(what: str, column: str, points: Sequence[Point]) -> Sheet:
    least = min(point.cost for point in points)
    return Sheet(
        f"Growth: CPU µs a hop with {what}",
        (column, "µs a hop", "to the least", "each round"),
        [
            (
                f"{point.size:,}",
                f"{point.cost:.1f}",
                f"{point.cost / least:.2f}",
                ", ".join(f"{each:.1f}" for each in point.microseconds),
            )
            for point in points
        ],
    )


def main() -> None:
    kind, size, hops = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    gc.set_threshold(*COLLECTION)
    found = _length(size, hops) if kind == "length" else _alive(size, hops)
    print(json.dumps(found))


def _length(length: int, hops: int) -> tuple[list[float], float]:
    """About `hops` hops in chains of `length`, one after the other."""
    world = World(seed=3, start=_START)
    chains = [world.long_chain(length).spans for _ in range(max(1, hops // length))]
    spans = [span for chain in chains for span in chain]
    frames = [encode_hops(hops_of([encode(part)])) for part in cut(spans)]
    costs, grown = [], 0.0
    for _ in range(_ROUNDS):
        engine = Engine()
        before = resident()
        costs.append(_cost(engine, frames) / len(spans))
        grown = (resident() - before) / len(spans)
    return costs, grown


def _alive(count: int, hops: int) -> tuple[list[float], float]:
    """`hops` hops of some chains among `count` live ones: half delegations, half uses."""
    engine = Engine()
    grant, delegate, use = templates()
    before = resident()
    _cost(engine, _frames(first(grant, number) for number in range(count)))
    grown = (resident() - before) / count
    probed = range(0, count, max(1, count // _PROBED))[:_PROBED]
    turns = hops // len(probed) // 2
    # What making the chains has brought the collector to is no cost of the hops that are measured.
    gc.collect()
    costs = []
    for round_ in range(_ROUNDS):
        more = (
            hop
            for turn in range(round_ * turns, (round_ + 1) * turns)
            for number in probed
            for hop in (further(delegate, number, turn), further(use, number, turn))
        )
        costs.append(_cost(engine, _frames(more)) / (2 * turns * len(probed)))
    return costs, grown


def templates(start: int = _START) -> list[Hop]:
    """A grant, a delegation from it and a use of its token; granted at `start`, seconds."""
    chain = Chain(random.Random(4), 1, start)
    chain.delegate(chain.root)
    chain.use(chain.root)
    return hops_of([encode(chain.spans)])


def first(grant: Hop, number: int) -> Hop:
    """`grant` as that of another chain."""
    changed: dict[str, Any] = {
        "span_id": f"{number:016x}",
        "id": f"dlg_{number:032x}",
        "token_fingerprint": f"sha256:{number:064x}",
        "token_jti": f"at-{number:x}",
    }
    return msgspec.structs.replace(grant, **changed, **_chain(number))


def further(hop: Hop, number: int, turn: int) -> Hop:
    """`hop`, a delegation or a use, as that of another chain, with names of its own."""
    serial = (turn + 1) << 40 | number
    changed: dict[str, Any] = _chain(number)
    if hop.operation == "delegate":
        changed |= {
            "id": f"dlg_{serial:032x}",
            "parent_id": f"dlg_{number:032x}",
            "token_fingerprint": f"sha256:{serial:064x}",
            "token_parent_fingerprint": f"sha256:{number:064x}",
            "token_jti": f"at-{serial:x}",
        }
    else:
        changed |= {
            "id": f"dlg_{number:032x}",
            "token_fingerprint": f"sha256:{number:064x}",
            "token_jti": f"at-{number:x}",
        }
        serial |= 1 << 63
    return msgspec.structs.replace(hop, span_id=f"{serial:016x}", **changed)


def _chain(number: int) -> dict[str, Any]:
    """What all hops of one chain name alike."""
    return {
        "trace_id": f"{number:032x}",
        "root_id": f"dlg_{number:032x}",
        "task_id": f"task_{number}",
    }


def _frames(hops: Iterable[Hop]) -> Iterator[bytes]:
    part: list[Hop] = []
    for hop in hops:
        part.append(hop)
        if len(part) == 256:
            yield encode_hops(part)
            part = []
    if part:
        yield encode_hops(part)


def _cost(engine: Engine, frames: Iterable[bytes]) -> float:
    """CPU microseconds of taking in what the frames hold."""
    used = 0.0
    for frame in frames:
        # No two hops share a string that would not be shared in a worker.
        hops = decode_hops(frame)
        begin = time.process_time()
        engine.add(hops)
        engine.drain()
        used += time.process_time() - begin
    return used * 1e6


if __name__ == "__main__":
    main()
