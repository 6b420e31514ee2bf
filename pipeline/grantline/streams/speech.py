"""Speech: what the worker says, sent and counted.

Turns the outcomes of folds and of ingest into records on the outlet. Decides nothing about
their content; the clock is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grantline.model.hop import Hop
from grantline.ports import Clock, RejectedRow
from grantline.streams.folds import News
from grantline.streams.frames import Framing
from grantline.streams.ingest import Place, Taken, crashed, refused
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

    def taken(self, taken: Taken) -> None:
        """What ingest made of a delivery."""
        self._metrics.count("grantline_hops_total", taken.hops)
        self._metrics.count("grantline_passed_over_total", taken.passed_over)
        self._frames(taken.frames)
        self.rejected(taken.rejected)

    def news(self, news: News, place: Place) -> None:
        """What a fold brought at one place of its log."""
        for change, finding in news.findings:
            self._metrics.count("grantline_findings_total", rule=finding.rule, status=change)
            now_ms = self._clock.now_ms()
            self._outlet.send(finding_message(finding, change, self._addresses, now_ms))
        if news.hops:
            self._resolved(news.hops, place)

    def rejected(self, rows: Iterable[RejectedRow]) -> None:
        for row in rows:
            self._metrics.count("grantline_rejected_total", reason=row.reason)
            self._outlet.send(rejected_message(row, self._addresses))

    def _resolved(self, hops: Sequence[Hop], place: Place) -> None:
        framing = Framing(self._addresses)
        rows: list[RejectedRow] = []
        for index, hop in enumerate(hops):
            try:
                framing.add(hop)
            except Exception as fault:  # noqa: BLE001 (one hop must not cost its neighbours)
                rows.append(crashed(fault, place, -2 - index, hop))
            else:
                self._metrics.count("grantline_resolved_hops_total")
        self._frames(list(framing.records()))
        self.rejected((*rows, *refused(framing, [(place, hops)])))

    def _frames(self, frames: Sequence[Outgoing]) -> None:
        for frame in frames:
            self._metrics.count("grantline_frames_total", topic=frame.topic)
            self._outlet.send(frame)
