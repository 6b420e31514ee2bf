"""The way out: a queue that counts what it drops, before any OpenTelemetry span exporter.

The stock batch processor drops the oldest span of a full queue and only logs it; here the
newest is refused before it enters, so that every span is either delivered or counted, and a
grant that is already queued is not pushed out by a flood of uses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from grantline.emit.errors import NotRecorded
from grantline.emit.reporting import ReportingExporter
from grantline.emit.settings import Settings
from grantline.emit.tally import Tally

_BATCH = 512
"""Spans a request, at most: about a megabyte before compression."""
_LAST_WAIT = 1.0
"""Seconds for the last reports to come in after the end was called."""
_OPERATION = "delegation.operation.name"
_MUST_ARRIVE = frozenset({"grant", "delegate"})


class Outlet(SpanExporter):
    """Counts what the wrapped exporter delivers and loses, and lets one call in at a time."""

    def __init__(self, exporter: SpanExporter, tally: Tally) -> None:
        self._exporter = exporter
        self._tally = tally
        # The Kafka exporter knows the fate of each record; others only tell yes or no.
        self._counts = not isinstance(exporter, ReportingExporter)
        if isinstance(exporter, ReportingExporter):
            exporter.report_to(tally)
        self._closing_at: float | None = None
        self._abandoned = False
        self.reset()

    def reset(self) -> None:
        """Forget what the parent process had under way (after a fork)."""
        self._turn = threading.Lock()
        self._room = threading.Lock()
        self._waiting = 0

    def admit(self, limit: int) -> bool:
        """Take one span into the queue, unless `limit` are waiting already."""
        with self._room:
            if self._waiting >= limit:
                return False
            self._waiting += 1
            return True

    @property
    def waiting(self) -> int:
        return self._waiting

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export queued spans; never raises."""
        with self._turn:
            return self._settle(spans, *self._attempt(spans), queued=True)

    def deliver(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans that were never queued, in the caller's thread; never raises."""
        with self._turn:
            return self._settle(spans, *self._attempt(spans), queued=False)

    def _attempt(self, spans: Sequence[ReadableSpan]) -> tuple[SpanExportResult, str | None]:
        """The result, and the reason to count the spans under if nobody else does."""
        if self._closing_at is not None and time.monotonic() > self._closing_at:
            return SpanExportResult.FAILURE, "exit_timeout"
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - somebody else's exporter
            self._tally.error("export", error)
            result = SpanExportResult.FAILURE
        return result, "export_failed" if self._counts else None

    def _settle(
        self,
        spans: Sequence[ReadableSpan],
        result: SpanExportResult,
        reason: str | None,
        *,
        queued: bool,
    ) -> SpanExportResult:
        """Count the spans and let them go in one step, so that none is counted twice."""
        with self._room:
            if self._abandoned:
                return result
            self._waiting -= len(spans) if queued else 0
            if result is not SpanExportResult.SUCCESS:
                if reason is not None:
                    self._tally.dropped(len(spans), reason)
            elif self._counts:
                self._tally.delivered(len(spans))
        return result

    def close_by(self, deadline: float) -> None:
        """From now on, give up on batches at `deadline` (time.monotonic seconds)."""
        self._closing_at = deadline
        if isinstance(self._exporter, ReportingExporter):
            self._exporter.give_up_at(deadline)

    def shutdown(self) -> None:
        """Close the exporter; one that still hangs in an export is told to stop."""
        ended = self._turn.acquire(timeout=_LAST_WAIT if not self._counts else 0)
        try:
            self._exporter.shutdown()
        finally:
            if ended:
                self._turn.release()

    def abandon(self) -> None:
        """Count what is still under way as lost, once; nobody waits for it any more."""
        if self._turn.acquire(timeout=_LAST_WAIT):
            self._turn.release()
        with self._room:
            self._abandoned = True
            left, self._waiting = self._waiting, 0
            if isinstance(self._exporter, ReportingExporter):
                self._exporter.report_to(Tally())
            self._tally.dropped(left, "exit_timeout")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Queue(BatchSpanProcessor):
    """The stock batch processor behind a gate that counts."""

    def __init__(self, outlet: Outlet, settings: Settings, tally: Tally) -> None:
        super().__init__(
            outlet,
            max_queue_size=settings.queue_size,
            schedule_delay_millis=settings.schedule_delay_ms,
            max_export_batch_size=_BATCH,
            export_timeout_millis=settings.export_timeout * 1000,
        )
        self._outlet, self._settings, self._tally = outlet, settings, tally
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it takes and sends nothing any more."""
        return self._closed

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do: a delegation span has all its attributes when it starts."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span; in fail-closed mode deliver grants and delegations at once."""
        if self._closed:
            self._tally.dropped(1, "after_shutdown")
            if self._must_arrive(span):
                raise NotRecorded("the emitter is shut down: nothing is recorded any more")
        elif self._must_arrive(span):
            if self._outlet.deliver((span,)) is not SpanExportResult.SUCCESS:
                raise NotRecorded(
                    f"no acknowledgement for {span.name!r}: the exporter could not deliver it"
                )
        elif self._outlet.admit(self._settings.queue_size):
            super().on_end(span)
        else:
            self._tally.dropped(1, "queue_full")

    def _must_arrive(self, span: ReadableSpan) -> bool:
        return (
            self._settings.fail_closed and (span.attributes or {}).get(_OPERATION) in _MUST_ARRIVE
        )

    def shutdown(self) -> None:
        """Deliver what waits for at most `exit_timeout` seconds; count what is left."""
        if self._closed:
            return
        self._closed = True
        self._outlet.close_by(time.monotonic() + self._settings.exit_timeout)
        # The processor's own shutdown() waits 30 s for an exporter that hangs. Were this name
        # to go, the longer wait is what is left of it.
        processor = getattr(self, "_batch_processor", None)
        if processor is not None:
            processor.shutdown(timeout_millis=1000 * (self._settings.exit_timeout + _LAST_WAIT))
        else:
            super().shutdown()  # type: ignore[no-untyped-call]
        self._outlet.abandon()
