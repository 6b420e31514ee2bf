"""The ceiling: a plain confluent-kafka loop that decodes with the same decoder, nothing else.

Runs in a process of its own, as a worker would: `python -m tests.benchmarks.ceiling BOOTSTRAP
TOPIC WARM ALL` says `ready` after `WARM` hops; after `ALL` the time (monotonic clock) and its CPU seconds
between the two.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from grantline.wire.otlp import decode
from tests.benchmarks.broker import PARTITIONS, Source, new_topic, wipe
from tests.benchmarks.load import Load, warm_up

ROOT = Path(__file__).parents[2]
_SECONDS = 120.0


def measure(bootstrap: str, load: Load, name: str) -> tuple[float, float]:
    """Seconds from the first record produced to the last span decoded, and of CPU."""
    wipe(bootstrap)
    topic = new_topic(bootstrap, name)
    warm = warm_up()
    source = Source(bootstrap, topic)
    counts = [str(warm.spans), str(warm.spans + load.spans)]
    command = [sys.executable, "-m", "tests.benchmarks.ceiling", bootstrap, topic, *counts]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            for record in warm.records:
                source.send(record)
            source.flush()
            if child.stdout is None or child.stdout.readline() != "ready\n":
                raise RuntimeError("the ceiling's process has ended")
            begin = time.monotonic()
            for record in load.records:
                source.send(record)
            source.flush()
            end, cpu = child.stdout.readline().split()
            return float(end) - begin, float(cpu)
        finally:
            child.kill()


def main() -> None:
    bootstrap, topic, warm, every = sys.argv[1:]
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "ceiling", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    _decode(consumer, int(warm))
    print("ready", flush=True)
    used = time.process_time()
    _decode(consumer, int(every) - int(warm))
    print(time.monotonic(), time.process_time() - used, flush=True)
    consumer.close()


def _decode(consumer: Consumer, spans: int) -> None:
    ends = time.monotonic() + _SECONDS
    seen = 0
    while seen < spans and time.monotonic() < ends:
        for message in consumer.consume(100, timeout=0.1):
            seen += len(decode(message.value() or b"", None, message.timestamp()[1]).hops)
    if seen != spans:
        raise SystemExit(f"{seen} spans decoded, {spans} expected")


if __name__ == "__main__":
    main()
