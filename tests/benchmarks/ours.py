"""The contender Grantline: all rules on, findings on their topic, lineage rows in DuckDB."""

from __future__ import annotations

from functools import partial

from tests.benchmarks import pipeline
from tests.benchmarks.backlog import drain
from tests.benchmarks.contender import Contender, Measured, last_at
from tests.benchmarks.expected import Expected, check_equal, complete
from tests.benchmarks.load import Load
from tests.brokers import Broker

NAME = "Grantline"
TWO_WORKERS = "Grantline, 2 workers"
_SECONDS = 600.0
_LAST_FINDINGS_SECONDS = 60.0


def measure(broker: Broker, load: Load, expected: Expected, name: str, workers: int) -> Measured:
    """Until all rows and findings could be read."""
    with pipeline.running(broker, name, workers) as running:
        with drain(broker, running.source, load, running.pids) as work:
            rows_at = running.await_rows(load.rows, _SECONDS)
            used = work.meter.read()
        running.findings.await_all(
            lambda said: complete(said, expected.findings), _LAST_FINDINGS_SECONDS
        )
        said = list(running.findings.said)
    check_equal(expected.findings, [message.finding for message in said])
    end = max(rows_at, last_at(said, expected, work.begin))
    return Measured(end - work.begin, used, len(said))


ONE = Contender(NAME, "one worker, one writer", partial(measure, workers=1))
TWO = Contender(TWO_WORKERS, "two workers, one writer", partial(measure, workers=2))
