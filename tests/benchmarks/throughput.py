"""Throughput: Grantline and the ceiling on the same records, by turns, the output checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from tests.benchmarks import ceiling, pipeline
from tests.benchmarks.broker import Said
from tests.benchmarks.expected import Different, Expected, State, check_equal, open_now
from tests.benchmarks.load import Load

_SECONDS = 180.0


class Run(NamedTuple):
    """One contender, once."""

    seconds: float
    load_average: float
    """Over the last minute, when the run began."""


class Throughput(NamedTuple):
    """Both contenders on one load."""

    batch: int
    spans: int
    bytes_a_span: float
    attributes_a_span: float
    findings: int
    finding_messages: int
    """With those that were amended or taken back."""
    ceiling: list[Run]
    grantline: list[Run]

    @property
    def ceiling_a_second(self) -> float:
        return self.spans / median(run.seconds for run in self.ceiling)

    @property
    def grantline_a_second(self) -> float:
        return self.spans / median(run.seconds for run in self.grantline)

    @property
    def ratio(self) -> float:
        return self.grantline_a_second / self.ceiling_a_second


def measure(
    bootstrap: str, load: Load, expected: Expected, times: int, tell: Callable[[str], None]
) -> Throughput:
    """Raises `Different` where Grantline's output is not what it must be."""
    plain: list[Run] = []
    ours: list[Run] = []
    messages = 0
    for number in range(times):
        which = f"{load.batch}-span batches, run {number + 1} of {times}"
        tell(f"{which}: the ceiling")
        busy = os.getloadavg()[0]
        name = f"ceiling-{load.batch}-{number}"
        plain.append(Run(ceiling.measure(bootstrap, load, name), busy))
        tell(f"{which}: ceiling {load.spans / plain[-1].seconds:,.0f} spans/s; Grantline")
        busy = os.getloadavg()[0]
        seconds, messages = _grantline(bootstrap, load, expected, f"bench-{load.batch}-{number}")
        ours.append(Run(seconds, busy))
        tell(f"{which}: Grantline {load.spans / seconds:,.0f} spans/s, output as it must be")
    return Throughput(
        load.batch, load.spans, load.bytes / load.spans, load.attributes,
        len(expected.findings), messages, plain, ours,
    )  # fmt: skip


def _grantline(
    bootstrap: str, load: Load, expected: Expected, application: str
) -> tuple[float, int]:
    """Seconds until all rows and findings could be read, and messages on the findings topic."""
    with pipeline.running(bootstrap, application) as running:
        begin = 0.0
        for record in load.records:
            at = running.source.send(record)
            begin = begin or at
        running.source.flush()
        rows_at = running.await_rows(load.rows, _SECONDS)
        if not running.findings.await_all(lambda said: complete(said, expected.findings), 30.0):
            check_equal(expected.findings, [message.finding for message in running.findings.said])
            raise Different("the findings came out after 30 s only")
        said = running.findings.said
        check_equal(expected.findings, [message.finding for message in said])
        findings_at = max((message.at for message in said), default=begin)
        return max(rows_at, findings_at) - begin, len(said)


def complete(said: Sequence[Said], expected: dict[str, State]) -> bool:
    """The findings that are open now are those that must be."""
    return open_now([message.finding for message in said]).keys() == expected.keys()
