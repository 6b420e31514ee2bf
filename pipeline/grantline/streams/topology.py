"""The topology: three agents and two timers. They move records and decide nothing.

    otlp_spans -> ingest -> delegation.hops   -> chains -> delegation.findings
                         -> delegation.tokens -> tokens -> delegation.findings
                                                        -> hops whose root was found, as ingest

Each agent works through one delivery at a time and acknowledges it last (`noack`): Faust's own
acknowledgement also happens when an agent raises, and would lose the delivery. Whatever raises
here ends the worker before the next commit; nothing is committed that was not worked through.
Hops on their way to the keyed topics are gathered while further deliveries wait (`gathering`);
`hand_on` sends them, at the latest before a commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, cast

import faust
from faust.types import EventT

from grantline.ports import Clock, RejectedRow
from grantline.streams.custody import TP, Custody
from grantline.streams.deliveries import Delivery, Record
from grantline.streams.folds import NOTHING, Fold
from grantline.streams.frames import FRAME_HEADERS
from grantline.streams.gathering import Gathering
from grantline.streams.ingest import Ingest
from grantline.streams.merging import MergeScheduler
from grantline.streams.metrics import Metrics, Name
from grantline.streams.outgoing import Outgoing
from grantline.streams.outlet import Outlet
from grantline.streams.settings import WorkerSettings
from grantline.streams.speech import Speech
from grantline.wire.frames import BadFrame, encode_hops

log = logging.getLogger(__name__)

WHOLE_RECORD = -1
_ASK_AGAIN_SECONDS = 10.0
_YIELD_SECONDS = 0.02
"""How long an agent may keep the event loop to itself."""


class Agents:
    """What the agents share. One event loop runs them all; nothing here needs a lock."""

    def __init__(
        self,
        *,
        custody: Custody,
        outlet: Outlet,
        speech: Speech,
        metrics: Metrics,
        ingest: Ingest,
        arriving: Gathering,
        resolved: Gathering,
        clock: Clock,
    ) -> None:
        """`arriving` and `resolved` gather the hops that came, and those whose root was found."""
        self.custody = custody
        self.outlet = outlet
        self.speech = speech
        self.metrics = metrics
        self.clock = clock
        self._ingest = ingest
        self._arriving = arriving
        self._resolved = resolved
        self._told: dict[TP, tuple[int, float]] = {}

    def declare(self, app: faust.App, inputs: Sequence[str], settings: WorkerSettings) -> None:
        """Declares topics and agents on `app`."""
        names = settings.topics
        for name, topics, work in (
            ("ingest", inputs, self.ingest),
            ("chains", [names.hops], self.fold),
            ("tokens", [names.tokens], self.fold),
        ):
            # Values are deliveries: only the raw codec hands them on untouched.
            topic = app.topic(*topics, key_serializer="raw", value_serializer="raw")
            app.agent(topic, name=name, concurrency=1)(_working(app, name, topics, work))

    async def ingest(self, tp: TP, delivery: Delivery, more: bool) -> None:
        """OTLP in, frames and rejections out. `more`: another delivery waits."""
        await self.outlet.room()
        records = self.custody.take(tp, delivery)
        if records:
            taken = self._ingest.take(*tp, records)
            for place, hops, size in taken.hops:
                self._arriving.add(place, hops, size)
            self.metrics.count("grantline_passed_over_total", taken.passed_over)
            for flag, count in taken.flags.items():
                self.metrics.count("grantline_flagged_hops_total", count, flag=flag)
            self.speech.rejected(taken.rejected)
            self.metrics.count("grantline_records_total", len(records), topic=tp[0])
        self.custody.done(tp, delivery.end)
        if not more or self._arriving.enough:
            self._hand_on(self._arriving, "grantline_hops_total")

    async def fold(self, tp: TP, delivery: Delivery, more: bool) -> None:
        """Frames into the state of their partition, what that brings out."""
        await self.outlet.room()
        fold = self.custody.folds.get(tp)
        if fold is None:
            return
        turn = time.monotonic()
        for record in self.custody.take(tp, delivery):
            self._fold_one(tp, fold, record)
            if time.monotonic() - turn > _YIELD_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        if not more or self._resolved.enough:
            self._hand_on(self._resolved, "grantline_resolved_hops_total")

    def hand_on(self) -> None:
        """Send everything that is gathered: what it came from is about to be committed."""
        self._hand_on(self._arriving, "grantline_hops_total")
        self._hand_on(self._resolved, "grantline_resolved_hops_total")

    def _hand_on(self, gathering: Gathering, counted: Name) -> None:
        if gathering.empty:
            return
        gathered = gathering.take()
        self.speech.frames(gathered.frames)
        self.speech.rejected(gathered.rejected)
        self.metrics.count(counted, gathered.hops)

    def _fold_one(self, tp: TP, fold: Fold[Any], record: Record) -> None:
        replayed = record.offset < fold.live_from
        items: list[Any] = []
        try:
            items = fold.decode(record.value or b"")
        except BadFrame as why:
            # Only who may write to our topics can get here; the record is told of, once.
            if not replayed:
                row = RejectedRow("bad_frame", str(why), *tp, record.offset, WHOLE_RECORD)
                self.speech.rejected([row])
        news = fold.take(record.offset, record.timestamp, items)
        if news is not NOTHING:
            self.speech.findings(news.findings)
            if news.hops:
                self._resolved.add((*tp, record.offset), news.hops)
        self.custody.done(tp, fold.next_offset)
        counted: Name = (
            "grantline_replayed_records_total" if replayed else "grantline_records_total"
        )
        self.metrics.count(counted, topic=tp[0])

    def tell_time(self, tp: TP) -> None:
        """The log of `tp` is read to its end: writes an empty frame if time is to be told."""
        fold = self.custody.folds.get(tp)
        if fold is None:
            return
        fold.caught_up()
        now = time.monotonic()
        cursor, asked = self._told.get(tp, (-1, 0.0))
        # The frame sent before may still be on its way.
        if fold.due(self.clock.now_ms()) and (
            cursor != fold.next_offset or now - asked > _ASK_AGAIN_SECONDS
        ):
            self._told[tp] = (fold.next_offset, now)
            self.outlet.send(Outgoing(*tp, None, encode_hops(()), FRAME_HEADERS))


def _working(app: faust.App, name: str, topics: Sequence[str], work: Any) -> Any:
    async def agent(stream: Any) -> None:
        event: EventT[Any]
        async for event in stream.noack().events():
            scheduler = cast(MergeScheduler, app.consumer.scheduler)
            more = not stream.channel.empty() or scheduler.waits(topics)
            await work(tuple(event.message.tp), event.message.value, more)
            event.ack()

    agent.__name__ = agent.__qualname__ = name  # what Faust's log calls it
    return agent
