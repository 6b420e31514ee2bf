"""The variables: `bootstrap` is `GRANTLINE_BOOTSTRAP`. Units are in the names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from grantline import kafka_security
from grantline.dialects.people import Persons
from grantline.model.policy import Policy
from grantline.settings import feeds
from grantline.settings.policy_file import read_policy

PREFIX: Final = "GRANTLINE_"

_HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])"
_BOOTSTRAP = re.compile(rf"{_HOST}:\d{{1,5}}(?:,\s*{_HOST}:\d{{1,5}})*", re.ASCII)
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}", re.ASCII)
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,100}", re.ASCII)
_PREFIX = re.compile(r"[a-zA-Z0-9._-]{0,200}", re.ASCII)
_NAME_IS = "letters, digits, '.', '_' and '-'"
_MEMORY = re.compile(r"\d+(?:\.\d+)?\s*(?:[KMGT]i?B)", re.ASCII | re.IGNORECASE)


def _matches(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"should be {what}")
        return text

    return AfterValidator(check)


def _names(text: Any) -> Any:
    if not isinstance(text, str):
        return text or ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not _TOPIC.fullmatch(name) or name in {".", ".."}:
            raise ValueError("should be topic names separated by commas")
    return names


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as why:
        raise ValueError(f"should be a regular expression: {why}") from None
    return text


def _replicas(count: int) -> int:
    if count == 0:
        raise ValueError("should be -1, or 1 and more")
    return count


Port = Annotated[int, Field(ge=1, le=65_535)]
Days = Annotated[float, Field(gt=0, le=36_500)]


class Settings(BaseSettings):
    """An empty variable is as good as none; `none` switches off what has no value otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_parse_none_str="none",
        # Every value is text until its own validator has read it: errors name the variable.
        enable_decoding=False,
        extra="ignore",
        frozen=True,
    )

    bootstrap: Annotated[str, _matches(_BOOTSTRAP, "host:port[,host:port]")] = "127.0.0.1:9092"
    """Kafka: host:port[,host:port]."""
    kafka: Annotated[dict[str, str], BeforeValidator(kafka_security.parse)] = Field(
        default={}, repr=False
    )
    """JSON: security.protocol, ssl.* and sasl.* as librdkafka has them."""
    application: Annotated[str, _matches(_NAME, _NAME_IS)] = "grantline"
    """Consumer group of the workers; the writer's and the alert process's begin with it."""
    topic_prefix: Annotated[str, _matches(_PREFIX, _NAME_IS)] = "delegation."
    """Of our topics: delegation.hops, .tokens, .findings and .rejected."""
    data_dir: Path = Path(".grantline")
    """Where processes keep their files."""
    policy: Path | None = None
    """TOML file with the rules' thresholds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    pure: bool = False
    """Do without the compiled decoder: slower, and the same otherwise."""

    input_topics: Annotated[tuple[str, ...], BeforeValidator(_names)] = ("otlp_spans",)
    """Topics of spans, separated by commas, created where the broker does not have them; or none,
    where there is a GRANTLINE_INPUT_PATTERN."""
    input_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """Regular expression: existing topics that match in full are read too."""
    sources: Annotated[dict[str, tuple[str, str | None]], BeforeValidator(feeds.parse)] = {}
    """Topics of foreign logs: topic=format, or topic=format@issuer, separated by commas."""
    subject_key: Annotated[SecretStr, AfterValidator(feeds.check_key)] | None = None
    """kid:hex of the key under which agents name people (their subject_key); logs' people get the same names."""
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Of our topics, and of input topics we create; fixed for their life."""
    replication: Annotated[int, Field(ge=-1, le=32_767), AfterValidator(_replicas)] = -1
    """Replicas of topics we create; -1 is the broker's default."""
    hops_retention_days: Days = 7.0
    """Of hops and tokens, from which a restarted worker rebuilds its state; more than
    the policy's lateness_seconds."""
    findings_retention_days: Days = 90.0
    """Of findings."""
    rejected_retention_days: Days = 30.0
    """Of the reasons why spans could not be read."""
    web_host: str = "127.0.0.1"
    """Where the worker's pages are; they ask for no password."""
    web_port: Port | None = 6066
    """Of the worker's pages: each worker of one machine its own, or none."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    """Of what the worker, `watch` and (zstd, unless this is set) an agent write: none, gzip, snappy, lz4
    or zstd. Azure Event Hubs takes gzip only."""
    session_timeout_seconds: Annotated[float, Field(ge=1, le=1_800)] = 10.0
    """A worker that is silent for so long is taken for dead."""
    poll_timeout_seconds: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """A worker that takes no records for so long is taken for stuck."""
    delivery_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """How long results may wait for a broker that is down before the worker gives up."""
    commit_seconds: Annotated[float, Field(ge=0.05, le=300)] = 1.0
    """Between commits: what a crashed worker does again."""
    tick_seconds: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    """How late a finding on absence may be where no spans come."""
    snapshot_seconds: Annotated[float, Field(ge=1, le=86_400)] | None = 60.0
    """Between snapshots of a partition's state, which a restarted worker goes on from; or none."""
    snapshot_dir: Path | None = None
    """Where snapshots are; none is one in GRANTLINE_DATA_DIR. Workers should share it."""
    hot_hops: Annotated[int, Field(ge=1_000, le=100_000_000)] = 20_000
    """Hops whose chains are kept unpacked: faster, at some 3 kB each."""
    memory_ceiling_mb: Annotated[int, Field(ge=64, le=1 << 24)] = 4_096
    """Of a worker's live state; above it what ends first is let go before its time."""
    fetch_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 30)] = 4 << 20
    """Of one partition in one fetch."""
    buffered_deliveries: Annotated[int, Field(ge=1, le=4_096)] = 16
    """Of one topic in memory, up to a megabyte each."""

    store: Path = Path(".grantline/lineage.duckdb")
    """The lineage database."""
    store_memory: Annotated[str, _matches(_MEMORY, "a size, such as 2GB")] | None = None
    """Of the writer and all queries, such as 2GB; none is DuckDB's 80 % of the machine."""
    store_threads: Annotated[int, Field(ge=1, le=1_024)] | None = None
    """Cores of the writer and all queries; none is half of the machine's."""
    live_host: str = "127.0.0.1"
    """Where the writer serves live SQL."""
    live_port: Port = 9494
    """Of live SQL."""
    live_token: SecretStr | None = None
    """What analysts must know to connect; none makes one up at each start."""

    webhook_url: SecretStr | None = None
    """Where alerts are posted."""
    webhook_key: SecretStr | None = None
    """Signs each post with HMAC-SHA256."""
    pagerduty_key: SecretStr | None = None
    """Integration key of a PagerDuty service (Events API v2) that is told, too."""
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    """Of PagerDuty; another one for its EU region."""
    alertmanager_url: SecretStr | None = None
    """Of a Prometheus Alertmanager that is told, too; without /api/v2."""
    slack_token: SecretStr | None = None
    """Token of a Slack bot (`chat:write`) that posts, too."""
    slack_channel: str = ""
    """Id of the Slack channel that it posts to."""
    slack_url: str = "https://slack.com/api"
    """Of Slack's Web API."""
    alert_lowest: Literal["medium", "high", "critical"] = "medium"
    """The least severity that is told: medium, high or critical."""
    metrics_host: str = "127.0.0.1"
    """Where the alert process shows its metrics."""
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Prometheus metrics of the alert process; 0 is any free port, none shows none."""

    @model_validator(mode="after")
    def _some_input(self) -> Self:
        if not (self.input_topics or self.sources) and self.input_pattern is None:
            raise ValueError(
                f"{PREFIX}INPUT_TOPICS is none, so the worker needs an {PREFIX}INPUT_PATTERN"
            )
        return self

    def persons(self) -> Persons:
        """How people are named whom logs tell of."""
        return feeds.persons(self.subject_key)

    def read_policy(self) -> Policy:
        """The rules' thresholds: those of the file, and the defaults for the rest."""
        return Policy() if self.policy is None else read_policy(self.policy)


PROCESSES: Final = {
    "bootstrap": "every process",
    "input_topics": "worker",
    "store": "writer",
    "webhook_url": "alert",
}
"""The first setting of each group, and whose group it is."""

SECRET: Final = frozenset(
    {
        *("kafka", "live_token", "subject_key", "webhook_url", "webhook_key"),
        *("pagerduty_key", "alertmanager_url", "slack_token"),
    }
)
"""Never shown whole."""
