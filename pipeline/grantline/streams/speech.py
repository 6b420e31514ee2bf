"""Speech: what the worker says, sent and counted.

Turns the outcomes of folds and of ingest into records on the outlet. Decides nothing about
their content; the clock is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable

from grantline.model.finding import Finding
from grantline.ports import Clock, RejectedRow
from grantline.streams.folds import Change
from grantline.streams.messages import Addresses, finding_message, rejected_message
from grantline.streams.metrics import Metrics
from grantline.streams.outgoing import Outgoing
from grantline.streams.outlet import Outlet


class Speech:
    """Everything that leaves the worker goes through here."""

    def __init__(
        self, addresses: Addresses, outlet: Outlet, metrics: Metrics, clock: Clock
    ) -> None:
        self._addresses = addresses
        self._outlet = outlet
        self._metrics = metrics
        self._clock = clock

    def frames(self, frames: Iterable[Outgoing]) -> None:
        for frame in frames:
            self._metrics.count("grantline_frames_total", topic=frame.topic)
            self._outlet.send(frame)

    def findings(self, findings: Iterable[tuple[Change, Finding]]) -> None:
        for change, finding in findings:
            self._metrics.count("grantline_findings_total", rule=finding.rule, status=change)
            now_ms = self._clock.now_ms()
            self._outlet.send(finding_message(finding, change, self._addresses, now_ms))

    def rejected(self, rows: Iterable[RejectedRow]) -> None:
        for row in rows:
            self._metrics.count("grantline_rejected_total", reason=row.reason)
            self._outlet.send(rejected_message(row, self._addresses))
