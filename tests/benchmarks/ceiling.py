"""The ceiling: a plain confluent-kafka loop that decodes with the same decoder, nothing else.

`python -m tests.benchmarks.ceiling` (see `tests.benchmarks.reader`) says when it was done
(monotonic clock) and how many spans it decoded.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from confluent_kafka import Message

from grantline.wire.otlp import decode
from tests.benchmarks import reader
from tests.benchmarks.contender import Contender, Measured
from tests.benchmarks.expected import Different, Expected
from tests.benchmarks.load import Load
from tests.brokers import Broker


def measure(broker: Broker, load: Load, _expected: Expected, name: str) -> Measured:
    """Until the last span is decoded."""
    read = reader.run(broker, load, name, "ceiling", __name__)
    said = json.loads(read.line)
    if said["spans"] != load.spans:
        raise Different(f"the ceiling decoded {said['spans']} spans, not {load.spans}")
    return Measured(said["at"] - read.begin, read.used)


CONTENDER = Contender("ceiling", "consumes and decodes, nothing else", measure)


def main() -> None:
    bootstrap, topic, warm, every = sys.argv[1:]
    messages = reader.Topic(bootstrap, topic).messages()
    seen = _decode(messages, int(warm))
    print("ready", flush=True)
    spans = _decode(messages, int(every) - seen)
    reader.done(json.dumps({"at": time.monotonic(), "spans": spans}))


def _decode(messages: Iterator[Message], spans: int) -> int:
    seen = 0
    while seen < spans:
        message = next(messages)
        seen += len(decode(message.value() or b"", None, message.timestamp()[1]).hops)
    return seen


if __name__ == "__main__":
    main()
