"""One session: a broker, a worker and a writer, every client between, and what they came to."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from grantline.store.client import connect
from tests.brokers import choose, create_topic
from tests.foreign import between
from tests.foreign.clients import Client, Command, python
from tests.foreign.lanes import OURS, OWN, Lane, lanes
from tests.foreign.rows import Came, Tables
from tests.foreign.story import Story, tag_of
from tests.issuers.answers import NotThere
from tests.processes import Writer
from tests.stage import Stage

CLIENT_SECONDS: Final = 60.0
"""The longest a client may take for one telling."""
SETTLE_SECONDS: Final = 90.0
"""The longest that all rows may take from there to DuckDB."""
_AGO: Final = 1200
"""Seconds before now at which the story begins: nothing in it is to come."""
_QUIET: Final = 4.0
"""So long nothing new was stored: graces of rules are over (tests.workers.POLICY: a second)."""


@dataclass
class Session:
    """What came of it; `missing` says why a client had no part in it."""

    broker: str = ""
    stories: dict[Lane, Story] = field(default_factory=dict)
    came: dict[Lane, Came] = field(default_factory=dict)
    failed: dict[Lane, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    records: dict[Lane, list[bytes]] = field(default_factory=dict)
    """What lies on each lane's topic."""


class Had(NamedTuple):
    """Commands by name: of clients, and of what stands between them and Kafka."""

    clients: dict[str, Command]
    between: dict[str, str]


def run(clients: Sequence[Client], *, rotel: bool = True) -> Session:
    """Has the clients, starts everything, lets them tell, and asks DuckDB. Raises `NotAvailable`."""
    session = Session()
    had = Had({OURS: python()} | _had(clients, session), _between(session, rotel=rotel))
    there = [client for client in clients if client.name in had.clients]
    asked = lanes(there, collector="collector" in had.between, rotel="rotel" in had.between)
    broker = choose({**os.environ, "GRANTLINE_REQUIRE_KAFKA": "1"})
    session.broker = broker.name
    try:
        with tempfile.TemporaryDirectory(prefix="grantline-foreign-") as home:
            _run(session, asked, had, broker.bootstrap, Path(home))
    finally:
        broker.close()
    return session


def _had(clients: Sequence[Client], session: Session) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for client in clients:
        try:
            found[client.name] = client.had()
        except NotThere as why:
            session.missing[client.name] = str(why)
    return found


def _between(session: Session, *, rotel: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, had in (("collector", between.collector), ("rotel", between.rotel)):
        if name == "rotel" and not rotel:
            continue
        try:
            found[name] = had()
        except NotThere as why:
            session.missing[name] = str(why)
    return found


def _run(session: Session, asked: list[Lane], had: Had, bootstrap: str, home: Path) -> None:
    at = (time.time_ns() // 1_000_000_000 - _AGO) * 1_000_000_000 + 162_429_419
    topics = {lane: f"spans-{number}-{lane.name}" for number, lane in enumerate(asked)}
    for lane, topic in topics.items():
        create_topic(bootstrap, topic)
        session.stories[lane] = Story(tag_of(lane.name, at), at)
    stage = Stage(bootstrap, home, partitions=1)
    stage.settings = msgspec.structs.replace(
        stage.settings, input_topics=tuple(topics.values()), partitions=2
    )
    try:
        stage.worker()
        writer = stage.writer(real=True)
        with _standing(asked, had.between, topics, bootstrap) as endpoints:
            for lane in asked:
                story = home / f"{lane.name}.json"
                story.write_text(json.dumps(session.stories[lane].as_json()), "utf-8")
                address = endpoints.get(lane, f"kafka://{bootstrap}/{topics[lane]}")
                if why := _tell(had.clients[lane.client], lane, story, address):
                    session.failed[lane] = why
            _settle(session, writer, topics)
        for lane, topic in topics.items():
            session.records[lane] = _records(bootstrap, topic)
        writer.stop()
        store = connect(home / "lineage.duckdb")
        tables = Tables(store)
        store.close()
        for lane, topic in topics.items():
            session.came[lane] = tables.came(session.stories[lane].tag, topic)
    finally:
        stage.close()


@contextmanager
def _standing(
    asked: list[Lane], programs: Mapping[str, str], topics: Mapping[Lane, str], bootstrap: str
) -> Iterator[dict[Lane, str]]:
    """The Collector and the rotels, running; where each lane sends."""
    by = {via: [lane for lane in asked if lane.via == via] for via in programs}
    with ExitStack() as stack:
        endpoints: dict[Lane, str] = {}
        if some := by.get("collector"):
            endpoints |= stack.enter_context(
                between.collecting(programs["collector"], some, topics, bootstrap)
            )
        if some := by.get("rotel"):
            endpoints |= stack.enter_context(
                between.rotels(programs["rotel"], some, topics, bootstrap)
            )
        yield endpoints


def _tell(command: Command, lane: Lane, story: Path, address: str) -> str | None:
    """Runs a client to its end; what went wrong, if something did."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_PROTOCOL": lane.protocol,
            "GRANTLINE_EXPORTER": address, "PYTHONPATH": "pipeline"}  # fmt: skip
    try:
        done = subprocess.run(
            [*command, lane.protocol, str(story)], env={**others, **ours}, capture_output=True,
            text=True, timeout=CLIENT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"took more than {CLIENT_SECONDS:g} s"
    said = (done.stdout + done.stderr).strip()
    return f"ended with {done.returncode}: {said[-600:]}" if done.returncode else None


def _settle(session: Session, writer: Writer, topics: Mapping[Lane, str]) -> None:
    """Until every lane has as many hops as were told, or something was rejected of it, and then
    until nothing is added; at the latest, and then with what there is, after `SETTLE_SECONDS`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before, since = [(-1, -1, -1)], time.monotonic()
    while time.monotonic() < deadline:
        counts = writer.ask("SELECT (SELECT count(*) FROM hops), (SELECT count(*) FROM rejected),"
                            " (SELECT count(*) FROM finding_history)")  # fmt: skip
        if counts is not None and counts != before:
            before, since = counts, time.monotonic()
        arrived = _arrived(session, writer, topics)
        if arrived and time.monotonic() - since > _QUIET:
            return
        time.sleep(0.3)


def _records(bootstrap: str, topic: str) -> list[bytes]:
    """All there is on the one partition of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "foreign", "log_level": 0})
    partition = TopicPartition(topic, 0, 0)
    end = consumer.get_watermark_offsets(partition, timeout=10)[1]
    consumer.assign([partition])
    found: list[bytes] = []
    deadline = time.monotonic() + 20
    while len(found) < end and time.monotonic() < deadline:
        found += [one.value() or b"" for one in consumer.consume(100, 0.2) if one.error() is None]
    consumer.close()
    return found


def _arrived(session: Session, writer: Writer, topics: Mapping[Lane, str]) -> bool:
    services = dict(writer.ask("SELECT service, count(*) FROM hops GROUP BY ALL") or [])
    rejected = dict(writer.ask("SELECT source_topic, count(*) FROM rejected GROUP BY ALL") or [])
    return all(
        lane in session.failed
        or services.get(f"desk-{story.tag}", 0) + rejected.get(topics[lane], 0)
        >= (1 if lane.refused else story.told)
        for lane, story in session.stories.items()
    )


__all__ = ["OWN", "Session", "run"]
