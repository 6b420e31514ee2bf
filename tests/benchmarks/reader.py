"""Contenders that read one topic in a process of their own, and say a line when they are done.

Such a process is started with the bootstrap servers, the topic, how many spans to warm up with
and how many there are in all. It says `ready` after the former and its line after the latter,
then waits for the end of its standard input, so that what it used can still be read.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from tests.benchmarks.backlog import drain
from tests.benchmarks.broker import PARTITIONS, Source, arrived, new_topic, wipe
from tests.benchmarks.expected import Different
from tests.benchmarks.load import Load, warm_up
from tests.benchmarks.usage import Used
from tests.brokers import Broker

ROOT = Path(__file__).parents[2]
_SECONDS = 600.0


class Read(NamedTuple):
    """What came of one process."""

    line: str
    begin: float
    """When it was let go, on the monotonic clock."""
    used: dict[str, Used]


def run(broker: Broker, load: Load, topic: str, name: str, module: str, *more: str) -> Read:
    """Runs `module` as the process `name` on a backlog of `load`, until it says its line.

    `more` is added to its arguments. Raises `Different` where it ends before.
    """
    wipe(broker.bootstrap)
    new_topic(broker.bootstrap, topic)
    warm = warm_up()
    source = Source(broker.bootstrap, topic)
    command = [sys.executable, "-m", module, broker.bootstrap, topic, str(warm.spans),
               str(warm.spans + load.spans), *more]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            for record in warm.records:
                source.send(record)
            source.flush()
            if child.stdout is None or child.stdout.readline() != "ready\n":
                raise Different(f"{name} has not read the warm-up")
            with drain(broker, source, load, {name: child.pid}) as work:
                line = child.stdout.readline()
                used = work.meter.read()
            if not line:
                raise Different(f"{name} has not read every span")
            return Read(line, work.begin, used)
        finally:
            child.kill()


class Topic:
    """Inside such a process: the topic's records, from the first one on."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False}
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])

    def messages(self) -> Iterator[Message]:
        """One after the other; ends the process after ten minutes."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            yield from arrived(self._consumer, 0.1)
        raise SystemExit(f"not all there after {_SECONDS:.0f} s")


def done(line: str) -> None:
    """Inside such a process: says the line, and waits to be let go."""
    print(line, flush=True)
    sys.stdin.read()
