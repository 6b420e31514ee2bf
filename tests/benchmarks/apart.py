"""Each side alone: workers while the writer stands still, then the writer while they do.

Whether two workers do twice the work of one, and whether the writer keeps up with them, cannot be
seen where all of them share two cores: each side has the machine to itself here, and the same
spans to work through.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from tests.benchmarks import pipeline
from tests.benchmarks.backlog import drain, standing_still
from tests.benchmarks.bench import Bench, Task
from tests.benchmarks.broker import PARTITIONS
from tests.benchmarks.expected import Different, check_equal, complete
from tests.benchmarks.sheet import Part, Sheet, plain
from tests.benchmarks.usage import Meter, Used, of_broker

_WORKERS = 2
_SECONDS = 600.0
_LAST_FINDINGS_SECONDS = 60.0


class Side(NamedTuple):
    """Workers, or the writer, working through all there is."""

    items: int
    """Spans or rows."""
    seconds: float
    used: dict[str, Used]

    @property
    def a_second(self) -> float:
        return self.items / self.seconds


class Apart(NamedTuple):
    """All sides on the same load."""

    one_worker: Side
    workers: Side
    writer: Side


def run(bench: Bench) -> Part:
    """Raises `Different` where rows or findings are not what they must be."""
    task = bench.task(256)
    bench.tell("one worker without the writer")
    one_worker, _ = _measure(bench, task, 1)
    bench.tell("two workers without the writer, then the writer without them")
    apart = Apart(one_worker, *_measure(bench, task, _WORKERS))
    figures = {
        "worker_spans_per_second": round(apart.one_worker.a_second),
        "workers_spans_per_second": round(apart.workers.a_second),
        "writer_rows_per_second": round(apart.writer.a_second),
    }
    return Part({**plain(apart), **figures}, [_sheet(apart)])


def _measure(bench: Bench, task: Task, count: int) -> tuple[Side, Side]:
    """So many workers, then the writer."""
    load, expected = task
    with pipeline.running(bench.broker, bench.name("apart"), count) as running:
        writer = {pipeline.WRITER: running.pids[pipeline.WRITER]}
        workers = running.worker_pids
        with standing_still(writer.values()):
            with drain(bench.broker, running.source, load, workers) as work:
                folded_at = _await_folded(bench.broker.bootstrap, running, len(load.records))
                used = work.meter.read()
            running.findings.await_all(
                lambda said: complete(said, expected.findings), _LAST_FINDINGS_SECONDS
            )
        with standing_still(workers.values()):
            begin = time.monotonic()
            with Meter({**writer, **of_broker(bench.broker)}) as meter:
                rows_at = running.await_rows(load.rows, _SECONDS)
                written = meter.read()
        said = list(running.findings.said)
    check_equal(expected.findings, [message.finding for message in said])
    folded = Side(load.spans, folded_at - work.begin, used)
    return folded, Side(load.rows, rows_at - begin, written)


def _await_folded(bootstrap: str, running: pipeline.Pipeline, records: int) -> float:
    """When the workers had folded everything that `records` of the input came to."""
    ends = time.monotonic() + _SECONDS
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "apart", "log_level": 0})
    folded_at = 0.0
    while time.monotonic() < ends:
        now = time.monotonic()
        if running.taken() < records or running.folded() != _ends(reader):
            folded_at = 0.0
        elif folded_at:
            reader.close()
            return folded_at
        else:
            # Frames may still be on their way to the broker: once more.
            folded_at = now
        time.sleep(0.1)
    raise Different(f"the workers have not folded {records} records in {_SECONDS:.0f} s")


def _ends(reader: Consumer) -> dict[str, int]:
    """Keyed topic -> records on it."""
    return {
        topic: sum(
            reader.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
            for number in range(PARTITIONS)
        )
        for topic in pipeline.KEYED
    }


def _sheet(apart: Apart) -> Sheet:
    one, two, writer = apart
    return Sheet(
        f"Each side alone, {one.items:,} spans in records of 256",
        ("", "spans or rows/s", "CPU µs each"),
        [_row(" + ".join(name for name in side.used if name != "broker"), side) for side in apart],
        [
            f"Two workers do {two.a_second / one.a_second:.2f} times what one does.",
            f"The writer does {writer.a_second / two.a_second:.2f} times what two workers do.",
        ],
    )


def _row(name: str, side: Side) -> tuple[str, str, str]:
    used = side.used.items()
    return (
        name,
        f"{side.a_second:,.0f}",
        ", ".join(f"{process} {each.cpu_seconds / side.items * 1e6:.0f}" for process, each in used),
    )
