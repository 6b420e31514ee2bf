"""Faults on real Apache Kafka: worker, writer and broker die, and nobody can tell from the result.

Each case sends the same load through a pipeline of real processes; findings, rows and rejections
at its end are those of the run that nothing happened to.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.brokers import Broker
from tests.faults import Load, Outcome, Run, running, same
from tests.faults import load as make_load
from tests.processes import Writer
from tests.stage import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def load() -> Load:
    return make_load()


@pytest.fixture(scope="module")
def undisturbed(broker: Broker, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes out when nothing happens."""
    with running(broker, load, tmp_path_factory.mktemp("undisturbed")) as run:
        run.stage.worker()
        return run.finish(run.stage.writer())


@pytest.fixture
def run(broker: Broker, load: Load, tmp_path: Path) -> Iterator[Run]:
    with running(broker, load, tmp_path) as made:
        yield made


def test_nothing_happens(undisturbed: Outcome, load: Load) -> None:
    """The measure itself: as many of each as one engine in one process makes of the load."""
    assert len(undisturbed.findings) == len(load.findings) > 50
    assert len(undisturbed.hops) == load.hops > 3_000
    assert len(undisturbed.rejected) == load.rejected > 15


WORKING = (
    ("grantline_hops_total", 1),
    ("grantline_findings_total", 1),
    ("grantline_commits_total", 3),
    ("grantline_replayed_records_total", 1),
    ("grantline_resolved_hops_total", 1),
)
"""When the worker is killed: once this figure of its own is so high."""


def test_a_worker_killed_again_and_again(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL with work at hand and results on their way; the next worker goes on from the last
    commit, which waited for the results before it."""
    writer = run.stage.writer()
    for number, (name, figure) in enumerate(WORKING):
        worker = run.stage.worker("slow")
        run.feed((2 * number + 1) / 11)
        until(lambda: worker.figure(name) >= figure, 60, name)  # noqa: B023
        run.feed((2 * number + 2) / 11)
        run.stage.flush()
        time.sleep(0.05 * number)
        worker.kill()
        assert run.behind() > 0
    run.stage.worker()
    same(run.finish(writer), undisturbed)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_second_worker_joins_and_leaves(run: Run, undisturbed: Outcome, end: str) -> None:
    """It takes a share of the partitions; told to go or killed, it leaves it to the first, which
    works on and folds nothing again that it kept."""
    writer, first = run.stage.writer(), run.stage.worker()
    every = 2 * run.stage.settings.partitions
    until(lambda: first.partitions() == every, 40, "an assignment")
    run.feed(0.3)
    second = run.stage.worker()
    until(lambda: 0 < second.partitions() < every, 40, "a share for the second worker")
    run.feed(0.6)
    until(lambda: second.figure("grantline_hops_total") > 0, 40, "work for the second worker")
    assert first.partitions() + second.partitions() == every
    assert first.figure("grantline_replayed_records_total") == 0
    run.feed(0.8)
    run.stage.flush()
    getattr(second, end)()
    assert second.status == {"stop": 0, "kill": -signal.SIGKILL}[end]
    until(lambda: first.partitions() == every, 40, "the whole for the first worker")
    same(run.finish(writer), undisturbed)


STORED = {
    "hops written": {False},
    "before the commit": {False},
    "in the commit": {False, True},
    "after the commit": {True},
}
"""Moment of a transaction -> whether what it wrote is in the file when the writer died there."""


def test_a_writer_killed_in_every_moment_of_a_transaction(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL while rows were written that nobody else could see: they are gone with it, and the
    next writer reads them again. Rows that were committed stay."""
    run.stage.worker()
    for number, moment in enumerate([*STORED, *STORED], 1):
        writer = run.stage.writer(moment)
        run.feed(number / 10)
        assert writer.wait(60) == -signal.SIGKILL, run.stage.last_words()
        inside, outside = writer.seen()
        assert (inside > outside) == (moment != "after the commit")
        stored = _hops_in(run.stage.home / "lineage.duckdb")
        assert stored in {inside, outside}
        assert (stored == inside) in STORED[moment]
    same(run.finish(run.stage.writer()), undisturbed)


def _hops_in(path: Path) -> int:
    with duckdb.connect(str(path)) as file:
        [(count,)] = file.execute("SELECT count(*) FROM hops").fetchall()
        return int(count)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_ends_and_comes_back(
    fresh_broker: Broker, load: Load, undisturbed: Outcome, tmp_path: Path, end: str
) -> None:
    """SIGTERM and SIGKILL with work at hand. Meanwhile what is stored can be asked; afterwards the
    writer goes on, and the worker, or the next one where it gave up."""
    with running(fresh_broker, load, tmp_path) as run:
        writer, worker = run.stage.writer(), run.stage.worker()
        run.feed(0.3)
        until(lambda: worker.figure("grantline_findings_total") > 0, 60, "a finding")
        until(lambda: _answers(writer), 20, "a row")
        run.feed(0.6)
        run.stage.flush()
        getattr(fresh_broker, end)()
        run.feed(0.8)
        time.sleep(2)
        assert _answers(writer)
        fresh_broker.start()
        run.stage.flush()
        if worker.status is not None:
            assert worker.status == 1
            run.stage.worker()
        same(run.finish(writer), undisturbed)


def _answers(writer: Writer) -> bool:
    rows = writer.ask("SELECT count(*) FROM hops")
    return rows is not None and rows[0][0] > 0
