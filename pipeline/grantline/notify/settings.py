"""Everything the alert process can be told, with defaults and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from grantline.alerts.decide import Alerting
from grantline.alerts.ongoing import Rhythm
from grantline.alerts.threshold import FLOOR
from grantline.model.finding import Severity
from grantline.notify.backoff import Backoff
from grantline.ports import Notifier

LEDGER_FILE: Final = "alerts.sqlite3"


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSettings:
    """Where findings come from, and who is told."""

    bootstrap: str
    """Kafka bootstrap servers, `host:port[,host:port...]`."""
    data_dir: Path
    """Where the ledger lives: a local disk, kept over restarts, for this process alone."""
    notifiers: tuple[Notifier, ...]
    """Each by a name of its own, which is the key of what it has been told."""
    topic: str = "delegation.findings"
    incidents: str = "delegation.incidents"
    """Topic that every change of an incident is written to."""
    actions: str = "delegation.actions"
    """Topic of what people did; what became of it is written there, too."""
    group: str = "grantline-alert"
    """Consumer group: offsets are committed to it for lag displays; the ledger's are the truth."""
    lowest: Severity = FLOOR
    """The least severity that is told to anyone."""
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further librdkafka settings, such as `security.protocol` and `sasl.password`."""
    backoff: Backoff = field(default_factory=Backoff)
    rhythm: Rhythm = field(default_factory=Rhythm)
    """When an incident that goes on, is quiet or is over is told of again."""
    gather_seconds: float = 0.3
    """How long the first message of an incident waits for what belongs on it."""
    keep_days: float = 120.0
    """How long a finding is remembered after its last message. Longer than the topic keeps it:
    a replay of something forgotten is told again."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    """TCP port of Prometheus metrics; 0 takes a free one, None serves none."""

    @property
    def alerting(self) -> Alerting:
        """The settings as the pure stages read them."""
        names = tuple(notifier.name for notifier in self.notifiers)
        return Alerting(destinations=names, lowest=self.lowest, rhythm=self.rhythm)
