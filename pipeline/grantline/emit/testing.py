"""For the tests of agents: see the facts they record, with tokens that are visibly fake.

with testing.capture() as seen:
    my_agent(seen.emitter)
assert [fact.operation for fact in seen.facts()] == ["grant", "use"]
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline.emit.emitter import Emitter
from grantline.emit.settings import Settings

if TYPE_CHECKING:
    from grantline.emit.keywords import SettingKeywords


@dataclass(frozen=True, slots=True)
class SeenFact:
    """One recorded span."""

    span: ReadableSpan

    @property
    def operation(self) -> str:
        return str(self["operation.name"])

    @property
    def attributes(self) -> Mapping[str, Any]:
        return dict(self.span.attributes or {})

    def __getitem__(self, name: str) -> Any:
        """`fact["token.jti"]`: the attribute by its name with or without `delegation.`."""
        found = self.attributes
        return found[name] if name in found else found[f"delegation.{name}"]

    def __repr__(self) -> str:
        """What a failed assertion shows: the attributes, not the span's place in memory."""
        return f"SeenFact({self.attributes})"

    def __contains__(self, name: str) -> bool:
        return name in self.attributes or f"delegation.{name}" in self.attributes


class Capture:
    """An emitter that keeps its spans in memory."""

    def __init__(self, settings: Settings, exporter: InMemorySpanExporter) -> None:
        self.emitter = Emitter(settings)
        self._exporter = exporter

    def facts(self) -> list[SeenFact]:
        """Everything recorded so far, in order."""
        self.emitter.flush()
        return [SeenFact(span) for span in self._exporter.get_finished_spans()]


@contextmanager
def capture(**settings: Unpack[SettingKeywords]) -> Iterator[Capture]:
    """An emitter for one test, shut down after it; `strict=True` raises for mistakes."""
    exporter = InMemorySpanExporter()
    wanted: SettingKeywords = {"service_name": "agent-under-test", "test_tokens": True}
    wanted.update(settings)
    wanted["exporter"] = exporter
    seen = Capture(Settings.of(**wanted), exporter)
    try:
        yield seen
    finally:
        seen.emitter.shutdown()


def fake_token(header: Mapping[str, Any] | None = None, /, **claims: Any) -> str:
    """A JWT with these claims and a signature that says it is none."""
    parts = ({"alg": "ES256", "typ": "at+jwt", **(header or {})}, claims)
    encoded = [_encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts]
    return ".".join([*encoded, _encode(b"fake-signature-for-tests")])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
