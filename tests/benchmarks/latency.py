"""Latency at a stated load: from a span's record being produced to what came of it being readable.

A finding's clock starts with the record that makes it tellable (the last of the facts it needs),
a row's with its own record. Findings that are held back for a witness are not in the figures. Rows are asked for through live SQL every tenth of a second, as an
impatient analyst would; that tenth is in the figures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from tests.benchmarks import pipeline
from tests.benchmarks.bench import Bench
from tests.benchmarks.broker import Said, paced
from tests.benchmarks.expected import Expected, check_equal, complete
from tests.benchmarks.load import hops_of
from tests.benchmarks.sheet import Part, Sheet, plain

_BATCH = 256
_ASK_SECONDS = 0.1
_SECONDS = 60.0


class Percentiles(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    samples: int


class Latency(NamedTuple):
    """Both far ends at one load."""

    batch: int
    spans_a_second: float
    findings: Percentiles
    rows: Percentiles
    told_before: int
    """Findings told before the record that completes them, by the order of the records."""


def run(bench: Bench) -> Part:
    """At half of full load. Raises `Different` where the output is not what it must be."""
    measured = _measure(bench, bench.full_load() / 2)
    return Part(plain(measured), [_sheet(measured)])


def _measure(bench: Bench, spans_a_second: float) -> Latency:
    # At least some tens of findings, so that a percentile means something.
    spans = max(6_000, int(spans_a_second * bench.size.latency_seconds))
    load, expected = bench.new_task(bench.seed + 1, spans, _BATCH)
    bench.tell(f"latency at {spans_a_second:,.0f} spans/s for {spans / spans_a_second:.0f} s")
    last_spans = [hops_of([record])[-1].span_id for record in load.records]
    with pipeline.running(bench.broker, bench.name("latency")) as running:
        thread, sent = paced(running.source, load.records, spans_a_second / load.batch)
        rows = _rows(running, last_spans, sent)
        thread.join()
        running.await_rows(load.rows, _SECONDS)
        running.findings.await_all(lambda said: complete(said, expected.findings), 30.0)
        said = running.findings.said
        check_equal(expected.findings, [message.finding for message in said])
    told = _findings(said, expected, sent)
    after = [latency for latency in told if latency >= 0]
    return Latency(
        load.batch, spans_a_second, percentiles(after), percentiles(rows), len(told) - len(after)
    )


def _rows(
    running: pipeline.Pipeline, last_spans: Sequence[str], sent: Sequence[float]
) -> list[float]:
    """Seconds from each record being sent until its last span's row could be read."""
    waiting: dict[str, int] = {}
    known = 0
    latencies: list[float] = []
    ends = time.monotonic() + 10 * _SECONDS
    while len(latencies) < len(set(last_spans)) and time.monotonic() < ends:
        # A span that is sent twice counts the first time.
        waiting |= {
            last_spans[number]: number
            for number in range(known, len(sent))
            if last_spans.index(last_spans[number]) == number
        }
        known = max(known, len(sent))
        if waiting:
            found = running.readable(waiting)
            now = time.monotonic()
            latencies += [now - sent[waiting.pop(span_id)] for span_id in found]
        time.sleep(_ASK_SECONDS)
    return latencies


def _findings(said: Sequence[Said], expected: Expected, sent: Sequence[float]) -> list[float]:
    first: dict[str, float] = {}
    for message in said:
        finding = message.finding
        if finding.status == "open":
            first.setdefault(finding.id, message.at)
    return [first[name] - sent[at] for name, at in expected.complete_at.items()]


def percentiles(seconds: Sequence[float]) -> Percentiles:
    cuts = quantiles([second * 1000 for second in seconds], n=100, method="inclusive")
    return Percentiles(cuts[49], cuts[94], cuts[98], len(seconds))


def _sheet(latency: Latency) -> Sheet:
    lines = []
    for what, measured in (
        ("finding readable", latency.findings),
        ("row readable in SQL", latency.rows),
    ):
        figures = (measured.p50, measured.p95, measured.p99)
        lines.append((what, *(f"{figure:,.0f}" for figure in figures), f"{measured.samples:,}"))
    return Sheet(
        f"Latency at {latency.spans_a_second:,.0f} spans/s, half of full load, in records of "
        f"{latency.batch}: ms from the span produced to",
        ("", "p50", "p95", "p99", "samples"),
        lines,
    )
