"""Progress of keyed partitions while workers come and go: the longest time in which one stood still.

Empty frames go to every partition all the time; the workers' pages say how far each is. A partition
that moves makes progress again when its new worker is beyond where the old one was.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from grantline.wire.frames import encode_hops
from tests.benchmarks.pipeline import KEYED, page

PROBES_A_SECOND = 40
TP = tuple[str, int]


class Progress:
    """Watches while the block lasts."""

    def __init__(self, bootstrap: str, partitions: int, *urls: str) -> None:
        """`urls`: the pages of the workers that are there."""
        self._tps = [(topic, number) for topic in KEYED for number in range(partitions)]
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
        self._stopping = threading.Event()
        self._seen: dict[TP, tuple[int, float]] = {}
        self._gaps: dict[TP, float] = {}
        self._threads = [threading.Thread(target=self._probe, daemon=True)]
        self._lock = threading.Lock()
        for url in urls:
            self._threads.append(self._watcher(url))

    def watch(self, url: str) -> None:
        """Another worker."""
        thread = self._watcher(url)
        self._threads.append(thread)
        thread.start()

    def gaps(self) -> dict[TP, float]:
        """Seconds, by partition; some 1 / `PROBES_A_SECOND` where nothing stood still."""
        return dict(self._gaps)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _watcher(self, url: str) -> threading.Thread:
        return threading.Thread(target=self._watch, args=(url,), daemon=True)

    def _probe(self) -> None:
        empty = encode_hops(())
        while not self._stopping.wait(1 / PROBES_A_SECOND):
            for topic, partition in self._tps:
                self._producer.produce(topic, empty, partition=partition)
            self._producer.poll(0)
        self._producer.flush(10)

    def _watch(self, url: str) -> None:
        while not self._stopping.wait(0.01):
            try:
                folds = page(f"{url}/ready")["partitions"]
            except OSError:
                continue  # it has only just been started
            now = time.monotonic()
            with self._lock:
                for fold in folds:
                    self._note((fold["topic"], fold["partition"]), fold.get("next_offset", 0), now)

    def _note(self, tp: TP, offset: int, now: float) -> None:
        before, at = self._seen.get(tp, (0, now))
        if offset > before:
            self._gaps[tp] = max(self._gaps.get(tp, 0.0), now - at)
            self._seen[tp] = (offset, now)
