"""A worker that is started again under another policy: what it says, and what it leaves as it stood.

The log is folded anew under the new policy: snapshots of another one are passed over. What was said
of facts that were judged before stays as it was said; what comes is judged by the new policy. That is
less than issue 11, section 5 asks for (decision "A policy is a value").
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

pytestmark = pytest.mark.timeout(180)

_STORY = """
alice grant planner token=a scopes=read
planner delegate worker from=a token=b scopes=read,own
planner delegate helper from=a token=c scopes=read,own
planner delegate other from=a token=d scopes=read,more
"""
_MILD = msgspec.structs.replace(POLICY, ignored_scopes=frozenset({"own"}))


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


def _said(stage: Stage, log: Log) -> list[tuple[str, str, str]]:
    return [(f.path[-1], f.status, f.policy) for f in stage.findings(log)]


def test_what_was_said_stands_and_what_comes_is_judged_anew(stage: Stage) -> None:
    hops = tell(_STORY)[0]
    stage.send([otlp(hops[:2])])
    log = stage.log_of(stage.settings.topics.findings)
    worker = _ready(stage, POLICY)
    until(lambda: len(stage.findings(log)) == 1, 60, "the first finding")
    worker.stop()
    worker = _ready(stage, _MILD)
    stage.send([otlp(hops[2:])])
    until(lambda: len(stage.findings(log)) == 2, 60, "the finding under the new policy")
    worker.stop()
    assert _said(stage, log) == [
        ("worker", "open", digest(POLICY)),  # ... and no retraction: nothing asks again
        ("other", "open", digest(_MILD)),
    ]
