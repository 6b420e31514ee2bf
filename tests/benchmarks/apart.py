"""Each side alone: two workers while the writer stands still, then the writer while they do.

Whether the writer keeps up cannot be seen where all of them share two cores: each side has the
machine to itself here, and the same spans to work through.
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


class Apart(NamedTuple):
    """Both sides on the same load."""

    spans: int
    rows: int
    workers_seconds: float
    writer_seconds: float
    workers_used: dict[str, Used]
    writer_used: dict[str, Used]

    @property
    def workers_a_second(self) -> float:
        return self.spans / self.workers_seconds

    @property
    def writer_a_second(self) -> float:
        return self.rows / self.writer_seconds


def run(bench: Bench) -> Part:
    """Raises `Different` where rows or findings are not what they must be."""
    bench.tell("two workers without the writer, then the writer without them")
    apart = _measure(bench, bench.task(256))
    figures = {
        "workers_spans_per_second": round(apart.workers_a_second),
        "writer_rows_per_second": round(apart.writer_a_second),
    }
    return Part({**plain(apart), **figures}, [_sheet(apart)])


def _measure(bench: Bench, task: Task) -> Apart:
    load, expected = task
    with pipeline.running(bench.broker, bench.name("apart"), _WORKERS) as running:
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
    seconds = folded_at - work.begin
    return Apart(load.spans, load.rows, seconds, rows_at - begin, used, written)


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
    names = " + ".join(name for name in apart.workers_used if name != "broker")
    rows = [
        (names, apart.workers_a_second, apart.workers_used, apart.spans),
        ("writer", apart.writer_a_second, apart.writer_used, apart.rows),
    ]
    ratio = apart.writer_a_second / apart.workers_a_second
    return Sheet(
        f"Each side alone, {apart.spans:,} spans in records of 256",
        ("", "spans or rows/s", "CPU µs each"),
        [
            (
                name,
                f"{a_second:,.0f}",
                ", ".join(
                    f"{process} {each.cpu_seconds / count * 1e6:.0f}"
                    for process, each in used.items()
                ),
            )
            for name, a_second, used, count in rows
        ],
        [f"The writer does {ratio:.2f} times what two workers do."],
    )
