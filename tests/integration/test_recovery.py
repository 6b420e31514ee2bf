"""Recovery on real Apache Kafka: whatever a worker was at when it was killed, the next one knows what
it knew, and says what it would have said.

Each case sends the same load through a pipeline of real processes; findings, rows and rejections
at its end are those of the run that nothing happened to.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from grantline.streams import topics
from tests.brokers import Broker
from tests.deaths import MOMENTS
from tests.faults import Load, Outcome, Run, running, same
from tests.faults import load as make_load
from tests.processes import Worker
from tests.stage import Stage, until
from tests.workers import records, story

pytestmark = pytest.mark.timeout(300)

_SPANS = 2_000
_OFTEN = 0.5
"""Seconds between snapshots."""
_SELDOM = 3_600.0
"""Seconds between snapshots where only the last one, at an orderly end, is wanted."""


@pytest.fixture(scope="module")
def load() -> Load:
    return make_load(_SPANS)


@pytest.fixture(scope="module")
def undisturbed(broker: Broker, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes out when nothing happens."""
    with _running(broker, load, tmp_path_factory.mktemp("undisturbed")) as run:
        _ready(run.stage.worker())
        return run.finish(run.stage.writer())


@pytest.fixture
def run(broker: Broker, load: Load, tmp_path: Path) -> Iterator[Run]:
    with _running(broker, load, tmp_path) as made:
        yield made


def _running(broker: Broker, load: Load, home: Path) -> AbstractContextManager[Run]:
    """Workers share their snapshots, and take one of each partition within half a second."""
    return running(broker, load, home, snapshot_dir=home / "snapshots", snapshot_seconds=_OFTEN)


def _set(stage: Stage, **settings: object) -> None:
    """Of the workers that are started from now on."""
    stage.settings = msgspec.structs.replace(stage.settings, **settings)


def _snapshots(stage: Stage) -> Path:
    return stage.home / "snapshots"


def _ready(worker: Worker) -> Worker:
    until(lambda: worker.get("ready")[0] == 200, 60, "readiness")
    return worker


def _stored(run: Run, least: int = 1) -> None:
    """Until so many partitions have their snapshot."""
    folder = _snapshots(run.stage)
    until(lambda: len(list(folder.glob("*.snapshot"))) >= least, 40, "snapshots")


def test_killed_in_mid_stream(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL again and again, with work at hand and snapshots behind what is committed: the next
    worker goes on from them and folds only what came since."""
    writer = run.stage.writer()
    for number in range(2):
        worker = _ready(run.stage.worker("slow"))
        run.feed((2 * number + 1) / 5)
        # So that what the snapshots hold is most of it, on a busy machine, too.
        until(lambda: run.behind() == 0, 40, "the first part")
        until(lambda: worker.figure("grantline_snapshots_total") > 3, 40, "snapshots")  # noqa: B023
        time.sleep(2 * _OFTEN)
        run.feed((2 * number + 2) / 5)
        run.stage.flush()
        time.sleep(0.1 * number)
        worker.kill()
        assert run.behind() > 0
    last = _ready(run.stage.worker())
    until(lambda: last.restored().partitions == 2 * run.stage.settings.partitions, 10, "a report")
    restored = last.restored()
    assert restored.from_snapshots > 3
    assert restored.spared > restored.folded
    same(run.finish(writer), undisturbed)


def test_killed_in_every_moment_of_a_snapshot(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL with half of a file written, with all of it written beside its place, and with it
    just put there: what is in the place is whole, and what is not is taken away by the next."""
    writer, folder = run.stage.writer(), _snapshots(run.stage)
    moments = [moment for moment in MOMENTS if moment.startswith("snapshot")]
    assert len(moments) == 3
    for number, moment in enumerate(moments, 1):
        left = set(folder.glob("*.partial"))
        worker = _ready(run.stage.worker(f"{moment} 4"))
        run.feed(number / 4)
        assert worker.wait(60) == -signal.SIGKILL, run.stage.last_words()
        new = set(folder.glob("*.partial")) - left
        assert len(new) == (moment != "snapshot in its place")
    last = _ready(run.stage.worker())
    until(lambda: last.restored().from_snapshots > 0, 10, "a report")
    same(run.finish(writer), undisturbed)
    assert not any("is damaged" in log.read_text() for log in run.stage.home.glob("worker-*.log"))
    assert not list(folder.glob("*.partial"))


def test_a_worker_that_joins_is_killed_on_its_way(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL when it was told its partitions, and when it has the state of one: the worker that
    was there takes them back, from the snapshots."""
    writer, there = run.stage.writer(), _ready(run.stage.worker())
    run.feed(0.4)
    _stored(run, 4)
    for number, moment in enumerate(("partitions assigned 1", "state restored 2")):
        joins = run.stage.worker(moment)
        run.feed(0.6 + 0.2 * number)
        assert joins.wait(60) == -signal.SIGKILL, run.stage.last_words()
        _holds_all(run, there)
    until(lambda: there.restored().from_snapshots > 0, 10, "a report")
    same(run.finish(writer), undisturbed)


def test_a_worker_is_killed_while_another_one_joins(run: Run, undisturbed: Outcome) -> None:
    """SIGKILL when its partitions are revoked, and when it is told which it keeps: the one that
    joins takes all of them, from the snapshots of the one that died."""
    writer, there = run.stage.writer(), _ready(run.stage.worker("partitions revoked 1"))
    run.feed(0.4)
    _stored(run, 4)
    for number, moment in enumerate(("partitions assigned 2", "real")):
        joins = run.stage.worker(moment)
        run.feed(0.6 + 0.2 * number)
        assert there.wait(60) == -signal.SIGKILL, run.stage.last_words()
        _holds_all(run, joins)
        until(lambda: joins.restored().from_snapshots > 0, 10, "a report")  # noqa: B023
        there = joins
    same(run.finish(writer), undisturbed)


def _holds_all(run: Run, worker: Worker) -> None:
    every = 2 * run.stage.settings.partitions
    until(lambda: worker.partitions() == every, 60, "the whole for the one that is left")
    _ready(worker)


def test_stopped_and_started_again(run: Run, undisturbed: Outcome) -> None:
    """SIGTERM: the last snapshots are stored before the group is left, so that nothing is folded
    again: not by the next worker, and not by one that takes partitions over."""
    _set(run.stage, snapshot_seconds=_SELDOM)
    writer, first = run.stage.writer(), _ready(run.stage.worker())
    run.feed(0.4)
    until(lambda: first.figure("grantline_findings_total") > 0, 40, "a finding")
    run.stage.flush()
    assert first.stop() == 0, run.stage.last_words()
    second = _ready(run.stage.worker())
    every = 2 * run.stage.settings.partitions
    until(lambda: second.restored().partitions == every, 10, "a report")
    assert second.restored().folded == 0
    assert second.restored().spared > 0
    assert second.figure("grantline_replayed_records_total") == 0

    third = run.stage.worker()
    until(lambda: 0 < third.partitions() < every, 40, "a share for the third worker")
    _ready(third)
    run.feed(0.7)
    until(lambda: third.figure("grantline_records_total") > 20, 40, "work for the third worker")
    assert third.stop() == 0, run.stage.last_words()
    _holds_all(run, second)
    assert second.figure("grantline_replayed_records_total") == 0
    same(run.finish(writer), undisturbed)


def test_topics_deleted_and_made_anew(run: Run, undisturbed: Outcome) -> None:
    """Under their old names: neither the snapshots nor the commits of the old ones are believed,
    though their offsets would fit."""
    stage, settings = run.stage, run.stage.settings
    worker = _ready(stage.worker())
    stage.send(records([hop for number in range(20) for hop in story(number)], seed=5))
    until(lambda: worker.figure("grantline_findings_total") > 20, 40, "findings")
    assert worker.stop() == 0, stage.last_words()
    _stored(run)
    old = shutil.copytree(_snapshots(stage), stage.home / "old")
    _delete_all(stage)
    stage.make_input()
    topics.ensure(settings)
    _commit_everywhere(stage, 10_000)

    writer, worker = stage.writer(), _ready(stage.worker())
    run.feed(0.7)
    run.stage.flush()
    until(lambda: run.behind() == 0, 60, "all of it worked through")
    assert worker.stop() == 0, stage.last_words()
    assert "but 10000 is committed: read from 0" in worker.log.read_text()
    shutil.copytree(old, _snapshots(stage), dirs_exist_ok=True)

    last = _ready(stage.worker())
    assert "that was deleted since" in last.log.read_text()
    same(run.finish(writer), undisturbed)


def _delete_all(stage: Stage) -> None:
    client = AdminClient({"bootstrap.servers": stage.bootstrap, "log_level": 0})
    names = [spec.name for spec in topics.specs(stage.settings)]
    for done in client.delete_topics(names).values():
        done.result(timeout=30)
    until(lambda: not set(names) & client.list_topics(timeout=10).topics.keys(), 30, "deletion")


def _commit_everywhere(stage: Stage, offset: int) -> None:
    names = stage.settings.topics
    group = Consumer(
        {
            "bootstrap.servers": stage.bootstrap,
            "group.id": stage.settings.application,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    group.commit(
        offsets=[
            TopicPartition(topic, number, offset)
            for topic in (stage.input, names.hops, names.tokens)
            for number in range(stage.settings.partitions)
        ],
        asynchronous=False,
    )
    group.close()
