"""When a span began and ended, also where its clock or its unit of time is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grantline.model.hop import Hop
from grantline.wire.otlp import decode
from tests.otlp import START, as_json, both, request, span

pytestmark = pytest.mark.usefixtures("decoder")

LAST = 7_258_118_400 * 10**9 - 1
"""The last nanosecond before 2200."""


def of(start: int, end: int = 0) -> Hop:
    """The hop of a span with these times, the same in both encodings."""
    made = span(start_time_unix_nano=start, end_time_unix_nano=end)
    first, second = (decode(data).hops for data in both([made]))
    assert first == second
    [hop] = first
    return hop


def in_json(start: object, end: object = None) -> Hop:
    made = as_json(request(span()))
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= {
        "startTimeUnixNano": start,
        "endTimeUnixNano": end,
    }
    decoded = decode(json.dumps(made).encode())
    assert decoded.rejected == []
    [hop] = decoded.hops
    return hop


@pytest.mark.parametrize(
    "end, ended",
    [
        (START, START),
        (START + 5, START + 5),
        (START - 1, None),
        (0, None),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        ((1 << 64) - 1, None),
    ],
)
def test_a_span_ends_at_its_start_or_later_or_nobody_knows_when(end: int, ended: int) -> None:
    assert (of(START, end).ended, of(START, end).flags) == (ended, ())


@pytest.mark.parametrize("start", [946_684_800 * 10**9, START, LAST])
def test_a_start_in_nanoseconds_is_what_it_is(start: int) -> None:
    hop = of(start, start)
    assert (hop.time, hop.ended, hop.flags) == (start, start, ())


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000], ids=["s", "ms", "µs"])
def test_a_start_in_another_unit_is_taken_for_what_it_is_and_flagged(unit: int) -> None:
    hop = of(1_795_000_000 * unit, START)
    assert hop.time == 1_795_000_000 * 10**9
    assert (hop.ended, hop.flags) == (None, ("clock_unusable",))


@pytest.mark.parametrize("start", [1, 86_400 * 10**9, 10**15 * 100, LAST + 1, (1 << 63) - 1])
def test_a_start_in_no_age_of_ours_is_stored_as_it_is_and_flagged(start: int) -> None:
    hop = of(start, START)
    assert (hop.time, hop.ended, hop.flags) == (start, None, ("clock_unusable",))


def test_times_of_json_come_in_the_shapes_that_javascript_has() -> None:
    halves: dict[str, Any] = {"low": START & 0xFFFFFFFF, "high": START >> 32}
    signed = {"low": halves["low"] - (1 << 32), "high": halves["high"]}
    split = [START // 10**9, START % 10**9]
    date = "2026-11-23T18:43:57.162429419Z"
    for shape in (str(START), START, halves, signed, split, date):
        hop = in_json(shape, shape)
        assert (hop.time, hop.ended, hop.flags) == (START, START, ())


@pytest.mark.parametrize("start", [None, "soon", {}, [], {"low": "x"}, [1], True, [[1], [2]]])
def test_a_start_that_is_none_costs_the_span(start: object) -> None:
    made = as_json(request(span()))
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"] = start
    [(_, rejected)] = decode(json.dumps(made).encode()).rejected
    assert rejected.reason == "bad_span"
    assert "start time" in rejected.detail
