"""What may be set on a worker: every default, its unit and its reason.

`grantline.settings` reads these from files and the environment; nothing here reads anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from grantline.dialects.people import Persons
from grantline.model.policy import Policy

DAY = 86_400.0


class TopicNames(msgspec.Struct, frozen=True):
    """The topics we own."""

    hops: str = "delegation.hops"
    tokens: str = "delegation.tokens"
    findings: str = "delegation.findings"
    rejected: str = "delegation.rejected"
    incidents: str = "delegation.incidents"
    actions: str = "delegation.actions"


class Feed(msgspec.Struct, frozen=True):
    """What an input topic holds that is no OTLP."""

    format: str
    """Name of a source (`grantline.sources`)."""
    issuer: str | None = None
    """Whose log it is, where its records do not say."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker. Workers with the same `application` and `bootstrap` share the load."""

    bootstrap: str
    """`host:port`, several separated by commas."""
    security: dict[str, str] = {}
    """librdkafka's security settings (`security.protocol`, `sasl.*`, `ssl.ca.location`); what
    Faust's client needs is derived from them."""
    application: str = "grantline"
    """Consumer group, and the name in Faust's logs."""

    input_topics: tuple[str, ...] = ("otlp_spans",)
    """Created with `partitions` where the broker does not have them, never altered."""
    input_pattern: str | None = None
    """Regular expression: existing topics that match in full are read too. New ones are seen
    once a minute."""
    sources: dict[str, Feed] = {}
    """Topics of foreign logs, read beside those of spans, and created like them."""
    persons: Persons = Persons()
    """How people are named that logs tell of: as emitters do."""
    topics: TopicNames = TopicNames()
    partitions: int = 12
    """Of the keyed topics; the upper limit of workers that share the load. Fixed for the life of
    the topics: another count sends keys elsewhere."""
    replication: int = -1
    """Replication factor of created topics; -1 is the broker's default."""

    lateness_retention_seconds: float = 7 * DAY
    """Retention of hops and tokens. State is folded from them again after a restart, so this must
    exceed the longest chain plus `policy.lateness_seconds`; recovery time grows with it."""
    findings_retention_seconds: float = 90 * DAY
    rejected_retention_seconds: float = 30 * DAY

    policy: Policy = Policy()

    web_host: str = "127.0.0.1"
    """The pages have no authentication; open them to others on purpose only."""
    web_port: int | None = 6066
    """None for no web server. Each worker of one machine needs its own."""
    datadir: Path = Path(".grantline")
    """Faust makes a directory even where it keeps nothing in it."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    session_timeout_seconds: float = 10.0
    """A worker that is silent for so long is taken for dead and its partitions move; until then the
    group waits for it, whoever joins. The thread that beats is not the one that works."""
    heartbeat_seconds: float = 3.0
    """At most a third of the session timeout."""
    poll_timeout_seconds: float = 300.0
    """A worker that does not come back for records for so long is taken for stuck."""
    commit_seconds: float = 1.0
    """Between commits: what a crashed worker does again. A commit costs a flush of 5 to 10 ms."""
    tick_seconds: float = 1.0
    """Between looks at the clock where no records come: how late a finding on absence may be.
    Where one is due, an empty frame is written, so that time has its place in the log too."""
    delivery_seconds: float = 300.0
    """How long results may wait for a broker that is down before the worker gives up."""
    snapshot_seconds: float | None = 60.0
    """Between two snapshots of one partition's state: a restart folds again what came since. One
    of a million live hops is some 250 MB in all, written in turn. None for none."""
    snapshot_dir: Path | None = None
    """Where they are; None is `snapshots` in `datadir`. Workers that share it take over one
    another's partitions without folding the whole log."""
    hot_hops: int = 20_000
    """Hops whose chains are kept as objects, of all partitions; some 1.6 kB each, twice: in chains
    and in tokens. The rest is packed, and a hop that names it pays for unpacking."""
    memory_ceiling_mb: int = 4_096
    """Of live state, in all. Above it what ends first is let go before its time, and said so."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    """Of what the worker writes. Azure Event Hubs takes gzip only."""
    fetch_bytes: int = 4 << 20
    """A partition a fetch: a few deliveries of a megabyte."""
    buffered_deliveries: int = 16
    """A topic; Faust's default of 4096 events would pull a whole backlog into memory, since an
    event is up to a megabyte here."""

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ValueError(f"partitions must be 1 or more, not {self.partitions}")
        if not self.input_topics and self.input_pattern is None:
            raise ValueError("no input: name input_topics or an input_pattern")
        if self.heartbeat_seconds * 3 > self.session_timeout_seconds:
            raise ValueError(
                f"heartbeat_seconds ({self.heartbeat_seconds:g}) must be at most a third of "
                f"session_timeout_seconds ({self.session_timeout_seconds:g})"
            )
        if self.lateness_retention_seconds < self.policy.lateness_seconds:
            raise ValueError(
                f"lateness_retention_seconds ({self.lateness_retention_seconds:g}) is below the "
                f"policy's lateness_seconds ({self.policy.lateness_seconds:g}): state could not "
                "be rebuilt after a restart"
            )
