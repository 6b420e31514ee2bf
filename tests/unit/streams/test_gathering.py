"""Hops on their way to the keyed topics: held back while more waits, never longer than a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from msgspec import structs

from grantline.model.hop import Hop
from grantline.streams import frames, gathering
from grantline.streams.custody import Custody
from grantline.streams.deliveries import Delivery
from grantline.streams.gathering import Gathering
from grantline.streams.ingest import Ingest
from grantline.streams.messages import Addresses
from grantline.streams.metrics import Metrics
from grantline.streams.outgoing import Outgoing
from grantline.streams.outlet import Outlet
from grantline.streams.speech import Speech
from grantline.streams.topology import Agents
from grantline.wire.frames import decode_hops, decode_sightings
from grantline.wire.otlp import decode
from tests.deliveries import Line
from tests.workers import POLICY, otlp, story

TO = Addresses("hops", "tokens", "findings", "rejected", 3, "/grantline/test")
HOPS = [hop for number in range(6) for hop in story(number)]
TP = ("spans", 0)


class Sent:
    """An outlet with room, and a clock."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []

    async def room(self) -> None: ...

    def send(self, record: Outgoing) -> None:
        self.records.append(record)

    def now_ms(self) -> int:
        return 0

    def hops(self) -> list[Hop]:
        return [h for one in self.records if one.topic == "hops" for h in decode_hops(one.value)]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def agents(sent: Sent) -> Agents:
    outlet, metrics, custody = cast(Outlet, sent), Metrics(), Custody({})
    custody.assign([TP], {})
    return Agents(
        custody=custody, outlet=outlet, speech=Speech(TO, outlet, metrics, sent), metrics=metrics,
        ingest=Ingest(decode, POLICY), arriving=Gathering(TO), resolved=Gathering(TO), clock=sent,
    )  # fmt: skip


def _ingest(agents: Agents, offset: int, hops: Sequence[Hop], more: bool) -> None:
    line: Any = Line(offset, otlp(hops))
    asyncio.run(agents.ingest(TP, Delivery([line], offset), more))


def test_deliveries_that_wait_go_on_together(agents: Agents, sent: Sent) -> None:
    """One frame a partition for all of them, and at once where none waits."""
    for offset in range(3):
        _ingest(agents, offset, HOPS[offset * 9 : offset * 9 + 9], more=True)
        assert sent.records == []
    _ingest(agents, 3, HOPS[27:], more=False)
    assert {hop.span_id for hop in sent.hops()} == {hop.span_id for hop in HOPS}
    places = [(one.topic, one.partition) for one in sent.records]
    assert len(places) == len(set(places))
    agents.hand_on()
    assert len(sent.records) == len(places)


def test_what_is_gathered_goes_before_its_commit(agents: Agents, sent: Sent) -> None:
    """The cursor stands behind it already."""
    _ingest(agents, 0, HOPS[:5], more=True)
    assert agents.custody.committable(TP) == 1
    agents.hand_on()
    assert len(sent.hops()) == 5


@pytest.mark.parametrize("bound", ["ENOUGH_HOPS", "ENOUGH_BYTES"])
def test_a_backlog_is_not_gathered_whole(
    bound: str, agents: Agents, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, bound, 5)
    _ingest(agents, 0, HOPS[:5], more=True)
    assert len(sent.hops()) == 5


def test_a_hop_that_fits_no_record_costs_no_other_of_its_span_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is called knows its caller's span id. What he sends under it keeps neither the caller's
    hop nor what its token was seen in from the engine, and nobody is told that it was refused.
    """
    monkeypatch.setattr(frames, "FRAME_BYTES", 4_000)
    monkeypatch.setattr(frames, "MAX_RECORD_BYTES", 4_000)
    real = HOPS[3]
    forged = structs.replace(HOPS[4], span_id=real.span_id, purpose="x" * 5_000)
    together = Gathering(TO)
    together.add((*TP, 0), [real])
    together.add((*TP, 1), [forged])
    gathered = together.take()
    kept = [one for one in gathered.frames if one.topic == "hops"]
    assert [hop for one in kept for hop in decode_hops(one.value)] == [real]
    seen = [
        s for one in gathered.frames if one.topic == "tokens" for s in decode_sightings(one.value)
    ]
    assert [(s.span_id, s.service) for s in seen] == [(real.span_id, real.service)]
    assert [(row.source_offset, row.reason) for row in gathered.rejected] == [(1, "too_large")]
    assert gathered.hops == 1
