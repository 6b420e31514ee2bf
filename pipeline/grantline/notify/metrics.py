"""What the alert process counts: the names here are the documentation of `/metrics`.

Counters begin at nought with each process; the gauges are read from the ledger when asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from grantline.notify.ledger import Ledger

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3_600)


class Metrics:
    """One registry a process run, so that tests and restarts do not meet each other's counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.findings = Counter(
            "grantline_alert_findings",
            "Messages of the findings topic, by what became of them: taken (decided on), "
            "stale (a copy, or older than one taken), unreadable (not a finding this release "
            "knows: see the log for topic, partition and offset).",
            ["outcome"],
            registry=self.registry,
        )
        self.attempts = Counter(
            "grantline_alert_attempts",
            "Calls of a destination, by outcome: sent, retry (tried again later), refused "
            "(put among the dead letters), moot (took back what was never accepted; not sent).",
            ["destination", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "grantline_alert_delivery_seconds",
            "From the decision to tell a destination until it has taken it, seconds.",
            ["destination"],
            buckets=_SECONDS,
            registry=self.registry,
        )


class LedgerGauges(Collector):
    """What waits and what died, by destination, as the ledger has it at this moment."""

    def __init__(
        self, ledger: Ledger, names: Iterable[str], now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._names = tuple(names)
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        waiting, dead = self._ledger.waiting(), self._ledger.dead()
        label = ["destination"]
        count = GaugeMetricFamily(
            "grantline_alert_waiting", "States not yet told to a destination.", labels=label
        )
        age = GaugeMetricFamily(
            "grantline_alert_waiting_seconds", "Age of the oldest of them, seconds.", labels=label
        )
        graves = GaugeMetricFamily(
            "grantline_alert_dead", "States a destination refused for good.", labels=label
        )
        for name in sorted({*self._names, *waiting, *dead}):
            queue = waiting.get(name)
            count.add_metric([name], queue.letters if queue else 0)
            age.add_metric([name], max(0.0, self._now() - queue.oldest_ms / 1e3) if queue else 0)
            graves.add_metric([name], dead.get(name, 0))
        return count, age, graves
