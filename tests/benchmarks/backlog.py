"""From a backlog: the whole load is on the broker before a contender may touch it.

A producer on the same machine would compete with what is measured. So a contender that is warm
stands still (SIGSTOP) while everything is produced; the clock starts when it goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from tests.benchmarks.broker import Source
from tests.benchmarks.load import Load
from tests.benchmarks.usage import Meter, of_broker
from tests.brokers import Broker

SESSION_SECONDS = 60
"""A consumer that stands still for less keeps its partitions."""


class Drain(NamedTuple):
    """A contender at work on a backlog."""

    begin: float
    """When it went on, on the monotonic clock."""
    meter: Meter
    """Of its processes and the broker's, since then."""


@contextmanager
def drain(
    broker: Broker, source: Source, load: Load, processes: Mapping[str, int]
) -> Iterator[Drain]:
    """Within, `processes` (name -> id) work on `load`, all of which was produced before."""
    with standing_still(processes.values()):
        for record in load.records:
            source.send(record)
        source.flush()
        meter = Meter({**processes, **of_broker(broker)})
        begin = time.monotonic()
    with meter:
        yield Drain(begin, meter)


@contextmanager
def standing_still(processes: Iterable[int]) -> Iterator[None]:
    """Within, none of `processes` does anything."""
    ids = list(processes)
    try:
        for process in ids:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in ids:
            os.kill(process, signal.SIGCONT)
