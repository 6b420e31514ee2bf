"""A sampled stack counts for the stage whose own call is innermost, and every thread is counted."""

from __future__ import annotations

import pytest

from tests.benchmarks import sampled
from tests.benchmarks.attribution import stage_of
from tests.benchmarks.usage import Thread

_AGENT = "Agents.fold (grantline/streams/topology.py:91)"
_LOOP = "BaseEventLoop._run_once (asyncio/base_events.py:1922)"


@pytest.mark.parametrize(
    "calls, stage",
    [
        (["Ingest.take (grantline/streams/ingest.py:61)", "hop (grantline/wire/otlp.py:9)"], "decode"),
        ([_AGENT, "fold (grantline/lineage/chains.py:3)", "tell (grantline/model/subject.py:1)"], "fold"),
        ([_AGENT, "ChainEngine.drain (grantline/chain_engine.py:70)"], "rules"),
        ([_AGENT, "decode_hops (grantline/wire/frames.py:40)"], "read frames"),
        ([_AGENT, "encode_hops (grantline/wire/frames.py:30)"], "encode"),
        ([_AGENT, "Outlet.send (grantline/streams/outlet.py:80)"], "produce"),
        (["Outlet.flush (grantline/streams/outlet.py:90)"], "commit"),
        ([_LOOP, "AIOKafkaConnection.send (aiokafka/conn.py:4)", "write (asyncio/streams.py:1)"], "fetch"),
        ([_AGENT], "rest"),
        ([_LOOP], "Faust and asyncio"),
        ([_LOOP, "EpollSelector.select (selectors.py:468)"], "waits"),
    ],
)  # fmt: skip
def test_innermost_call_of_a_stage_decides(calls: list[str], stage: str) -> None:
    assert stage_of(calls) == stage


def test_shares_are_scaled_to_what_each_thread_used() -> None:
    lines = [
        "thread (7): MainThread;hop (grantline/wire/otlp.py:9) 3",
        f"thread (7): MainThread;{_AGENT};Outlet.send (grantline/streams/outlet.py:80) 1",
        "thread (7): MainThread;EpollSelector.select (selectors.py:468) 99",
        f"thread (8): Thread-1;{_LOOP} 1",
    ]
    used = {
        7: Thread("python", 0.4),
        8: Thread("python", 0.1),
        9: Thread("rdk:broker1", 0.2),
        10: Thread("python", 0.3),
    }
    found = sampled._stages(lines, used, spans=100_000)
    assert found == pytest.approx(
        {"decode": 3.0, "produce": 1.0, "Faust and asyncio": 1.0, "librdkafka": 2.0,
         "other threads": 3.0}
    )  # fmt: skip
