"""Back-pressure on real Apache Kafka: whoever is slow costs time, and neither memory nor a span.

Each case sends more than the process under pressure may hold, and looks at what it holds; at the
end everything is accounted for as in test_faults.py: findings word for word, each row once, every
position at the end of its log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests import pressure
from tests.benchmarks.backlog import standing_still
from tests.benchmarks.usage import Meter, of_broker
from tests.brokers import Broker
from tests.faults import Load, Run, running
from tests.faults import load as make_load
from tests.processes import Emitter, Worker, Writer
from tests.stage import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def load() -> Load:
    return make_load()


@pytest.fixture
def run(broker: Broker, load: Load, tmp_path: Path) -> Iterator[Run]:
    with running(broker, load, tmp_path) as made:
        yield made


def _at_work(run: Run) -> tuple[Worker, Writer]:
    """A worker and a writer through which something has gone."""
    writer, worker = run.stage.writer(real=True), run.stage.worker()
    run.feed(0.1)
    until(lambda: _rows(writer) > 0, 90, "a row")
    until(lambda: run.behind() == 0, 60, "the first tenth worked through")
    return worker, writer


def _rows(writer: Writer) -> int:
    rows = writer.ask("SELECT count(*) FROM hops") or [(0,)]
    return int(rows[0][0])


def test_a_writer_that_stands_still_holds_up_nobody(run: Run) -> None:
    """The worker goes on without it. What has piled up is more than the writer may hold: it takes
    it in as it gets on, and a span that is sent 800 times has one row."""
    worker, writer = _at_work(run)
    fat, run.others = pressure.fat(), pressure.FAT_SPANS
    with Meter({"worker": worker.pid, "writer": writer.pid}) as meter:
        for share, times in ((0.5, 1), (1, pressure.FAT_TIMES)):
            before = _rows(writer)
            with standing_still([writer.pid]):
                run.feed(share)
                run.stage.send([fat] * times)
                until(lambda: run.behind() == 0, 90, "the worker going on")
            until(lambda: _rows(writer) > before, 60, "the writer coming back")  # noqa: B023
        run.finish(writer)
    _bounded(meter, "writer", pressure.writer_mib())
    _bounded(meter, "worker", pressure.worker_mib(run.stage.settings))


def test_a_burst_is_taken_in_as_it_is_worked_through(run: Run) -> None:
    """Nine times as much as before is there at once, in records as large as can be. What comes
    after it is told as ever."""
    worker, writer = _at_work(run)
    padding = pressure.padding()
    with Meter({"worker": worker.pid, "writer": writer.pid}) as meter:
        with standing_still([worker.pid]):
            run.feed(0.9, padding)
            run.stage.send([padding] * pressure.PAD_TIMES)
        until(lambda: run.behind() == 0, 120, "the burst worked through")
        before = worker.figure("grantline_findings_total")
        run.feed(1)
        until(lambda: worker.figure("grantline_findings_total") > before, 30, "a finding")
        run.finish(writer)
    _bounded(meter, "worker", pressure.worker_mib(run.stage.settings))
    _bounded(meter, "writer", pressure.writer_mib())


STEADY = 9_000
A_SECOND = 1_500.0
FLOOD = 30_000


def test_a_broker_that_stands_still_again_and_again(
    fresh_broker: Broker, load: Load, tmp_path: Path
) -> None:
    """Nobody gives up or forgets: agents, worker and writer hold what they have room for, and go
    on. Of a flood that is more than its queue holds, an agent's library counts what it lost."""
    processes = of_broker(fresh_broker)
    if not processes:
        pytest.skip(f"its process cannot be stopped from here: {fresh_broker.name}")
    with running(fresh_broker, load, tmp_path) as run:
        worker, writer = _at_work(run)
        before = _rows(writer)
        emitter = Emitter(run.stage.settings, tmp_path, STEADY, A_SECOND, FLOOD)
        run.stage.processes.append(emitter)
        until(lambda: _rows(writer) > before, 60, "a row of the emitter's")
        pids = {"worker": worker.pid, "writer": writer.pid, "emitter": emitter.pid}
        with Meter(pids) as meter:
            for share in (0.3, 0.5):
                _stand_still(run, processes.values(), share)
            until(lambda: len(emitter.counted()) == 1, 60, "the steady part")
            _stand_still(run, processes.values(), 0.7, emitter.flood)
            assert emitter.wait(90) == 0, run.stage.last_words()
        steady, flooded = emitter.counted()
        assert steady == {"emitted": STEADY, "delivered": STEADY, "lost": 0}
        assert flooded["emitted"] == STEADY + FLOOD == flooded["delivered"] + flooded["lost"]
        assert flooded["lost"] > 0
        run.others = flooded["delivered"]
        run.finish(writer)
    _bounded(meter, "emitter", pressure.emitter_mib())
    _bounded(meter, "worker", pressure.worker_mib(run.stage.settings))
    _bounded(meter, "writer", pressure.writer_mib())


def _stand_still(
    run: Run, processes: Iterable[int], share: float, also: Callable[[], None] = lambda: None
) -> None:
    """The broker does, while more is sent to it; then the worker catches up."""
    with standing_still(processes):
        run.feed(share)
        also()
        # Shorter than a consumer's session, longer than any buffer's linger.
        time.sleep(3)
    until(lambda: run.behind() == 0, 60, "the worker catching up")


def _bounded(meter: Meter, name: str, bound: float) -> None:
    rise = meter.rise_mib(name)
    print(f"{name}: {rise:.0f} MiB more than at rest, {bound:.0f} may be")
    assert rise < bound, f"{name}: {rise:.0f} MiB more than at rest, {bound:.0f} may be"
