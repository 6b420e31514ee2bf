"""What the pipeline finds in what emitters told: each party with an emitter of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from grantline.emit import Emitter
from grantline.emit.testing import Capture, capture
from grantline.model.finding import Finding
from grantline.model.policy import Policy
from grantline.replay import replay


class Parties:
    """Services by name, and what a replay of all they told finds."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._captures: dict[str, Capture] = {}

    def __getitem__(self, service: str) -> Emitter:
        if service not in self._captures:
            self._captures[service] = self._stack.enter_context(capture(service_name=service))
        return self._captures[service].emitter

    def findings(self, **policy: Any) -> list[Finding]:
        spans = [fact.span for seen in self._captures.values() for fact in seen.facts()]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "spans.pb"
            path.write_bytes(encode_spans(spans).SerializeToString())
            return list(replay([path], Policy(**policy)).findings)

    def said(self, **policy: Any) -> list[str]:
        """Severity, reference and explanation of each finding, sorted."""
        return sorted(
            f"{f.severity} {f.reference} {f.explanation}" for f in self.findings(**policy)
        )


@contextmanager
def parties() -> Iterator[Parties]:
    with ExitStack() as stack:
        yield Parties(stack)
