"""The lineage writer on a real broker. What kills it is in test_faults.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from grantline.model import action, incident
from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.ports import Batch, Position
from grantline.store.client import connect
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.log_reader import TopicRecreated
from grantline.store.memory import MemoryStore
from grantline.store.writer import Topics, Writer, WriterSettings
from grantline.wire.frames import encode_hops
from tests.brokers import Broker
from tests.incidents import record

MakeTopic = Callable[..., str]


def hop(number: int, **fields: Any) -> Hop:
    known = {"operation": "use", "time": 1_795_000_000_000_000_000 + number, "root_id": "dlg_r"}
    return Hop(span_id=f"{number + 1:016x}", trace_id=f"{number // 4:032x}", **{**known, **fields})


def finding(number: int, revision: int) -> Finding:
    return Finding(
        id=f"fnd_{number:032x}", rule="r", reference="TR-06", title="t", severity="low",
        confidence="low", status="open", revision=revision, root_id=None, delegation_ids=[],
        token_fingerprints=[], span_ids=[], count=1, first_seen="2026-11-23T10:00:00Z",
        last_seen="2026-11-23T10:00:00Z", explanation="", path=[], facts={}, retracts_if="",
        triage="", sql="",
    )  # fmt: skip


def acknowledged(number: int, state: str = "recorded") -> Action:
    return msgspec.convert(
        {
            "id": f"act_{number:032x}", "at": "2026-11-23T20:17:00.000Z", "who": "bob",
            "what": "acknowledge", "via": "test", "incident": f"inc_{number:032x}", "state": state,
        },
        Action,
    )  # fmt: skip


@pytest.fixture
def topics(topic: MakeTopic) -> Topics:
    others = [topic(name) for name in ("rejected", "incidents", "actions")]
    return Topics(topic("hops", partitions=3), topic("findings", partitions=2), *others)


def settings(broker: Broker, topics: Topics, **changes: Any) -> WriterSettings:
    quick = {"batch_seconds": 0.05, "discover_seconds": 0.5, "group": f"lag-{topics.hops}"}
    return WriterSettings(bootstrap=broker.bootstrap, topics=topics, **{**quick, **changes})


@contextmanager
def running(store: Any, asked: WriterSettings) -> Iterator[Writer]:
    writer = Writer(store, asked)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            writer.run()
        except BaseException as why:  # noqa: BLE001
            raised.append(why)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stop()
        thread.join(30)
        assert not thread.is_alive()
        if raised:
            raise raised[0]


def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def produce(broker: Broker, records: list[tuple[str, int, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
    failed: list[Any] = []
    for topic, partition, value in records:
        producer.produce(topic, value, partition=partition,
                         on_delivery=lambda error, _: failed.append(error) if error else None)  # fmt: skip
        producer.poll(0)
    assert producer.flush(30) == 0
    assert not failed


def workload(topics: Topics) -> list[tuple[str, int, bytes]]:
    """Frames with repetitions and late roots, findings in revisions, rejections, and a record
    nobody can read."""
    records: list[tuple[str, int, bytes]] = []
    rejected = b'{"reason":"not_otlp","detail":"d","source_topic":"s","source_partition":0,'
    for start in range(0, 1200, 6):
        hops = [hop(n) for n in range(start, start + 6)]
        hops[0] = hop(start, root_id=None)
        late = hop(start, root_id="dlg_late", flags=("root_resolved",))
        partition = start % 3
        records.append((topics.hops, partition, encode_hops(hops)))
        records.append((topics.hops, (partition + 1) % 3, encode_hops([late, hops[1]])))
        for revision in (0, 1):
            said = finding(start, revision).model_dump_json().encode()
            records.append((topics.findings, start % 2, said))
        place = b'"source_offset":%d,"span_index":0}' % start
        records.append((topics.rejected, 0, rejected + place))
        told = incident.encode(record(str(start), start % 5))
        records += [(topics.incidents, 0, told)] * 2
        records.append((topics.actions, 0, action.encode(acknowledged(start))))
        records.append((topics.actions, 0, action.encode(acknowledged(start, "taken"))))
    records.insert(77, (topics.hops, 0, b"not a frame"))
    return records


def rows(query: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: query(f"FROM {table} ORDER BY ALL")
        for table in (
            "hops",
            "findings",
            "finding_history",
            "rejected",
            "positions",
            "incidents",
            "incident_revisions",
            "actions",
            "action_history",
        )
    }


def in_file(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(path)) as connection:
        return rows(lambda sql: connection.execute(sql).fetchall())


def undisturbed(broker: Broker, topics: Topics) -> dict[str, list[tuple[Any, ...]]]:
    """What a writer that nothing happens to makes of the same topics."""
    store = MemoryStore()
    with running(store, settings(broker, topics)) as writer:
        until(lambda: len(store.hops) == 1200 and len(store.history) == 400
              and len(store.rejected) == 201 and len(store.incidents) == 200
              and len(store.actions) == 400 and writer.caught_up.is_set())  # fmt: skip
    return rows(store.query)


def test_records_become_rows_and_the_unreadable_one_stops_nothing(
    broker: Broker, topics: Topics, tmp_path: Path
) -> None:
    """The DuckDB store and the in-memory twin end up alike, row by row."""
    records = workload(topics)
    produce(broker, records)
    store = DuckDBStore(tmp_path / "lineage.duckdb")
    with running(store, settings(broker, topics)) as writer:
        until(lambda: store.query("SELECT count(*) FROM rejected") == [(201,)]
              and store.query("SELECT count(*) FROM finding_history") == [(400,)]
              and store.query("SELECT count(*) FROM hops") == [(1200,)]
              and store.query("SELECT count(*) FROM incident_revisions") == [(200,)]
              and store.query("SELECT count(*) FROM action_history") == [(400,)]
              and writer.caught_up.is_set())  # fmt: skip
    assert writer.counts["unreadable"] == 1
    unreadable = store.query(
        "SELECT source_topic, source_partition FROM rejected WHERE reason = 'unreadable_record'"
    )
    assert unreadable == [(topics.hops, 0)]
    assert store.query("SELECT count(*) FROM hops WHERE root_id = 'dlg_late'") == [(200,)]
    assert store.query("SELECT DISTINCT revision FROM findings") == [(1,)]
    assert store.query("SELECT DISTINCT state FROM actions") == [("taken",)]
    assert rows(store.query) == undisturbed(broker, topics)
    store.close()


def _ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(30)
    finally:
        process.kill()


def test_topics_made_later_are_found(broker: Broker) -> None:
    """The writer may start first; a topic that is not there yet is no error."""
    name = f"later-{time.time_ns()}"
    store = MemoryStore()
    topics = Topics(name, *(f"{name}-{other}" for other in "fria"))
    with running(store, settings(broker, topics)):
        time.sleep(0.7)
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(name, 2, 1)])[name].result(20)
        produce(broker, [(name, 1, encode_hops([hop(1)]))])
        until(lambda: len(store.hops) == 1)


def test_lag_is_reported_to_kafka(broker: Broker, topics: Topics) -> None:
    """The group's offsets say how far the database is, though nobody reads from them."""
    produce(broker, [(topics.hops, 1, encode_hops([hop(n)])) for n in range(3)])
    store = MemoryStore()
    asked = settings(broker, topics)

    def committed() -> int:
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": asked.group})
        try:
            (place,) = consumer.committed([TopicPartition(topics.hops, 1)], timeout=10)
            return int(place.offset)
        finally:
            consumer.close()

    with running(store, asked):
        until(lambda: len(store.hops) == 3)
        until(lambda: committed() == 3)


def test_a_database_ahead_of_its_topic_is_named(broker: Broker, topics: Topics) -> None:
    """A topic that was deleted and made anew is said so, not read from a place that means nothing."""
    if "embedded" in broker.name.lower() or "tansu" in broker.name.lower():
        pytest.skip("the embedded broker answers reads beyond the end with silence")
    produce(broker, [(topics.hops, 0, encode_hops([hop(1)]))])
    store = MemoryStore()
    store.write(Batch(positions=[Position(topics.hops, 0, 500)]))
    with pytest.raises(TopicRecreated, match="500"), running(store, settings(broker, topics)):
        time.sleep(8)


SERVICE = """
import sys
from pathlib import Path
from grantline.store.service import LiveSettings, run
from grantline.store.writer import Topics, WriterSettings
if sys.argv[4] == "without":
    sys.modules["duckdb_extension_quack"] = None
run(Path(sys.argv[1]), WriterSettings(bootstrap=sys.argv[2], topics=Topics(sys.argv[3], "f", "r", "i", "a")),
    LiveSettings(port=int(sys.argv[5])), serving=lambda live: print(live.token, flush=True))
"""


@pytest.mark.parametrize("extension", ["with", "without"])
def test_the_process_writes_serves_and_stops(
    broker: Broker, topic: MakeTopic, tmp_path: Path, extension: str
) -> None:
    """Rows can be asked for while it runs; without the extension it still writes, and says what
    to install; SIGTERM ends it with everything in the file."""
    name = topic("hops")
    produce(broker, [(name, 0, encode_hops([hop(1), hop(2)]))])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "new folder" / "lineage.duckdb"
    arguments = [str(path), broker.bootstrap, name, extension, str(port)]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, *arguments], stdout=out, stderr=err,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    try:
        if extension == "with":
            until(lambda: (tmp_path / "out").read_text().endswith("\n"))
            lineage = connect(f"quack:127.0.0.1:{port}", (tmp_path / "out").read_text().strip())
            until(lambda: lineage.ask("SELECT count(*) FROM hops").rows == [(2,)])
            lineage.close()
        else:
            until(lambda: "pip install 'grantline[live]'" in (tmp_path / "err").read_text())
            until(lambda: path.with_name(path.name + ".wal").exists())
            time.sleep(2)
    finally:
        process.send_signal(signal.SIGTERM)
        assert _ended(process) == 0
    assert len(in_file(path)["hops"]) == 2
