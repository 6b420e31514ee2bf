"""Frames that somebody else wrote on our topics: refused, or worked through; nothing stops."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.engine import ChainEngine, TokenEngine
from grantline.lineage.route import route
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.store.choose import lasting, span_id
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.intake import Intake, Record, Topics
from grantline.store.rows import Unstorable
from grantline.wire.frames import VERSION, BadFrame, decode_hops, decode_sightings
from tests.otlp import FAKE_JWT
from tests.properties.strategies import facts

TOPICS = Topics()
_INTEGERS = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),  # what MessagePack can say
    st.sampled_from((-(1 << 63), -1, 0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
)
_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(("", "\0", "tok:", "dlg:", FAKE_JWT, "'; DROP TABLE hops; --", "x" * 5000)),
)


def _forged(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of this type, as far as MessagePack has it."""
    of: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: _INTEGERS,
        str: _TEXTS,
        tuple[str, ...]: st.lists(_TEXTS, max_size=3),
        tuple[str, str]: st.tuples(_TEXTS, _TEXTS),
        type(None): st.none(),
        Hop: st.none(),
    }
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return st.one_of(*(of[one] for one in kinds))


_HOP, _SIGHTING = (
    [_forged(field.type) for field in msgspec.structs.fields(struct)] for struct in (Hop, Sighting)
)


@st.composite
def frames(draw: st.DrawFn, items: list[Any], fields: list[st.SearchStrategy[Any]]) -> list[bytes]:
    """`items`, one a frame, with some of their fields forged."""
    made = []
    for item in items:
        values = msgspec.to_builtins(item)
        for at in draw(st.lists(st.integers(0, len(fields) - 1), max_size=4)):
            values[at] = draw(fields[at])
        made.append(msgspec.msgpack.encode((VERSION, [values])))
    return made


def _taken(value: bytes, decode: Any) -> Any:
    """What is in the frame; nothing where it is refused."""
    try:
        return decode(value)
    except BadFrame:
        return []


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_in_a_frame_the_engines_go_on_and_say_what_is_valid(
    data: st.DataObject,
) -> None:
    hops = data.draw(facts(8))
    chains, tokens = ChainEngine(Policy()), TokenEngine(Policy())
    said: list[Finding] = []
    sightings = [sighting for hop in hops for sighting in route(hop).sightings]
    for value in data.draw(frames(hops, _HOP), "hops"):
        chains.add(_taken(value, decode_hops))
        said += chains.drain(1)
    for value in data.draw(frames(sightings, _SIGHTING), "sightings"):
        tokens.add(_taken(value, decode_sightings))
        found, resolved = tokens.drain(1)
        said += found
        chains.add(resolved)
    chains.advance(400_000)
    tokens.advance(400_000)
    said += chains.drain(2) + tokens.drain(2)[0]
    for finding in said:
        assert Finding.model_validate_json(finding.model_dump_json()) == finding
        assert finding.rule != "rule-crashed", finding.explanation


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_in_a_frame_its_neighbours_are_stored(data: st.DataObject) -> None:
    hops = data.draw(facts(8))
    forged = data.draw(frames(hops, _HOP))
    intake = Intake(TOPICS)
    for offset, value in enumerate(forged):
        intake.add(Record(TOPICS.hops, 0, offset, value))
    store = DuckDBStore(":memory:")
    try:
        store.write(intake.batch())
    except Unstorable:
        intake.drop_unstorable()
        store.write(intake.batch())
    [(places,)] = store.query("SELECT count(*) FROM rejected")
    # A copy that only tells a chain something is no row, whatever forged it.
    spans = set(map(span_id, lasting(intake.hops)))
    assert store.query("SELECT count(*) FROM hops") == [(len(spans),)]
    assert len(intake.hops) + places == len(hops)
    store.close()
