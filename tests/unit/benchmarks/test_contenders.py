"""What is measured beside Grantline does its work: a batch job that finds, a backlog that waits."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.backlog import standing_still
from tests.benchmarks.chains import Planted
from tests.benchmarks.duck_app import Job
from tests.benchmarks.load import Load, hops_of, make


@pytest.fixture(scope="module")
def load() -> Load:
    return make(seed=5, spans=4_000, batch=256, alive=40)


def found(load: Load, records: int) -> set[Planted]:
    job = Job(":memory:")
    # As a broker stamps them: a gap is told five minutes later, not within the benchmark.
    now_ms = int(time.time() * 1000)
    for at in range(0, records, 3):
        job.take(hops_of(load.records[at : at + 3], now_ms))
    job.judge()
    return {Planted(*each) for each in job.found()}


def test_the_batch_job_finds_what_was_planted_and_nothing_else(load: Load) -> None:
    assert found(load, len(load.records)) == load.planted


def test_the_batch_job_misses_what_it_has_not_seen(load: Load) -> None:
    assert found(load, len(load.records) // 2) < load.planted


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells states from /proc")
def test_a_contender_stands_still_while_its_load_is_produced() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:

        def state() -> str:
            stat = Path(f"/proc/{child.pid}/stat").read_text("utf-8")
            return stat.rpartition(")")[2].split()[0]

        def reaches(stopped: bool) -> bool:
            # A signal takes effect when the kernel next looks.
            ends = time.monotonic() + 10
            while (state() == "T") != stopped and time.monotonic() < ends:
                time.sleep(0.01)
            return (state() == "T") == stopped

        with standing_still([child.pid]):
            assert reaches(stopped=True)
        assert reaches(stopped=False)
