"""What the alert process counts: the names here are the documentation of `/metrics`.

Counters begin at nought with each process; the gauges are read from the ledger when asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from grantline.notify.ledger import Ledger
from grantline.notify.letters import Queue


class Metrics:
    """One registry a process run, so that tests and restarts do not meet each other's counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.findings = Counter(
            "grantline_alert_findings",
            "Records of the findings topic: taken, or unreadable (not a finding this release "
            "knows: see the log for topic, partition and offset).",
            ["outcome"],
            registry=self.registry,
        )
        self.actions = Counter(
            "grantline_alert_actions",
            "Records of the actions topic: read, or unreadable (`grantline alert --list-dead`).",
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


class LedgerGauges(Collector):
    """What waits and what died, by destination, as the ledger has it at this moment."""

    def __init__(
        self, ledger: Ledger, names: Iterable[str], now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._names = tuple(names)
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        queues = self._ledger.queues()
        label = ["destination"]
        count = GaugeMetricFamily(
            "grantline_alert_waiting", "States not yet told to a destination.", labels=label
        )
        age = GaugeMetricFamily(
            "grantline_alert_waiting_seconds", "Age of the oldest of them, seconds.", labels=label
        )
        dead = GaugeMetricFamily(
            "grantline_alert_dead", "States set aside, which a destination refuses.", labels=label
        )
        for name in sorted({*self._names, *queues}):
            queue = queues.get(name, Queue(0, None, 0))
            oldest = self._now() if queue.oldest_ms is None else queue.oldest_ms / 1e3
            count.add_metric([name], queue.waiting)
            age.add_metric([name], max(0.0, self._now() - oldest))
            dead.add_metric([name], queue.dead)
        return count, age, dead
