"""Throughput from a backlog: all contenders on the same records, by turns, each output checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.benchmarks import ceiling, duck, ours, quix
from tests.benchmarks.bench import Bench, Task
from tests.benchmarks.contender import Contender, Measured, Missing
from tests.benchmarks.sheet import Part, Sheet, plain

_CONTENDERS = (ceiling.CONTENDER, ours.ONE, quix.CONTENDER, duck.CONTENDER)
_BY_BATCH = {256: (*_CONTENDERS[:2], ours.TWO, *_CONTENDERS[2:]), 10: _CONTENDERS}


class Row:
    """One contender and its runs."""

    def __init__(self, contender: Contender, spans: int) -> None:
        self.contender = contender
        self.spans = spans
        self.runs: list[Measured] = []
        self.busy: list[float] = []
        """The machine's load average over the minute before each run."""
        self.missing = ""
        """Why it could not be had."""

    @property
    def a_second(self) -> float:
        return self.spans / median(run.seconds for run in self.runs)

    def cpu_microseconds(self) -> dict[str, float]:
        """Process -> what a span cost it, the median of its runs."""
        return {
            name: median(run.used[name].cpu_seconds for run in self.runs) / self.spans * 1e6
            for name in self.runs[0].used
        }

    def memory_mib(self) -> dict[str, float]:
        return {
            name: median(run.used[name].memory_mib for run in self.runs)
            for name in self.runs[0].used
        }


def run(bench: Bench) -> Part:
    """Both sizes of batches. Raises `Different` where an output is not what it must be."""
    sheets, data = [], []
    for batch, contenders in _BY_BATCH.items():
        task = bench.task(batch)
        rows = _by_turns(bench, task, contenders)
        if batch == 256:
            one = next(row for row in rows if row.contender is ours.ONE)
            middle = sorted(one.runs, key=lambda run: run.seconds)[len(one.runs) // 2]
            bench.note_full_load(task.load, middle)
        sheets.append(_sheet(task, rows))
        data.append(_data(task, rows))
    return Part({"loads": data}, sheets)


def _by_turns(bench: Bench, task: Task, contenders: Sequence[Contender]) -> list[Row]:
    rows = [Row(contender, task.load.spans) for contender in contenders]
    for number in range(bench.size.times):
        for row in rows:
            if not row.missing:
                _once(bench, task, row, f"run {number + 1} of {bench.size.times}")
    return rows


def _once(bench: Bench, task: Task, row: Row, which: str) -> None:
    load, expected = task
    where = f"records of {load.batch}, {which}: {row.contender.name}"
    bench.tell(where)
    busy = os.getloadavg()[0]
    try:
        measured = row.contender.measure(bench.broker, load, expected, bench.name("bench"))
    except Missing as why:
        row.missing = str(why)
        bench.tell(f"{where} left out: {why}")
        return
    row.runs.append(measured)
    row.busy.append(busy)
    bench.tell(f"{where}: {load.spans / measured.seconds:,.0f} spans/s, output as it must be")


def _sheet(task: Task, rows: Sequence[Row]) -> Sheet:
    load = task.load
    top = rows[0].a_second
    names = {row.contender.name: row for row in rows if row.runs}
    lines = []
    for row in names.values():
        cpu = row.cpu_microseconds()
        lines.append(
            (
                row.contender.name,
                f"{row.a_second:,.0f}",
                ", ".join(f"{row.spans / run.seconds:,.0f}" for run in row.runs),
                f"{row.a_second / top:.2f}",
                ", ".join(f"{name} {used:.0f}" for name, used in cpu.items()),
                ", ".join(f"{name} {used:.0f}" for name, used in row.memory_mib().items()),
            )
        )
    return Sheet(
        f"Throughput from a backlog of {load.spans:,} spans in records of {load.batch}",
        ("", "spans/s", "each run", "of the ceiling", "CPU µs a span", "resident MiB"),
        lines,
        [*_notes(task, names), *(f"{row.contender.name} left out: {row.missing}"
                                 for row in rows if row.missing)],
    )  # fmt: skip


def _notes(task: Task, rows: dict[str, Row]) -> list[str]:
    load, expected = task
    one = rows[ours.NAME]
    said = (
        f"{len(expected.findings):,} findings, said in {one.runs[-1].finding_messages:,} messages"
    )
    size = f"{load.attributes:.0f} attributes and {load.bytes / load.spans:,.0f} bytes a span"
    notes = [f"{size}; {said}."]
    if quix.NAME in rows:
        times = one.a_second / rows[quix.NAME].a_second
        notes.append(f"Grantline does {times:.1f} times what Quix Streams does.")
    if ours.TWO_WORKERS in rows:
        times = rows[ours.TWO_WORKERS].a_second / one.a_second
        notes.append(
            f"Two workers do {times:.2f} times what one does, where {os.cpu_count()} cores carry "
            "broker, workers, writer and whoever checks them."
        )
    if duck.NAME in rows:
        script = median(run.script_seconds for run in rows[duck.NAME].runs)
        notes.append(
            f"The batch job's script took {script:.1f} s for all spans: by construction a finding "
            f"is {30 + script:.0f} s old on average, {60 + script:.0f} s at worst."
        )
    return notes


def _data(task: Task, rows: Sequence[Row]) -> dict[str, Any]:
    load, expected = task
    top = rows[0].a_second
    return {
        "batch": load.batch,
        "spans": load.spans,
        "bytes_a_span": round(load.bytes / load.spans, 1),
        "shape": plain(load.shape),
        "findings": len(expected.findings),
        "findings_held_back_for_a_witness": len(expected.held_back),
        "contenders": {
            row.contender.name: {
                "about": row.contender.about,
                "spans_per_second": round(row.a_second),
                "of_the_ceiling": round(row.a_second / top, 4),
                "cpu_microseconds_per_span": plain(row.cpu_microseconds()),
                "runs": [
                    {**plain(run), "load_average": busy}
                    for run, busy in zip(row.runs, row.busy, strict=True)
                ],
            }
            if row.runs
            else {"about": row.contender.about, "missing": row.missing}
            for row in rows
        },
    }
