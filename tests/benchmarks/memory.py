"""Bytes of memory a live hop: growth of a process that folds frames, and keeps what it must.

Runs in a process of its own: `python -m tests.benchmarks.memory FRAMES` prints the growth of its
resident memory for each engine. Hops are decoded from frames, as in a worker, so that no two
share a string that would not be shared there.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import route
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.wire.frames import decode_hops, decode_sightings, encode_hops, encode_sightings
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import hops_of
from tests.benchmarks.sheet import Part, Sheet, plain

ROOT = Path(__file__).parents[2]
_FRAME = 256
_T = TypeVar("_T")


class Memory(NamedTuple):
    """Bytes of resident memory for each hop that is held."""

    hops: int
    chains: float
    tokens: float

    @property
    def both(self) -> float:
        return self.chains + self.tokens


def run(bench: Bench) -> Part:
    """Of the load in records of 256."""
    bench.tell("memory a live hop")
    memory = _measure(hops_of(bench.task(256).load.records))
    sheet = Sheet(
        f"Memory: resident bytes a live hop, {memory.hops:,} hops",
        ("", "bytes"),
        [
            ("chains", f"{memory.chains:,.0f}"),
            ("tokens", f"{memory.tokens:,.0f}"),
            ("both", f"{memory.both:,.0f}"),
        ],
    )
    return Part({**plain(memory), "both": round(memory.both, 1)}, [sheet])


def _measure(hops: Sequence[Hop]) -> Memory:
    """Needs Linux: resident memory is read from /proc."""
    sightings = [sighting for hop in hops for sighting in route(hop).sightings]
    frames = {
        "chains": [encode_hops(part) for part in cut(hops)],
        "tokens": [encode_sightings(part) for part in cut(sightings)],
    }
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "frames"
        path.write_bytes(msgspec.msgpack.encode(frames))
        command = [sys.executable, "-m", "tests.benchmarks.memory", str(path)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    grown: dict[str, int] = json.loads(done.stdout)
    return Memory(len(hops), grown["chains"] / len(hops), grown["tokens"] / len(hops))


def cut(items: Sequence[_T]) -> list[Sequence[_T]]:
    """In frames of the size that a batch makes."""
    return [items[at : at + _FRAME] for at in range(0, len(items), _FRAME)]


def main() -> None:
    frames: dict[str, list[bytes]] = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes())
    # Both engines once, small: what is paid once is paid now, and so are the buffers of a frame.
    for engine, decode in ((_chains, decode_hops), (_tokens, decode_sightings)):
        _grown(engine(), decode, frames["chains" if decode is decode_hops else "tokens"][:2])
    kept: list[Any] = [_chains(), _tokens()]
    print(
        json.dumps(
            {
                "chains": _grown(kept[0], decode_hops, frames["chains"]),
                "tokens": _grown(kept[1], decode_sightings, frames["tokens"]),
            }
        )
    )


def _chains() -> Any:
    return ChainEngine(Policy())


def _tokens() -> Any:
    return TokenEngine(Policy())


def _grown(engine: Any, decode: Callable[[bytes], Iterable[Any]], frames: list[bytes]) -> int:
    before = resident()
    for revision, frame in enumerate(frames):
        engine.add(decode(frame))
        engine.drain(revision)
    return resident() - before


def resident() -> int:
    """Bytes of memory that this process has in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
