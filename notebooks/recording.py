"""A day told by the real emitting library, at times of our choosing, as an OTLP file.

The library stamps a span with the present; a story needs its own clock. So each service has a
real emitter that keeps its spans in memory, and the times are set when they are written. Ids are
drawn from a fixed seed: the same story gives the same file. Tokens are visibly fake.
"""

from __future__ import annotations

import base64
import json
import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline.emit import Emitter, Settings
from grantline.emit.testing import fake_token

SPANS_A_REQUEST = 40
"""Spans in one line of the file: what a Collector would have batched."""
_HEX = frozenset({"traceId", "spanId", "parentSpanId"})


class Recording:
    """`recording.tell("bank", at).use(...)`: one service states one fact, at that time."""

    def __init__(self, seed: int) -> None:
        # OpenTelemetry draws span ids from the shared generator, so that one is seeded and, at
        # the end, put back.
        self._before = random.getstate()
        random.seed(seed)
        self._spans: dict[str, InMemorySpanExporter] = {}
        self._emitters: dict[str, Emitter] = {}
        self._moments: defaultdict[str, list[datetime]] = defaultdict(list)

    def tell(self, service: str, at: datetime) -> Emitter:
        """The emitter of `service`, for exactly one fact, which happens `at`."""
        if service not in self._emitters:
            self._spans[service] = InMemorySpanExporter()
            instance = {"service.instance.id": f"{service}-1"}
            self._emitters[service] = Emitter(
                Settings(service_name=service, exporter=self._spans[service], resource=instance)
            )
        self._moments[service].append(at)
        return self._emitters[service]

    def write(self, path: Path, spans_a_request: int = SPANS_A_REQUEST) -> int:
        """Everything told so far as JSON lines, one export request each; how many spans."""
        told: list[tuple[int, ReadableSpan]] = []
        for service, emitter in self._emitters.items():
            emitter.flush()
            spans = self._spans[service].get_finished_spans()
            moments = [int(at.timestamp() * 1e6) * 1000 for at in self._moments[service]]
            told += zip(moments, spans, strict=True)
        told.sort(key=lambda one: one[0])
        with path.open("w", encoding="utf-8") as file:
            for start in range(0, len(told), spans_a_request):
                request = _request(told[start : start + spans_a_request])
                file.write(json.dumps(request, separators=(",", ":")) + "\n")
        return len(told)

    def close(self) -> None:
        for emitter in self._emitters.values():
            emitter.shutdown()
        random.setstate(self._before)


class Tokens:
    """An authorization server's tokens (RFC 9068, RFC 8693), with a signature that says it is none."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._count = 0

    def issue(
        self, subject: str, actors: tuple[str, ...], *, scope: str, audience: str | list[str],
        at: datetime, hours: float,
    ) -> str:  # fmt: skip
        """A token for the last of `actors`, who acts for `subject` through those before it."""
        self._count += 1
        claims: dict[str, Any] = {
            "iss": self._issuer, "sub": subject, "client_id": actors[-1], "aud": audience,
            "scope": scope, "jti": f"fake-{self._count:03}", "iat": int(at.timestamp()),
            "exp": int((at + timedelta(hours=hours)).timestamp()),
        }  # fmt: skip
        act: dict[str, Any] = {}
        for actor in actors if len(actors) > 1 else ():
            act = {"iss": self._issuer, "sub": actor} | ({"act": act} if act else {})
        return fake_token(**claims, **({"act": act} if act else {}))


def _request(told: list[tuple[int, ReadableSpan]]) -> Any:
    """One OTLP/JSON export request: protobuf's JSON, but with the ids in hex."""
    moments = {span.context.span_id.to_bytes(8, "big"): at for at, span in told}
    request = encode_spans([span for _, span in told])
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.start_time_unix_nano = span.end_time_unix_nano = moments[span.span_id]
    return _hexed(MessageToDict(request, use_integers_for_enums=True))


def _hexed(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(below).hex() if name in _HEX else _hexed(below)
        for name, below in value.items()
    }
