"""Metrics: every name there is, in one typed list that is also the documentation.

mypy refuses a name that is not in the list; a test holds that each has its kind, labels and
words. Faust's own figures count deliveries, not spans, which is why these exist beside them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

Name = Literal[
    "grantline_records_total",
    "grantline_hops_total",
    "grantline_passed_over_total",
    "grantline_flagged_hops_total",
    "grantline_rejected_total",
    "grantline_findings_total",
    "grantline_frames_total",
    "grantline_resolved_hops_total",
    "grantline_commits_total",
    "grantline_commit_failures_total",
    "grantline_produce_failures_total",
    "grantline_live",
    "grantline_replay_remaining_records",
    "grantline_replayed_records_total",
    "grantline_lag_records",
    "grantline_ready",
    "grantline_snapshots_total",
    "grantline_snapshot_failures_total",
    "grantline_snapshot_bytes",
    "grantline_decoder",
]


class Spec(NamedTuple):
    """What one metric says."""

    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    words: str


METRICS: dict[Name, Spec] = {
    "grantline_records_total": Spec("counter", ("topic",), "Records worked through."),
    "grantline_hops_total": Spec("counter", (), "Delegation spans taken in by ingest."),
    "grantline_passed_over_total": Spec(
        "counter", (), "Spans that are not delegation spans, passed over by ingest."
    ),
    "grantline_flagged_hops_total": Spec(
        "counter",
        ("flag",),
        "Hops taken in whose span was odd: late, or an attribute put right or dropped.",
    ),
    "grantline_rejected_total": Spec(
        "counter", ("reason",), "Records and spans sent to delegation.rejected."
    ),
    "grantline_findings_total": Spec(
        "counter", ("rule", "status"), "Findings said: opened, amended or retracted."
    ),
    "grantline_frames_total": Spec("counter", ("topic",), "Frames sent to a keyed topic."),
    "grantline_resolved_hops_total": Spec(
        "counter", (), "Hops that named no root and were sent on once their token told it."
    ),
    "grantline_commits_total": Spec("counter", (), "Offset commits that the broker took."),
    "grantline_commit_failures_total": Spec(
        "counter", (), "Offset commits refused, as a rule because a rebalance came first."
    ),
    "grantline_produce_failures_total": Spec(
        "counter", ("topic",), "Records the broker did not take; each ends the worker."
    ),
    "grantline_live": Spec(
        "gauge", ("topic", "kind"), "What the engines hold: chains, hops, tokens, findings ..."
    ),
    "grantline_replay_remaining_records": Spec(
        "gauge", ("topic", "partition"), "Offsets still to be folded before a partition is live."
    ),
    "grantline_replayed_records_total": Spec(
        "counter", ("topic",), "Records folded again after a restart or a rebalance."
    ),
    "grantline_lag_records": Spec(
        "gauge", ("topic", "partition"), "Offsets between the end of the log and our place in it."
    ),
    "grantline_ready": Spec(
        "gauge", (), "1 when every assigned partition is live, 0 while state is rebuilt."
    ),
    "grantline_snapshots_total": Spec("counter", (), "Snapshots of a partition's state stored."),
    "grantline_snapshot_failures_total": Spec(
        "counter", (), "Snapshots that could not be stored; a restart folds the log instead."
    ),
    "grantline_snapshot_bytes": Spec(
        "gauge", ("topic", "partition"), "Size of the last snapshot of a partition."
    ),
    "grantline_decoder": Spec(
        "gauge", ("kind",), "1 for the decoder that reads OTLP protobuf: compiled or pure."
    ),
}

NAMES: tuple[Name, ...] = get_args(Name)


class Metrics:
    """The figures of one worker, in a registry of their own."""

    def __init__(self) -> None:
        # A creation time beside each counter would be a name that is not listed here.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        for name, spec in METRICS.items():
            if spec.kind == "counter":
                self._counters[name] = Counter(
                    name, spec.words, spec.labels, registry=self.registry
                )
            else:
                self._gauges[name] = Gauge(name, spec.words, spec.labels, registry=self.registry)

    def count(self, name: Name, by: float = 1, **labels: str) -> None:
        """Adds to a counter; a metric of the other kind is a `KeyError`."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(by)

    def show(self, name: Name, value: float, **labels: str) -> None:
        """Sets a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def forget(self, name: Name) -> None:
        """Drops all labelled values of a gauge: what it spoke of is no longer ours."""
        self._gauges[name].clear()

    def value(self, name: Name, **labels: str) -> float:
        """The present value; 0 where nothing was counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def exposition(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)
