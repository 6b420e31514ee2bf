"""Every setting of an emitter, its default and its unit, and the checks that name the culprit.

A wrong setting is a `ValueError` at start; no message quotes a key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, Unpack

from opentelemetry.sdk.trace.export import SpanExporter

from grantline.emit.canonical import Key
from grantline.spelling import instead

if TYPE_CHECKING:
    from grantline.emit.keywords import SettingKeywords

SubjectMode = Literal["raw", "hmac"]
_SUBJECT_MODES = ("raw", "hmac")
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})
_MIN_QUEUE = 8192
_MAX_DELAY_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `configure()` takes."""

    service_name: str = ""
    """The agent's own name (resource `service.name`); default: `OTEL_SERVICE_NAME`."""
    exporter: str | SpanExporter | None = field(default=None, repr=False)
    """`kafka://host:port[,host:port][/topic]`, `otlp://host[:port]`, `http(s)://...`,
    `grpc(s)://...` or an exporter; default: `GRANTLINE_EXPORTER`, else the standard
    `OTEL_EXPORTER_OTLP_*` variables."""
    kafka: Mapping[str, str] | None = field(default=None, repr=False)
    """`security.protocol`, `sasl.*` and `ssl.*` of a `kafka://` exporter, as librdkafka has them;
    default: the JSON of `GRANTLINE_KAFKA`, as every other process of Grantline reads it."""
    workload_id: str | None = None
    """Own workload identity (SPIFFE id ...), published as `presenter.id`; default: the
    service's name."""
    fingerprint_key: Key | None = None
    """HMAC fingerprints instead of SHA-256; the same key in every emitter, or nothing joins."""
    subject_mode: SubjectMode = "raw"
    """`hmac` publishes people under an HMAC of (issuer, subject), made with `subject_key`."""
    subject_key: Key | None = None
    fail_closed: bool = False
    """`grant` and `delegate` wait for delivery and raise `NotRecorded` without it."""
    strict: bool = False
    """Raise `Mistake` for what cannot be meant, instead of a warning: for development and tests;
    default: `GRANTLINE_STRICT` (1 or true)."""
    baggage_allow: Sequence[str] = ()
    """Hosts that may be told the current delegation beside our own (loopback, names of one label,
    `*.svc`, `*.svc.cluster.local`, `*.internal`); `*.corp.example.com` patterns allowed."""
    propagate: bool = True
    """Put a propagator around OpenTelemetry's, so that instrumented clients tell those hosts;
    without it only `inject()` and `receive()` carry the delegation."""
    test_tokens: bool = False
    """Read claims of unsigned (`alg: none`) tokens too. Never outside tests."""
    resource: Mapping[str, str] = field(default_factory=dict)
    """More resource attributes, such as `deployment.environment.name`."""
    queue_size: int = _MIN_QUEUE
    """Spans that may wait for the exporter; more are dropped and counted."""
    schedule_delay_ms: int = 200
    """Milliseconds a span waits for company before it is sent."""
    export_timeout: float = 30.0
    """Seconds one batch may take to be acknowledged before it counts as lost."""
    exit_timeout: float = 10.0
    """Seconds the end of the process may be held up for spans still waiting."""
    known_tokens: int = 4096
    """Tokens whose delegation the process remembers (fingerprints only)."""

    def __post_init__(self) -> None:
        if not self.service_name:
            name = os.environ.get("OTEL_SERVICE_NAME", "")
            object.__setattr__(self, "service_name", name)
        if not self.service_name or not isinstance(self.service_name, str):
            raise ValueError(
                "service_name is missing: pass configure(service_name=...) or set OTEL_SERVICE_NAME"
            )
        if not self.strict:
            object.__setattr__(self, "strict", _set("GRANTLINE_STRICT"))
        self._check_keys()
        self._check_numbers()
        if isinstance(self.baggage_allow, str):
            raise ValueError(  # noqa: TRY004 - one kind of error for a wrong setting
                "baggage_allow is a list of host patterns, not one string"
            )

    def _check_keys(self) -> None:
        for name in ("fingerprint_key", "subject_key"):
            value = getattr(self, name)
            if isinstance(value, bytes):
                object.__setattr__(self, name, Key(value))
            elif value is not None and not isinstance(value, Key):
                raise ValueError(f"{name}: give bytes or emit.Key(secret, kid)")
        if self.subject_mode not in _SUBJECT_MODES:
            raise ValueError(f"subject_mode {self.subject_mode!r}: use 'raw' or 'hmac'")
        if self.subject_mode == "hmac" and self.subject_key is None:
            raise ValueError("subject_mode='hmac' needs subject_key=emit.Key(secret, kid)")

    def _check_numbers(self) -> None:
        if self.queue_size < _MIN_QUEUE:
            raise ValueError(f"queue_size {self.queue_size}: at least {_MIN_QUEUE} spans")
        if not 1 <= self.schedule_delay_ms <= _MAX_DELAY_MS:
            raise ValueError(f"schedule_delay_ms {self.schedule_delay_ms}: 1 to {_MAX_DELAY_MS} ms")
        for name in ("export_timeout", "exit_timeout", "known_tokens"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")

    @classmethod
    def of(cls, **given: Unpack[SettingKeywords]) -> Settings:
        """The settings, from keywords. Raises `TypeError` for one that there is not."""
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise TypeError(f"no setting {name!r}; {instead(name, known)}")
        return cls(**given)

    def differing(self, other: Settings) -> list[str]:
        """Names of the settings in which two differ; never their values."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def _set(variable: str) -> bool:
    """Whether a variable of the environment says yes. Raises `ValueError` where it says neither."""
    said = os.environ.get(variable, "").strip().lower()
    if said not in _YES | _NO:
        raise ValueError(f"{variable}={said[:20]!r}: use 1 or 0")
    return said in _YES
