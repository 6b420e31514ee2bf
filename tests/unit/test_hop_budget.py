"""What a span costs, in figures that do not depend on the machine: calls, and blocks kept.

Time is measured by `make bench` and never fails anything; these do. Calls are those of Python
functions and of functions in C, per span, stage by stage; blocks are the allocations that a live
hop keeps. Both are the same in every run; newer Pythons count a little less.

To renew a budget, after a change that lowered the cost or one whose price is worth it: run this
file with `-rP`, take what it prints and add ten in a hundred.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import mark_late, route
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.streams.frames import Framing
from grantline.streams.messages import Addresses
from grantline.wire.frames import decode_hops, decode_sightings, encode_hops, encode_sightings
from grantline.wire.otlp import decode
from tests.benchmarks.load import Load, cut, hops_of, make

POLICY = Policy()
ADDRESSES = Addresses("h", "t", "f", "r", 12, "/budget")

CALLS = {
    "decode": 68.0,
    "route and frame": 29.5,
    "fold and judge tokens": 95.5,
    "fold and judge chains": 62.0,
}
"""A span, at most. Packing is not in it, but for names that are packed as they are made."""
BLOCKS = {"chains": 24.0, "tokens": 5.5}
"""A live hop, at most."""


def new_load(seed: int) -> Load:
    return make(seed, spans=2_000, batch=256)


@pytest.fixture(scope="module", autouse=True)
def paid_once() -> None:
    """Caches and tables are filled with what another load has in common with this one."""
    for _, work in stages(new_load(seed=12)):
        work()


def stages(load: Load) -> Iterator[tuple[str, Callable[[], Any]]]:
    """One after the other: decoding remembers, so nothing may decode `load` before."""
    yield "decode", lambda: [decode(record) for record in load.records]
    hops, (chains, tokens) = hops_of(load.records), parts(load)
    yield "route and frame", lambda: frame(hops)
    yield "fold and judge chains", lambda: judged(ChainEngine(POLICY), chains)
    yield "fold and judge tokens", lambda: judged(TokenEngine(POLICY), tokens)


def calls(work: Callable[[], Any]) -> int:
    """How many functions `work` calls."""
    count = 0

    def seen(_frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def frame(hops: list[Hop]) -> None:
    for part in cut(hops):
        framing = Framing(ADDRESSES)
        for hop in part:
            framing.add(mark_late(hop, POLICY))
        list(framing.records())


def judged(engine: Any, frames: list[list[Any]]) -> Any:
    for revision, items in enumerate(frames):
        engine.add(items)
        engine.drain(revision)
    return engine


def parts(load: Load) -> tuple[list[list[Hop]], list[list[Sighting]]]:
    """Hops and sightings as a worker reads them: from frames, no string shared between two."""
    hops = hops_of(load.records)
    sightings = [sighting for hop in hops for sighting in route(hop).sightings]
    return (
        [decode_hops(encode_hops(part)) for part in cut(hops)],
        [decode_sightings(encode_sightings(part)) for part in cut(sightings)],
    )


def test_a_span_costs_no_more_calls_than_its_budget() -> None:
    load = new_load(seed=11)
    spent = {name: calls(work) / load.spans for name, work in stages(load)}
    print({name: round(each, 1) for name, each in spent.items()})
    assert {name: each for name, each in spent.items() if each > CALLS[name]} == {}


def test_a_live_hop_keeps_no_more_blocks_than_its_budget() -> None:
    load, kept = new_load(seed=13), {}
    for name, make_engine, decoded in (
        ("chains", ChainEngine, lambda: parts(load)[0]),
        ("tokens", TokenEngine, lambda: parts(load)[1]),
    ):
        judged(make_engine(POLICY), decoded()[:2])
        gc.collect()
        before = sys.getallocatedblocks()
        engine = judged(make_engine(POLICY), decoded())
        gc.collect()
        kept[name] = (sys.getallocatedblocks() - before) / load.spans
        assert engine.stats()
    print({name: round(each, 2) for name, each in kept.items()})
    assert {name: each for name, each in kept.items() if each > BLOCKS[name]} == {}
