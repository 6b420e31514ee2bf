"""Bytes of memory a live hop: growth of a process that folds frames, and keeps what it must.

Runs in a process of its own: `python -m tests.benchmarks.memory DIRECTORY HOPS...` prints the
growth of its resident memory by each engine, when it holds so many hops. Hops are decoded from
frames, as in a worker, so that no two share a string that would not be shared there.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import route
from grantline.model.policy import Policy
from grantline.streams.custody import WORKER_BOUNDS
from grantline.wire.frames import decode_hops, decode_sightings, encode_hops, encode_sightings
from tests.benchmarks.bench import Bench
from tests.benchmarks.chains import Made
from tests.benchmarks.load import AGE_SECONDS, ALIVE, disturbed, encode, hops_of, mixed
from tests.benchmarks.sheet import Part, Sheet, plain
from tests.benchmarks.world import World

ROOT = Path(__file__).parents[2]
_FRAME = 256
_BOUNDS = WORKER_BOUNDS._replace(hot=WORKER_BOUNDS.hot // 2)
"""A worker's bounds are shared by its folds: one half is those of chains, one those of tokens."""
_LENGTH = Struct("<I")
_A_SECOND = 3_000
"""Hops, by the engines' clock."""


class Memory(NamedTuple):
    """Bytes of resident memory for each hop that is held."""

    hops: int
    chains: float
    tokens: float

    @property
    def both(self) -> float:
        return self.chains + self.tokens


def run(bench: Bench) -> Part:
    """As many hops as the size says, of the load in records of 256."""
    sizes = bench.size.held_hops
    bench.tell(f"memory a live hop, up to {sizes[-1]:,} of them")
    with tempfile.TemporaryDirectory() as home:
        _write(Path(home), bench.seed, sizes[-1])
        command = [sys.executable, "-m", __name__, home, *map(str, sizes)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    grown: dict[str, list[int]] = json.loads(done.stdout)
    held = [
        Memory(hops, chains / hops, tokens / hops)
        for hops, chains, tokens in zip(sizes, grown["chains"], grown["tokens"], strict=True)
    ]
    sheet = Sheet(
        "Memory: resident bytes a live hop",
        ("hops held", "chains", "tokens", "both"),
        [
            (f"{each.hops:,}", *(f"{n:,.0f}" for n in (each.chains, each.tokens, each.both)))
            for each in held
        ],
    )
    rows = [{**plain(each), "both": round(each.both, 1)} for each in held]
    return Part({"held": rows}, [sheet])


def _write(home: Path, seed: int, hops: int) -> None:
    """Frames of `hops` hops, and of their sightings; never all of them in memory."""
    stream = disturbed(mixed(_made(seed, hops), ALIVE, seed), seed)
    with (home / "chains").open("wb") as chains, (home / "tokens").open("wb") as tokens:
        while batch := list(islice(stream, _FRAME)):
            taken = hops_of([encode(batch)])
            sightings = [sighting for hop in taken for sighting in route(hop).sightings]
            for file, frame in (
                (chains, encode_hops(taken)),
                (tokens, encode_sightings(sightings)),
            ):
                file.write(_LENGTH.pack(len(frame)) + frame)


def _made(seed: int, hops: int) -> Iterator[Made]:
    world = World(seed, int(time.time()) - AGE_SECONDS)
    while hops > 0:
        made = world.chain()
        hops -= len(made.spans)
        yield made


def _frames(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(*_LENGTH.unpack(head))


def main() -> None:
    home, *sizes = sys.argv[1:]
    kept: list[Any] = []
    grown: dict[str, list[int]] = {}
    for name, engine, decode in (
        ("chains", ChainEngine, decode_hops),
        ("tokens", TokenEngine, decode_sightings),
    ):
        frames = _frames(Path(home) / name)
        # Once, small: what is paid once is paid now, and so are the buffers of a frame.
        first = islice(_frames(Path(home) / name), 2)
        _fold(engine(Policy(), bounds=_BOUNDS), decode, _clock(), first)
        kept.append(engine(Policy(), bounds=_BOUNDS))
        clock, before, at = _clock(), resident(), 0
        for size in map(int, sizes):
            # A frame of sightings is what a frame of hops told.
            _fold(kept[-1], decode, clock, islice(frames, size // _FRAME - at))
            at = size // _FRAME
            grown.setdefault(name, []).append(resident() - before)
    print(json.dumps(grown))


def _fold(
    engine: Any,
    decode: Callable[[bytes], Iterable[Any]],
    clock: Iterator[int],
    frames: Iterable[bytes],
) -> None:
    for frame in frames:
        # What waits for its grace stays an object until its time has come.
        engine.advance(next(clock))
        engine.add(decode(frame))
        engine.drain(1)


def _clock() -> Iterator[int]:
    """When each frame comes, milliseconds."""
    return count(int(time.time() * 1_000), _FRAME * 1_000 // _A_SECOND)


def resident() -> int:
    """Bytes of memory that this process has in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
