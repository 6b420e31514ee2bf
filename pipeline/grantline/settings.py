"""Every setting of the command line's processes, read from `GRANTLINE_*` variables.

The names here are the variables' names in lower case: `bootstrap` is `GRANTLINE_BOOTSTRAP`.
Thresholds of the rules live in one TOML file (`GRANTLINE_POLICY`), because they are reviewed
and versioned like code.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from grantline.model.policy import Policy


class BadSettings(ValueError):
    """A setting is missing or unusable; the text names it and says what it should be."""


class Settings(BaseSettings):
    """What the processes share. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="GRANTLINE_", extra="ignore", frozen=True)

    bootstrap: str = Field("127.0.0.1:9092", description="Kafka, host:port[,host:port]")
    kafka: dict[str, str] = Field(
        {}, repr=False, description="JSON: librdkafka security settings (security.protocol, sasl.*)"
    )
    data_dir: Path = Field(Path(".grantline"), description="where processes keep their files")
    store: Path = Field(Path(".grantline/lineage.duckdb"), description="the lineage database")
    policy: Path | None = Field(None, description="TOML file with the rules' thresholds")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    input_topics: tuple[str, ...] = Field(("otlp_spans",), description='JSON: ["otlp_spans"]')
    application: str = Field("grantline", description="consumer group of the workers")
    partitions: int = Field(12, ge=1, le=10_000, description="of the keyed topics, for life")
    replication: int = Field(-1, description="of created topics; -1 is the broker's default")
    session_timeout_seconds: float = Field(30.0, ge=1, description="until a silent worker is dead")
    web_host: str = "127.0.0.1"
    web_port: int | None = Field(6066, description="the worker's pages; each worker its own")

    live_host: str = Field("127.0.0.1", description="where the writer serves live SQL")
    live_port: int = Field(9494, ge=0, le=65_535)
    live_token: SecretStr | None = Field(None, description="what analysts must know to connect")

    webhook_url: SecretStr | None = Field(None, description="where alerts are posted")
    webhook_key: SecretStr | None = Field(None, description="signs each post with HMAC-SHA256")
    alert_lowest: Literal["medium", "high", "critical"] = "medium"
    metrics_port: int | None = Field(None, description="Prometheus metrics of the alert process")

    def read_policy(self) -> Policy:
        """The rules' thresholds: those of the file, and the defaults for the rest."""
        return Policy() if self.policy is None else _policy(self.policy)


def read() -> Settings:
    """The settings of this process. Raises `BadSettings`, naming each variable that is wrong."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as why:
        wrong = "; ".join(
            f"GRANTLINE_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in why.errors(include_input=False, include_url=False)
        )
        raise BadSettings(wrong) from None


def _policy(path: Path) -> Policy:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as why:
        raise BadSettings(f"GRANTLINE_POLICY: {path}: {why.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise BadSettings(f"GRANTLINE_POLICY: {path}: {why}") from None
    unknown = sorted(table.keys() - set(Policy.__struct_fields__))
    if unknown:
        known = ", ".join(Policy.__struct_fields__)
        raise BadSettings(
            f"GRANTLINE_POLICY: {path}: no threshold {unknown[0]!r}; there are {known}"
        )
    try:
        return msgspec.convert(table, Policy)
    except msgspec.ValidationError as why:
        text = re.sub(r" - at `\$\.(\w+).*`", r" (\1)", str(why))
        raise BadSettings(f"GRANTLINE_POLICY: {path}: {text}") from None
