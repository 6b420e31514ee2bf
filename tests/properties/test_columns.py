"""Columns made natively are the columns of the plain code, row by row; what is stored is the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.compiled import compiled
from grantline.model.hop import ROOT_RESOLVED, ROOT_WITHDRAWN, Hop
from grantline.ports import Batch
from grantline.rules import every
from grantline.rules.rule import Rule
from grantline.rules.story import tell
from grantline.store import columns
from grantline.store.choose import best_hops, rooted
from grantline.store.columns import FramedHops
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.intake import Intake, Record, Topics
from grantline.store.rows import Unstorable, hop_table
from grantline.store.staging import PlainRows
from grantline.wire.frames import VERSION, BadFrame, decode_hops, encode_hops
from grantline.wire.otlp import decode
from tests.benchmarks import load
from tests.properties.strategies import facts

TOPICS = Topics()
pytestmark = pytest.mark.skipif(
    compiled("grantline._core") is None, reason="not built, or GRANTLINE_PURE is set"
)


def framed(frames: Sequence[bytes]) -> FramedHops:
    taken = columns.no_hops()
    assert isinstance(taken, FramedHops)
    assert all(map(taken.add, frames))
    return taken


def cells(table: pa.Table) -> list[str]:
    """The rows as text, sorted; times as the numbers they are: a datetime has no nanoseconds."""
    times = [n for n, field in enumerate(table.schema) if pa.types.is_timestamp(field.type)]
    for at in times:
        table = table.set_column(at, table.schema.names[at], table.column(at).cast(pa.int64()))
    return sorted(map(repr, zip(*(column.to_pylist() for column in table.columns), strict=True)))


def same(frames: Sequence[bytes]) -> None:
    """The rows of both ways, in the order in which their first copies came."""
    hops = [hop for frame in frames for hop in decode_hops(frame)]
    native, plain = framed(frames).rows(), PlainRows(hops)
    assert list(framed(frames)) == hops
    assert native.table.schema == plain.table.schema
    native.table.validate(full=True)
    assert cells(native.table) == cells(plain.table)
    for number, (span, best) in enumerate(best_hops(hops).items()):
        here, there = native.find(span), plain.find(span)
        assert here is not None
        assert there is not None
        assert native.rooted(here) == plain.rooted(there) == rooted(best)
        if number < 3:
            alone = native.without(set(range(len(hops))) - {here})
            assert cells(alone) == cells(hop_table([best]))
    assert native.find(("0" * 32, "0" * 16, -1)) is None


def cut(hops: Sequence[Hop], size: int) -> list[bytes]:
    return [encode_hops(hops[at : at + size]) for at in range(0, len(hops), size)]


@pytest.mark.parametrize("rule", every(), ids=lambda rule: str(rule.id))
def test_every_story_comes_to_the_same_rows(rule: Rule) -> None:
    for story in (*rule.fires.values(), *rule.quiet.values(), *rule.late.values()):
        hops, late = tell(story)
        same(cut([*hops, *late, *hops], 3))


def test_a_load_comes_to_the_same_rows() -> None:
    made = load.make(seed=11, spans=600, batch=64)
    same(cut([hop for record in made.records for hop in decode(record).hops], 170))


@settings(max_examples=100, deadline=None)
@given(st.lists(facts(12), max_size=3), st.integers(1, 9))
def test_hostile_facts_come_to_the_same_rows(batches: list[list[Hop]], size: int) -> None:
    same([frame for hops in batches for frame in cut(hops, size)])


@pytest.fixture(scope="module")
def store() -> Iterator[DuckDBStore]:
    made = DuckDBStore(":memory:", threads=1)
    yield made
    made.close()


def emptied(store: DuckDBStore) -> DuckDBStore:
    for table in ("hops", "rejected", "positions"):
        store.query(f"DELETE FROM {table}")
    return store


def stored(store: DuckDBStore, frames: Sequence[bytes], *, native: bool) -> tuple[Any, ...]:
    """What `store` has of these records, taken in one batch, and which were refused and why."""
    with pytest.MonkeyPatch.context() as patch:
        if not native:
            patch.setattr(columns, "_core", None)
        intake = Intake(TOPICS)
        for offset, frame in enumerate(frames):
            intake.add(Record(TOPICS.hops, 0, offset, frame))
    try:
        store.write(intake.batch())
    except Unstorable:
        intake.drop_unstorable()
        store.write(intake.batch())
    rows = [store.query(f"FROM {table} ORDER BY ALL") for table in ("hops", "rejected")]
    return (*rows, [*intake.hops], intake.rejected)


@st.composite
def bent(draw: st.DrawFn) -> list[bytes]:
    """Frames of which some have bytes changed, cut off or put behind, and fields too many or few."""
    frames = []
    for hops in draw(st.lists(facts(5), min_size=1, max_size=4)):
        how = draw(st.sampled_from(("whole", "bytes", "cut", "more", "wide", "narrow", "huge")))
        values = msgspec.to_builtins(hops)
        for one in values[:1]:
            if how == "wide":
                one.append("of a later release")
            elif how == "narrow":
                del one[draw(st.integers(0, len(one))) :]
            elif how == "huge":
                one[draw(st.integers(0, len(one) - 1))] = 1 << 63
        frame = bytearray(msgspec.msgpack.encode((VERSION, values)))
        if how == "bytes":
            for _ in range(draw(st.integers(1, 3))):
                frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
        elif how == "cut":
            del frame[draw(st.integers(0, len(frame))) :]
        elif how == "more":
            frame += draw(st.binary(min_size=1, max_size=3))
        frames.append(bytes(frame))
    return frames


@settings(max_examples=40, deadline=None)
@given(bent())
def test_bent_frames_are_stored_and_refused_alike(store: DuckDBStore, frames: list[bytes]) -> None:
    native = stored(emptied(store), frames, native=True)
    assert native == stored(emptied(store), frames, native=False)


@st.composite
def copies(draw: st.DrawFn) -> list[list[bytes]]:
    """Batches of frames with spans that were in the one before, with another root or way to it."""
    hops = draw(facts(6))
    batches = []
    for _ in range(draw(st.integers(2, 4))):
        batches.append(cut(draw(st.permutations(hops)), 4))
        changed = [
            msgspec.structs.replace(
                hop,
                root_id=draw(st.sampled_from((None, "dlg_a", "dlg_b", "dlg_c"))),
                flags=draw(st.sampled_from(((), (ROOT_RESOLVED,), (ROOT_WITHDRAWN,)))),
                task_granted_at=draw(st.sampled_from((None, hop.time - 1, hop.time, hop.time + 1))),
                chain_key=draw(st.sampled_from((None, "gap tok:x"))),
            )
            for hop in hops
        ]
        hops = [*changed, *hops[:2]]
    return batches


@settings(max_examples=15, deadline=None)
@given(copies())
def test_of_what_is_stored_already_the_same_copies_are_kept(
    store: DuckDBStore, batches: list[list[bytes]]
) -> None:
    kept = []
    for native in (True, False):
        emptied(store)
        kept.append([stored(store, frames, native=native)[0] for frames in batches])
    assert kept[0] == kept[1]


def test_what_the_core_takes_the_plain_code_takes_alike() -> None:
    """One byte of a frame at a time, each to several values: a frame is never only half believed."""
    hops, _ = tell("alice grant planner token=t0\nplanner use crm token=t0 root=dlg:t0")
    frame = encode_hops(hops[:1])
    dice = random.Random(5)
    taken = 0
    for place in range(len(frame)):
        for byte in (0xC0, 0xA1, *dice.sample(range(256), 2)):
            changed = frame[:place] + bytes([byte]) + frame[place + 1 :]
            frames = columns.no_hops()
            assert isinstance(frames, FramedHops)
            if frames.add(changed):
                taken += 1
                assert frames.rows().table.equals(PlainRows(decode_hops(changed)).table)
            else:
                assert len(frames) == 0
    assert taken > 100


def test_a_frame_that_only_the_plain_code_reads_costs_its_batch_nothing_but_time() -> None:
    hops, _ = tell("alice grant planner token=t0\nplanner use crm token=t0 root=dlg:t0")
    narrow = msgspec.msgpack.encode((VERSION, [msgspec.to_builtins(hops[1])[:60]]))
    intake = Intake(TOPICS)
    for offset, frame in enumerate((encode_hops(hops[:1]), narrow, encode_hops(hops[1:]))):
        assert intake.add(Record(TOPICS.hops, 0, offset, frame)) is None
    assert list(intake.hops) == [*hops[:1], *decode_hops(narrow), *hops[1:]]


def test_an_unreadable_frame_is_refused_and_the_batch_stays_native(store: DuckDBStore) -> None:
    intake = Intake(TOPICS)
    refused = intake.add(Record(TOPICS.hops, 0, 1, b"\x92\x01"))
    assert refused is not None
    with pytest.raises(BadFrame, match="not a frame"):
        decode_hops(b"\x92\x01")
    assert isinstance(intake.hops, FramedHops)
    rows = store.query("SELECT count(*) FROM hops")
    store.write(Batch(hops=intake.hops))
    assert store.query("SELECT count(*) FROM hops") == rows
