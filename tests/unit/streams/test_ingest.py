"""Records of OTLP in, frames and rejections out: whatever comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from grantline.lineage.partition import partition_of
from grantline.lineage.route import route
from grantline.model.hop import LATE, Hop
from grantline.model.policy import Policy
from grantline.model.rejected import Rejected
from grantline.ports import RejectedRow
from grantline.streams import frames
from grantline.streams.gathering import Gathering
from grantline.streams.ingest import Ingest
from grantline.streams.messages import Addresses, rejected_message
from grantline.streams.outgoing import Outgoing
from grantline.wire import rejections
from grantline.wire.frames import decode_hops, decode_sightings
from grantline.wire.otlp import Decoded, decode
from tests import hostile
from tests.deliveries import Line
from tests.workers import POLICY, otlp, story

TO = Addresses("hops", "tokens", "findings", "rejected", 3, "/grantline/test")
HOPS = [hop for number in range(9) for hop in story(number)]


class Came(NamedTuple):
    """What came of some records, and went on at once."""

    frames: Sequence[Outgoing]
    rejected: Sequence[RejectedRow]
    hops: int
    passed_over: int


def _take(*lines: Line, read: Any = decode, policy: Policy = POLICY) -> Came:
    """What ingest makes of them; every rejection must come back from the bytes it is sent as."""
    taken = Ingest(read, policy).take("spans", 2, lines)
    gathering = Gathering(TO)
    for place, hops, size in taken.hops:
        gathering.add(place, hops, size)
    frames, refused, count = gathering.take()
    assert gathering.empty
    for row in (*taken.rejected, *refused):
        assert rejections.decode(rejected_message(row, TO).value) == row
    return Came(frames, [*taken.rejected, *refused], count, taken.passed_over)


def _hops(taken: Came) -> list[Hop]:
    return [h for f in taken.frames if f.topic == "hops" for h in decode_hops(f.value)]


def _spans(taken: Came) -> set[str]:
    """Of hops and of sightings."""
    tokens = [frame.value for frame in taken.frames if frame.topic == "tokens"]
    seen = {sighting.span_id for value in tokens for sighting in decode_sightings(value)}
    return seen | {hop.span_id for hop in _hops(taken)}


def test_each_hop_goes_to_the_partition_of_its_key() -> None:
    taken = _take(Line(0, otlp(HOPS)))
    assert taken.hops == len(HOPS)
    assert {hop.span_id for hop in _hops(taken)} == {hop.span_id for hop in HOPS}
    for frame in taken.frames:
        if frame.topic == "hops":
            keys = [route(hop).key for hop in decode_hops(frame.value)]
        else:
            keys = [sighting.key for sighting in decode_sightings(frame.value)]
        assert {partition_of(key, 3) for key in keys} == {frame.partition}


def test_one_frame_a_partition_however_many_records() -> None:
    taken = _take(*(Line(n, otlp([hop])) for n, hop in enumerate(HOPS)))
    places = [(frame.topic, frame.partition) for frame in taken.frames]
    assert len(places) == len(set(places))


def test_large_frames_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_BYTES", 2000)
    taken = _take(Line(0, otlp(HOPS)))
    assert all(len(frame.value) <= 2000 for frame in taken.frames)
    assert len(_hops(taken)) == len(HOPS)


def test_a_hop_that_fits_no_record_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_BYTES", 100)
    monkeypatch.setattr(frames, "MAX_RECORD_BYTES", 100)
    taken = _take(Line(8, otlp(HOPS[:1])))
    assert not taken.frames
    [row] = taken.rejected
    assert (row.reason, row.source_offset, row.span_id) == ("too_large", 8, HOPS[0].span_id)


@pytest.mark.parametrize("name", hostile.RECORDS)
def test_what_is_wrong_is_told_of_exactly_and_costs_no_neighbour(name: str) -> None:
    record = hostile.RECORDS[name]
    taken = _take(Line(3, otlp(HOPS[:1])), Line(4, record.value), Line(5, otlp(HOPS[1:2])))
    told = {(row.source_offset, row.span_index): row.reason for row in taken.rejected}
    assert told == {(4, index): reason for index, reason in record.rejected.items()}
    assert taken.hops == record.hops + 2
    assert not any(secret in repr(taken.rejected) for secret in hostile.SECRETS)
    assert not {row.span_id for row in taken.rejected} & _spans(taken)


def test_how_records_are_delivered_does_not_show_in_a_rejection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A delivery that is repeated after a crash may be cut otherwise: one rejection, not two."""
    monkeypatch.setattr(frames, "FRAME_BYTES", 100)
    monkeypatch.setattr(frames, "MAX_RECORD_BYTES", 100)
    lines = [Line(number, otlp(HOPS[number * 2 : number * 2 + 2])) for number in range(3)]
    alone = [row for line in lines for row in _take(line).rejected]
    assert sorted(_take(*lines).rejected) == sorted(alone)
    assert len({row[2:6] for row in alone}) == 6


def test_text_that_no_frame_can_hold_costs_its_span() -> None:
    """Half of a surrogate pair is legal in JSON; the rest of the delivery goes through."""

    def read(*_: object) -> Decoded:
        return Decoded([structs.replace(HOPS[0], actor_id="\ud800"), *HOPS[1:4]], [], 0)

    taken = _take(Line(5), read=read)
    assert {hop.span_id for hop in _hops(taken)} == {hop.span_id for hop in HOPS[1:4]}
    assert {(row.reason, row.span_id) for row in taken.rejected} == {
        ("bad_encoding", HOPS[0].span_id)
    }


@given(st.lists(st.one_of(st.binary(max_size=200), st.none()), max_size=6))
def test_whatever_the_bytes_are_the_neighbours_go_through(junk: list[bytes | None]) -> None:
    good = otlp(HOPS[:4])
    lines = [Line(n, value) for n, value in enumerate([good, *junk, good])]
    taken = _take(*lines)
    assert taken.hops >= 8
    assert all(row.source_topic == "spans" for row in taken.rejected)
    assert not [row for row in taken.rejected if row.reason == "crashed"]


def test_a_fault_in_decoding_costs_its_record_and_tells_no_value() -> None:
    def read(data: bytes, kind: str | None, received: int) -> Decoded:
        if data == b"bad":
            raise RuntimeError("eyJfake-token-in-the-message")
        return decode(data, kind, received)

    taken = _take(Line(0, otlp(HOPS[:1])), Line(1, b"bad"), Line(2, otlp(HOPS[1:2])), read=read)
    assert taken.hops == 2
    [row] = taken.rejected
    assert (row.reason, row.source_offset, row.span_index) == ("crashed", 1, -1)
    assert "RuntimeError at read" in row.detail
    assert "eyJ" not in row.detail


def test_a_fault_in_routing_costs_its_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(hop: Hop) -> Any:
        if hop.span_id == HOPS[1].span_id:
            raise KeyError("boom")
        return route(hop)

    monkeypatch.setattr(frames, "route", broken)
    taken = _take(Line(0, otlp(HOPS[:3])))
    assert taken.hops == 2
    assert [row.span_id for row in taken.rejected] == [HOPS[1].span_id]


def test_rejections_name_the_place_of_their_record() -> None:
    why = Rejected("bad_span", "no span id", "ab" * 16, None, "svc")

    def read(*_: object) -> Decoded:
        return Decoded([], [(4, why)], 3)

    taken = _take(Line(77), read=read)
    [row] = taken.rejected
    assert row[:6] == ("bad_span", "no span id", "spans", 2, 77, 4)
    assert (row.trace_id, row.service, taken.passed_over) == ("ab" * 16, "svc", 3)


def test_a_span_that_comes_too_late_is_flagged() -> None:
    late = Policy(lateness_seconds=60)
    hop = HOPS[0]
    line = Line(0, otlp([hop]), timestamp=hop.time // 1_000_000 + 61_000)
    assert LATE in _hops(_take(line, policy=late))[0].flags
    assert LATE not in _hops(_take(line))[0].flags


def test_a_span_without_a_usable_clock_is_not_late() -> None:
    hop = structs.replace(HOPS[0], time=1_795_000_000)
    line = Line(0, otlp([hop]), timestamp=HOPS[0].time // 1_000_000)
    [taken] = {hop.flags for hop in _hops(_take(line, policy=Policy(lateness_seconds=60)))}
    assert taken == ("clock_unusable",)


def test_hops_are_counted_by_what_was_odd_in_their_spans() -> None:
    odd = [structs.replace(hop, flags=("depth_invalid", "late")) for hop in HOPS[:2]]
    taken = Ingest(lambda *_: Decoded([*odd, HOPS[2]], [], 0), POLICY).take("s", 0, [Line(1, b"")])
    assert dict(taken.flags) == {"depth_invalid": 2, "late": 2}


def test_the_content_type_reaches_the_decoder() -> None:
    """JSON after a blank line is not guessed from its first byte."""
    seen: list[object] = []

    def read(*given: object) -> Decoded:
        seen.append(given)
        return Decoded([], [], 0)

    line = Line(0, b"x", 1234, headers=[("Content-Type", b"application/json")])
    _take(line, Line(1, None), read=read)
    assert seen == [(b"x", "application/json", 1234), (b"", None, 0)]
