"""Where the time goes under full load: what py-spy sees, scaled to what each thread really used.

A sampler tells shares; /proc tells CPU seconds of every thread, those of librdkafka and DuckDB
among them, which no Python profiler sees. Needs Linux and the right to trace a process.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import pipeline
from tests.benchmarks.attribution import WAITS, stage_of
from tests.benchmarks.backlog import drain
from tests.benchmarks.bench import Bench
from tests.benchmarks.usage import Thread, threads

_RATE = "200"
"""Samples a second."""
_ATTACH_SECONDS = 2.0
_SECONDS = 600.0


class CannotSample(Exception):
    """No profile can be taken here; says why."""


def measure(bench: Bench) -> dict[str, dict[str, float]]:
    """Process -> stage -> CPU microseconds a span. Raises `CannotSample`."""
    load = bench.task(256).load
    with (
        pipeline.running(bench.broker, bench.name("sampled")) as running,
        tempfile.TemporaryDirectory() as home,
    ):
        pids = running.pids
        paths = {name: Path(home) / f"{name}.raw" for name in pids}
        with _sampling({pid: paths[name] for name, pid in pids.items()}):
            before = {name: threads(pid) for name, pid in pids.items()}
            with drain(bench.broker, running.source, load, pids):
                running.await_rows(load.rows, _SECONDS)
            used = {name: _since(before[name], threads(pid)) for name, pid in pids.items()}
        return {
            name: _stages(path.read_text("utf-8").splitlines(), used[name], load.spans)
            for name, path in paths.items()
        }


@contextmanager
def _sampling(outputs: Mapping[int, Path]) -> Iterator[None]:
    """Within, the stacks of every process are sampled; at the end they are in its file."""
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise CannotSample("py-spy is not installed")
    spies = [
        subprocess.Popen(
            # Without blocking: a process that is stopped on purpose could not be attached to.
            [found, "record", "--pid", str(pid), "--format", "raw", "--rate", _RATE, "--threads",
             "--nonblocking", "--output", str(path)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for pid, path in outputs.items()
    ]  # fmt: skip
    try:
        time.sleep(_ATTACH_SECONDS)
        for spy in spies:
            if spy.poll() is not None and spy.stderr is not None:
                raise CannotSample(f"py-spy: {spy.stderr.read().strip()[-300:]}")
        yield
    finally:
        for spy in spies:
            spy.send_signal(signal.SIGINT)
        for spy in spies:
            spy.communicate(timeout=60)


def _since(before: Mapping[int, Thread], after: Mapping[int, Thread]) -> dict[int, Thread]:
    nothing = Thread("", 0.0)
    return {
        number: thread._replace(
            cpu_seconds=thread.cpu_seconds - before.get(number, nothing).cpu_seconds
        )
        for number, thread in after.items()
    }


def _stages(lines: Iterable[str], used: Mapping[int, Thread], spans: int) -> dict[str, float]:
    samples: dict[int, Counter[str]] = defaultdict(Counter)
    for line in lines:
        stack, _, count = line.rpartition(" ")
        label, *calls = stack.split(";")
        stage = stage_of(calls)
        if calls and stage != WAITS:
            samples[int(label.partition("(")[2].partition(")")[0])][stage] += int(count)
    seconds: defaultdict[str, float] = defaultdict(float)
    for number, thread in used.items():
        seen = samples.get(number)
        if seen is None:
            seconds[_without_python(thread.name)] += thread.cpu_seconds
            continue
        for stage, times in seen.items():
            seconds[stage] += thread.cpu_seconds * times / seen.total()
    return {stage: each / spans * 1e6 for stage, each in sorted(seconds.items())}


def _without_python(thread: str) -> str:
    return "librdkafka" if thread.startswith("rdk:") else "other threads"
