"""Throughput: Grantline and the ceiling on the same records, by turns, the output checked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from tests.benchmarks import ceiling, pipeline
from tests.benchmarks.broker import Said
from tests.benchmarks.expected import Expected, State, check_equal, open_now
from tests.benchmarks.load import Load

_SECONDS = 180.0


class Run(NamedTuple):
    """One contender, once."""

    seconds: float
    cpu_microseconds: dict[str, float]
    """Process -> what a span cost it: tells more than seconds on a machine that is busy."""
    load_average: float
    """Over the last minute, when the run began."""


class Throughput(NamedTuple):
    """Both contenders on one load."""

    batch: int
    spans: int
    bytes_a_span: float
    attributes_a_span: float
    findings: int
    held_back: int
    """Of these: for a witness, on purpose; what they wait is not timed."""
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
    def cpu_microseconds(self) -> dict[str, float]:
        """Process -> the median of its runs."""
        used: dict[str, list[float]] = {}
        for run in (*self.ceiling, *self.grantline):
            for name, microseconds in run.cpu_microseconds.items():
                used.setdefault(name, []).append(microseconds)
        return {name: median(each) for name, each in used.items()}

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
        seconds, used = ceiling.measure(bootstrap, load, name)
        plain.append(Run(seconds, {"ceiling": used / load.spans * 1e6}, busy))
        tell(f"{which}: ceiling {load.spans / plain[-1].seconds:,.0f} spans/s; Grantline")
        busy = os.getloadavg()[0]
        application = f"bench-{load.batch}-{number}"
        run, messages = _grantline(bootstrap, load, expected, application)
        ours.append(run._replace(load_average=busy))
        tell(f"{which}: Grantline {load.spans / run.seconds:,.0f} spans/s, output as it must be")
    return Throughput(
        load.batch, load.spans, load.bytes / load.spans, load.attributes,
        len(expected.findings), len(expected.held_back), messages, plain, ours,
    )  # fmt: skip


def _grantline(bootstrap: str, load: Load, expected: Expected, application: str) -> tuple[Run, int]:
    """Until all rows and findings could be read; and messages on the findings topic."""
    with pipeline.running(bootstrap, application) as running:
        used = running.cpu_seconds()
        begin = time.monotonic()
        for record in load.records:
            running.source.send(record)
        running.source.flush()
        rows_at = running.await_rows(load.rows, _SECONDS)
        cpu = {
            name: (seconds - used[name]) / load.spans * 1e6
            for name, seconds in running.cpu_seconds().items()
        }
        running.findings.await_all(lambda said: complete(said, expected.findings), 30.0)
        said = list(running.findings.said)
    check_equal(expected.findings, [message.finding for message in said])
    held_back = expected.held_back
    timed = (message.at for message in said if message.finding.id not in held_back)
    findings_at = max(timed, default=begin)
    return Run(max(rows_at, findings_at) - begin, cpu, 0.0), len(said)


def complete(said: Sequence[Said], expected: dict[str, State]) -> bool:
    """The findings that are open now are those that must be."""
    return open_now([message.finding for message in said]).keys() == expected.keys()
