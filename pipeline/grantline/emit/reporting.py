"""Exporters that know what became of each span, and say so themselves."""

from __future__ import annotations

from abc import abstractmethod

from opentelemetry.sdk.trace.export import SpanExporter

from grantline.emit.tally import Tally


class ReportingExporter(SpanExporter):
    """Others only tell yes or no of a whole batch."""

    @abstractmethod
    def report_to(self, tally: Tally) -> None:
        """Count what is delivered and lost in this tally."""

    @abstractmethod
    def give_up_at(self, deadline: float) -> None:
        """Wait for nothing past `deadline` (time.monotonic seconds)."""
