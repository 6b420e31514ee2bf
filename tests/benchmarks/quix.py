"""The contender Quix Streams: starts its application, sends the load, checks its findings."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from confluent_kafka import Producer

from tests.benchmarks import quix_home
from tests.benchmarks.backlog import drain
from tests.benchmarks.broker import PARTITIONS, Findings, Source, new_topic, wipe
from tests.benchmarks.contender import Contender, Measured, last_at
from tests.benchmarks.expected import Different, Expected, check_equal, complete
from tests.benchmarks.load import Load, warm_up
from tests.brokers import Broker

ROOT = Path(__file__).parents[2]
NAME = "Quix Streams"
INPUT = "quix.spans"
FINDINGS = "quix.findings"
KEYED = ("quix.hops", "quix.tokens")
"""As in `quix_app`, which this process cannot import."""
_SECONDS = 600.0
_QUIET_SECONDS = 3.0
_WITNESSES_MS = 100_000
"""Longer than any witness may take, shorter than the grace for missing parents."""


class _Application:
    """The application's process."""

    def __init__(self, child: subprocess.Popen[str], log: IO[bytes]) -> None:
        self._child = child
        self._log = log
        self.pid = child.pid

    def progress(self) -> tuple[int, float]:
        """Hops judged so far, and when it was last busy."""
        if self._child.stdin is None or self._child.stdout is None:
            raise Different("no pipe to the application")
        try:
            self._child.stdin.write("?\n")
            self._child.stdin.flush()
            answer = json.loads(self._child.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self._log.seek(0)
            words = self._log.read()[-2000:].decode("utf-8", "replace")
            raise Different(f"Quix Streams ended; its last words:\n{words}") from None
        return answer["hops"], answer["last_at"]

    def await_quiet(self, hops: int) -> float:
        """When it was last busy, once `hops` are judged and nothing has come for a while."""
        ends = time.monotonic() + _SECONDS
        have = 0
        while time.monotonic() < ends:
            have, busy_at = self.progress()
            if have >= hops and time.monotonic() - busy_at > _QUIET_SECONDS:
                return busy_at
            time.sleep(0.1)
        raise Different(
            f"Quix Streams judged {have} hops in {_SECONDS:.0f} s, {hops} were expected"
        )


def measure(broker: Broker, load: Load, expected: Expected, name: str) -> Measured:
    """Until all spans are judged and all findings could be read."""
    bootstrap = broker.bootstrap
    wipe(bootstrap)
    for topic in (INPUT, FINDINGS, *KEYED):
        new_topic(bootstrap, topic)
    source, warm = Source(bootstrap, INPUT), warm_up()
    with _running(bootstrap, name) as app, Findings(bootstrap, FINDINGS) as findings:
        for record in warm.records:
            source.send(record)
        source.flush()
        app.await_quiet(warm.spans)
        before = app.progress()[0]
        with drain(broker, source, load, {"quix": app.pid}) as work:
            judged_at = app.await_quiet(before + load.spans)
            used = work.meter.read()
        _tick(bootstrap)
        findings.await_all(lambda said: complete(said, expected.findings), 30.0)
        said = list(findings.said)
    check_equal(expected.findings, [message.finding for message in said])
    end = max(judged_at, last_at(said, expected, work.begin))
    return Measured(end - work.begin, used, len(said))


CONTENDER = Contender(NAME, "the same pure engine, a message at a time", measure)


@contextmanager
def _running(bootstrap: str, group: str) -> Iterator[_Application]:
    with tempfile.TemporaryDirectory(prefix="grantline-bench-") as home:
        command = [quix_home.interpreter(), "-m", "tests.benchmarks.quix_app", bootstrap, group,
                   INPUT, FINDINGS, f"{home}/state"]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), f"{ROOT}/pipeline"))}
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            ) as child,
        ):  # fmt: skip
            try:
                yield _Application(child, log)
            finally:
                child.kill()


def _tick(bootstrap: str) -> None:
    """Tells every keyed partition that time has passed, so that nobody has to wait for it."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    now_ms = int(time.time() * 1000) + _WITNESSES_MS
    for topic in KEYED:
        for partition in range(PARTITIONS):
            producer.produce(topic, b"", partition=partition, timestamp=now_ms)
    if producer.flush(30):
        raise TimeoutError("the broker does not take the ticks")
