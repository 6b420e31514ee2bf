"""A worker that is started again under another policy takes back what holds no more, and says what
holds now: as the policy's doing, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from grantline.model.policy import Policy, digest
from grantline.rules.story import tell
from tests.brokers import Broker
from tests.processes import Worker
from tests.stage import Log, Stage, until
from tests.workers import POLICY, otlp

pytestmark = pytest.mark.timeout(300)

_STORY = """
alice grant planner token=a scopes=read
planner delegate worker from=a token=b scopes=read,own
planner delegate helper from=a token=c scopes=read,extra
planner delegate other from=a token=d scopes=read,own,more
"""
_POLICY = msgspec.structs.replace(POLICY, ignored_scopes=frozenset({"extra"}))
_OTHER = msgspec.structs.replace(POLICY, ignored_scopes=frozenset({"own"}))
"""What was gained before is gained no more, and what was ignored is a gain."""


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    with closing(Stage(broker.bootstrap, tmp_path)) as made:
        made.settings = msgspec.structs.replace(
            made.settings, snapshot_dir=tmp_path / "snapshots", snapshot_seconds=0.5
        )
        yield made


def _ready(stage: Stage, policy: Policy) -> Worker:
    stage.settings = msgspec.structs.replace(stage.settings, policy=policy)
    worker = stage.worker()
    until(lambda: worker.get("ready")[0] == 200, 60, "readiness")
    return worker


def _said(stage: Stage, log: Log) -> list[tuple[str, str, bool, str]]:
    return sorted((f.path[-1], f.status, f.policy_change, f.policy) for f in stage.findings(log))


def test_what_differs_is_said_once_and_as_the_policys_doing(stage: Stage) -> None:
    hops = tell(_STORY)[0]
    stage.send([otlp(hops[:3])])
    log = stage.log_of(stage.settings.topics.findings)
    worker = _ready(stage, _POLICY)
    until(lambda: len(stage.findings(log)) == 1, 60, "the first finding")
    worker.stop()
    worker = _ready(stage, _OTHER)
    until(lambda: len(stage.findings(log)) == 3, 60, "the difference")
    worker.stop()
    worker = _ready(stage, _OTHER)  # from a snapshot of its own
    stage.send([otlp(hops[3:])])
    until(lambda: len(stage.findings(log)) == 4, 60, "a finding on a new fact")
    worker.stop()
    before, after = digest(_POLICY), digest(_OTHER)
    assert _said(stage, log) == [
        ("helper", "open", True, after),
        ("other", "open", False, after),
        ("worker", "open", False, before),
        ("worker", "retracted", True, before),
    ]
