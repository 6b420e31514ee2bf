"""What `configure()` takes, for editors and type checkers; `Settings` says what each means.

A test holds these names and types equal to those of `Settings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from opentelemetry.sdk.trace.export import SpanExporter

from grantline.emit.canonical import Key
from grantline.emit.settings import SubjectMode


class SettingKeywords(TypedDict, total=False):
    """One key per setting."""

    service_name: str
    exporter: str | SpanExporter | None
    kafka: Mapping[str, str] | None
    workload_id: str | None
    fingerprint_key: Key | None
    subject_mode: SubjectMode
    subject_key: Key | None
    fail_closed: bool
    strict: bool
    baggage_allow: Sequence[str]
    propagate: bool
    test_tokens: bool
    resource: Mapping[str, str]
    queue_size: int
    schedule_delay_ms: int
    export_timeout: float
    exit_timeout: float
    known_tokens: int
