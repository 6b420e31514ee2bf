"""Reads `delegation.findings` as on-call would, and notes when each finding could be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Consumer, TopicPartition

from grantline.model.finding import Finding

TOPIC = "delegation.findings"


class Seen(NamedTuple):
    """A finding as it was last read."""

    finding: Finding
    status: str
    """`detected`, `amended` or `retracted`."""
    latency_ms: float
    """From the violating span's start until the finding could be read."""
    confirmed_ms: float | None = None
    """Until no other report of the same call was waited for, where one was."""


class Watch:
    """A reader in a thread of its own; calls `tell` for every new finding and retraction."""

    def __init__(self, bootstrap: str, tell: Callable[[Seen], None]) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "grantline-demo", "fetch.wait.max.ms": 20}
        )
        self._tell = tell
        self._seen: dict[str, Seen] = {}
        self._said: list[Finding] = []
        self._changed = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)

    def __enter__(self) -> Self:
        partitions = self._consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        self._consumer.assign([TopicPartition(TOPIC, number, 0) for number in partitions])
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def until(self, count: int, seconds: float, quiet_seconds: float) -> list[Finding]:
        """Every message, once there are `count` open findings and then `quiet_seconds` of silence."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            is_open = sum(seen.finding.status == "open" for seen in self._seen.values())
            if is_open >= count and time.monotonic() - self._changed > quiet_seconds:
                break
            time.sleep(0.1)
        return list(self._said)

    def _read(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            self._take(Finding.model_validate_json(message.value() or b""), time.time())

    def _take(self, finding: Finding, now: float) -> None:
        self._said.append(finding)
        before = self._seen.get(finding.id)
        latency_ms = (now - datetime.fromisoformat(finding.last_seen).timestamp()) * 1000
        retracted = finding.status == "retracted"
        status = "retracted" if retracted else "amended" if before else "detected"
        seen = Seen(finding, status, latency_ms)
        self._changed = time.monotonic()
        if before is not None and before.finding.provisional and not retracted:
            seen = Seen(finding, "detected", before.latency_ms, latency_ms)
        self._seen[finding.id] = seen
        # Like on-call, a person is not told what a witness may still explain. An amendment is
        # worth a line where it shows more of the chain, not where it counts on.
        silent = finding.provisional or (retracted and before and before.finding.provisional)
        more = status != "amended" or (before and before.finding.path != finding.path)
        if not silent and (more or seen.confirmed_ms is not None):
            self._tell(seen)
