"""Everything the alert process can be told, with defaults and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from grantline.alerts.decide import Alerting
from grantline.alerts.route import Route
from grantline.alerts.threshold import FLOOR, checked
from grantline.model.finding import Severity
from grantline.notify.backoff import Backoff
from grantline.ports import Notifier

LEDGER_FILE: Final = "alerts.sqlite3"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A notifier and what it wants to hear. Its name is the key of what it has been told."""

    notifier: Notifier
    route: Route = field(default_factory=Route)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"destination name {self.name[:64]!r}: use up to 64 of a-z, 0-9, '_', '.', '-'"
            )

    @property
    def name(self) -> str:
        return self.notifier.name


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSettings:
    """Raises `ValueError`, naming the setting, for what cannot work."""

    bootstrap: str
    """Kafka bootstrap servers, `host:port[,host:port...]`."""
    data_dir: Path
    """Where the ledger lives: a local disk, kept over restarts, for this process alone."""
    destinations: tuple[Destination, ...]
    topic: str = "delegation.findings"
    group: str = "grantline-alert"
    """Consumer group: offsets are committed to it for lag displays; the ledger's are the truth."""
    lowest: Severity = FLOOR
    """The least severity that is told to anyone; medium or above."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a ledger that has read nothing begins. `latest` never tells what is there already."""
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further librdkafka settings, such as `security.protocol` and `sasl.password`."""
    backoff: Backoff = field(default_factory=Backoff)
    """Seconds between attempts."""
    keep_days: float = 120.0
    """How long a finding is remembered after its last message. Longer than the topic keeps it:
    a replay of something forgotten is told again."""
    grace_seconds: float = 12.0
    """How long a stopping process waits for notifications under way; above a webhook's time-out."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    """TCP port of Prometheus metrics; 0 takes a free one, None serves none."""

    def __post_init__(self) -> None:
        names = [destination.name for destination in self.destinations]
        if not names:
            raise ValueError("destinations: name at least one, or nobody is ever told anything")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"destinations: the name {min(twice)!r} is given twice")
        if not self.keep_days > 0:
            raise ValueError("keep_days: must be above 0")
        checked(self.lowest)

    @property
    def alerting(self) -> Alerting:
        """The settings as the pure stages read them."""
        routes = {destination.name: destination.route for destination in self.destinations}
        return Alerting(routes=routes, lowest=self.lowest)
