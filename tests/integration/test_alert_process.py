"""`grantline alert` whole: findings on a real broker, real HTTP destinations, real kills."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from grantline.alerts.decide import Alerting
from grantline.alerts.member import Member
from grantline.model.finding import Finding
from grantline.notify import intake, reader
from grantline.notify.backoff import Backoff
from grantline.notify.ledger import Incoming, Ledger
from grantline.notify.service import run
from grantline.notify.settings import LEDGER_FILE, AlertSettings
from grantline.notify.webhook import WebhookNotifier
from grantline.ports import Notifier
from tests.brokers import Broker, create_topic
from tests.findings import finding
from tests.memory_notifier import MemoryNotifier
from tests.pages import page
from tests.receiver import Answer, Receiver, Request

QUICK = Backoff(first_seconds=0.05, longest_seconds=0.3, longest_asked_seconds=2)


def produce(bootstrap: str, topic: str, findings: Iterable[Finding | bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    for each in findings:
        if isinstance(each, Finding):
            producer.produce(topic, key=each.id, value=each.model_dump_json())
        else:
            producer.produce(topic, key=b"k", value=each)
    assert producer.flush(30) == 0


def dedup_key(finding: Finding) -> str:
    """One state of one finding."""
    return f"{finding.id}-{finding.revision}"


def lead(request: Request) -> str:
    """The state of the finding that a posted page is about."""
    data = json.loads(request.body)["data"]
    return f"{data['finding']['id']}-{data['finding']['revision']}"


def keys(receiver: Receiver, status: int = 204) -> list[str]:
    """Of what came whole: a killed process may have sent the headers alone."""
    return [lead(request) for request in receiver.answered(status) if request.body]


def hook(receiver: Receiver, name: str = "hook") -> WebhookNotifier:
    return WebhookNotifier(receiver.url, name=name, timeout_seconds=1)


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


class Office:
    """One alert process in a thread, on a topic and a data directory of its own.

    Its ledger began before everything, unless a test asks for one that begins with the process.
    """

    def __init__(self, bootstrap: str, topic: str, data_dir: Path) -> None:
        self.bootstrap, self.topic, self.data_dir = bootstrap, topic, data_dir
        self.incidents = f"incidents-of-{topic}"
        self.actions = f"actions-of-{topic}"

    def produce(self, *findings: Finding | bytes | None) -> None:
        produce(self.bootstrap, self.topic, findings)

    def begun(self) -> None:
        """A ledger to which nothing in the topic is from before it began."""
        Ledger(self.data_dir / LEDGER_FILE, born_ms=0).close()

    @contextmanager
    def open(self, *notifiers: Notifier, new: bool = False, **changed: Any) -> Iterator[None]:
        if not new:
            self.begun()
        changed = {"gather_seconds": 0, **changed}
        settings = AlertSettings(
            bootstrap=self.bootstrap,
            topic=self.topic,
            incidents=self.incidents,
            actions=self.actions,
            data_dir=self.data_dir,
            notifiers=notifiers,
            backoff=QUICK,
            **changed,
        )
        stop, failed = threading.Event(), []

        def work() -> None:
            try:
                run(settings, stop)
            except BaseException as why:  # noqa: BLE001
                failed.append(why)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
        assert not thread.is_alive()
        assert failed == []


@pytest.fixture
def office(broker: Broker, topic: Callable[..., str], tmp_path: Path) -> Office:
    office = Office(broker.bootstrap, topic("findings", partitions=2), tmp_path)
    create_topic(broker.bootstrap, office.incidents, 2)
    create_topic(broker.bootstrap, office.actions, 2)
    return office


def await_live(office: Office, *notifiers: MemoryNotifier) -> None:
    """Until no partition has a backlog any more: each of them has given what was sent to it."""
    fillers = [finding(f"filler {n}") for n in range(12)]
    office.produce(*fillers)
    eventually(lambda: all(len(notifier.told) == len(fillers) for notifier in notifiers))
    for notifier in notifiers:
        notifier.pages.clear()


def await_taken(office: Office, state: Finding) -> None:
    """Until the ledger has that revision: what comes next is decided on by itself."""

    def taken() -> bool:
        with closing(sqlite3.connect(office.data_dir / LEDGER_FILE)) as connection:
            row = connection.execute(
                "SELECT member FROM finding WHERE id = ?", (state.id,)
            ).fetchone()
        return row is not None and msgspec.msgpack.decode(row[0], type=Member).revision >= (
            state.revision
        )

    eventually(taken)


def test_every_state_is_told_once_to_every_destination(office: Office) -> None:
    history = [
        finding("a"),
        finding("b", severity="low"),
        finding("a", 1, count=2),
        finding("a", 1, count=2),
        finding("c", severity="critical"),
        finding("a", 2, severity="critical"),
        finding("a", 3, status="retracted", severity="critical"),
        finding("b", 1, status="retracted", severity="low"),
    ]
    one, two = MemoryNotifier("one"), MemoryNotifier("two")
    with office.open(one, two):
        await_live(office, one, two)
        for each in history:
            office.produce(each)
            await_taken(office, each)
        eventually(lambda: len(one.told) == len(two.told) == 4)
    for notifier in (one, two):
        assert sorted(map(dedup_key, notifier.told)) == sorted(
            dedup_key(history[at]) for at in (0, 4, 5, 6)
        )
        assert [each.revision for each in notifier.told if each.id == finding("a").id] == [0, 2, 3]


def test_who_comes_late_is_told_of_each_finding_as_it_stands(office: Office) -> None:
    known = MemoryNotifier()
    with office.open(known):
        office.produce(finding("known"), finding("rose"))
        eventually(lambda: len(known.told) == 2)
    office.produce(
        *(finding("amended", revision, count=revision) for revision in range(40)),
        *(finding("gone", revision) for revision in range(3)),
        finding("gone", 3, status="retracted"),
        finding("doubtful", provisional=True),
        finding("known", 1, severity="critical"),
        finding("known", 2, status="retracted"),
        finding("rose", 1, severity="medium"),
        finding("rose", 2, severity="critical"),
        finding("rose", 3, severity="critical", explanation="better"),
    )
    late = MemoryNotifier()
    with office.open(late):
        eventually(lambda: len(late.told) == 3)
        office.produce(finding("doubtful", 1))
        eventually(lambda: len(late.told) == 4)
    assert {dedup_key(each) for each in late.told} == {
        dedup_key(finding(*state))
        for state in (("amended", 39), ("known", 2), ("rose", 3), ("doubtful", 1))
    }


def test_what_is_provisional_is_told_when_confirmed_and_taken_back_once(office: Office) -> None:
    """And none of it again, however often the process is killed and started."""
    states = [
        finding("theft", 0, provisional=True),
        finding("theft", 1),
        finding("gateway", 0, provisional=True),
        finding("theft", 2, count=2),
        finding("gateway", 1, status="retracted"),
        finding("theft", 3, status="retracted"),
        finding("theft", 3, status="retracted"),
        finding("theft", 4, status="retracted", count=2),
    ]
    with Receiver() as receiver:
        for at, state in enumerate(states):
            office.produce(state)
            process = worker(office, hook=receiver)
            try:
                await_read(office, at + 1)
                eventually(lambda: not waiting(office))
            finally:
                process.kill()
                process.wait(10)
    assert keys(receiver) == [dedup_key(states[1]), dedup_key(states[5])]


def test_a_restart_and_a_replay_of_the_topic_tell_nothing_again(office: Office) -> None:
    notifier = MemoryNotifier()
    with office.open(notifier):
        office.produce(finding("a"), finding("b"))
        eventually(lambda: len(notifier.told) == 2)
    again = MemoryNotifier()
    with office.open(again):
        office.produce(finding("a"), finding("b"), finding("new"))
        eventually(lambda: len(again.told) == 1)
    assert again.told == [finding("new")]


@pytest.mark.parametrize("running", [False, True], ids=["meanwhile", "under its eyes"])
def test_a_topic_made_anew_is_read_from_its_beginning(
    office: Office, running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's places are of the topic that was read, not of its name."""
    monkeypatch.setattr(reader, "_LOOK_AGAIN_SECONDS", 0.5)
    first, second = MemoryNotifier(), MemoryNotifier()

    def make_anew() -> None:
        admin = AdminClient({"bootstrap.servers": office.bootstrap})
        admin.delete_topics([office.topic])[office.topic].result(20)
        eventually(lambda: _made(office))
        office.produce(finding("e"), finding("f"))

    with office.open(first):
        office.produce(finding("a"), finding("b"), finding("c"), finding("d"))
        eventually(lambda: len(first.told) == 4)
        if running:
            make_anew()
            eventually(lambda: len(first.told) == 6)
    if not running:
        make_anew()
        with office.open(second):
            eventually(lambda: len(second.told) == 2)
    assert sorted(one.id for one in (first.told + second.told)[4:]) == sorted(
        finding(name).id for name in ("e", "f")
    )


def _made(office: Office) -> bool:
    """A deleted topic goes with some delay; until then none can be made by its name."""
    try:
        create_topic(office.bootstrap, office.topic, 2)
    except KafkaException:
        return False
    return True


def test_a_finding_is_told_within_a_second(office: Office) -> None:
    with Receiver() as receiver, office.open(hook(receiver)):
        office.produce(finding("warm up"))
        receiver.await_answered(204, 1)
        produced = time.monotonic()
        office.produce(finding())
        told = receiver.await_answered(204, 2)[-1].at
    assert told - produced < 1.0


def test_a_destination_in_trouble_holds_up_no_other_and_loses_nothing(office: Office) -> None:
    """Down, then 500, hanging and 429 with a wait: every state arrives once, in order."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    states = [
        finding("a"),
        finding("b"),
        finding("a", 1, severity="critical"),
        finding("a", 2, status="retracted", severity="critical"),
    ]
    down = Receiver(port=port)
    with (
        Receiver() as well,
        office.open(hook(well, "well"), WebhookNotifier(f"http://127.0.0.1:{port}/", name="down",
                                                       timeout_seconds=0.3)),
    ):  # fmt: skip
        office.produce(*states[:2])
        well.await_answered(204, 2)
        for told, state in enumerate(states[2:], 3):
            office.produce(state)
            well.await_answered(204, told)
        down.answer(
            Answer(500),
            Answer(503),
            Answer(200, hang_seconds=0.6),
            Answer(429, {"Retry-After": "1"}),
            Answer(),
        )
        try:
            down.start()
            down.await_answered(204, 4)
            time.sleep(0.5)
        finally:
            down.stop()
    asked = down.answered(429)[0].at
    assert min(request.at for request in down.answered(204)) - asked >= 1.0
    for receiver in (well, down):
        assert sorted(keys(receiver)) == sorted(map(dedup_key, states))
        of_a = [key for key in keys(receiver) if key.startswith(finding("a").id)]
        assert of_a == [dedup_key(state) for state in states if state.id == finding("a").id]


def test_letters_wait_through_a_restart_for_a_destination_that_is_down(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    away = WebhookNotifier(f"http://127.0.0.1:{port}/", name="hook", timeout_seconds=1)
    seen = MemoryNotifier("seen")
    with office.open(away, seen):
        office.produce(finding("a"), finding("b"))
        eventually(lambda: len(seen.told) == 2)
    with Receiver(port=port) as receiver, office.open(hook(receiver), seen):
        receiver.await_answered(204, 2)
    assert sorted(keys(receiver)) == sorted(dedup_key(finding(name)) for name in "ab")
    assert len(seen.told) == seen.calls == 2


def test_a_wrong_key_or_address_costs_no_alert_and_names_the_cure(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of the destination like any other, over a restart as well."""
    with Receiver([Answer(401), Answer(403), Answer(404), Answer(400)]) as receiver:
        with office.open(hook(receiver)):
            office.produce(finding("a"), finding("b"))
            receiver.await_answered(400, 4)
        receiver.answer(Answer(410), Answer())
        with office.open(hook(receiver)):
            receiver.await_answered(204, 2)
    assert sorted(keys(receiver)) == sorted(dedup_key(finding(name)) for name in "ab")
    said = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    for status, cure in ((401, "KEY"), (403, "KEY"), (404, "URL"), (410, "URL")):
        assert any(f"answered {status}" in line and f"WEBHOOK_{cure}" in line for line in said)


def command(office: Office, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    if not (office.data_dir / LEDGER_FILE).exists():
        office.begun()
    ours = {
        "GRANTLINE_BOOTSTRAP": office.bootstrap,
        "GRANTLINE_DATA_DIR": str(office.data_dir),
        "GRANTLINE_TOPIC_PREFIX": office.topic.removesuffix("findings"),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "grantline.cli", "alert", *arguments],
        env={**os.environ, **ours},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_a_destination_alone_refuses_is_shown_and_sent_again_on_demand(
    office: Office,
) -> None:
    """With the commands, beside the running process."""
    office.topic = create_topic(office.bootstrap, f"{office.topic}.findings", 1)
    with Receiver([Answer(413), Answer(204), Answer(413)]) as receiver:
        running = command(office, GRANTLINE_WEBHOOK_URL=receiver.url)
        try:
            office.produce(finding("large"), finding("small"))
            receiver.await_answered(413, 2)
            receiver.answer(Answer())
            eventually(lambda: not waiting(office))
            shown, _ = command(office, "--list-dead").communicate(timeout=60)
            said, _ = command(office, "--revive").communicate(timeout=60)
            receiver.await_answered(204, 2)
            empty, _ = command(office, "--list-dead").communicate(timeout=60)
        finally:
            running.terminate()
            out, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    assert keys(receiver) == [dedup_key(finding("small")), dedup_key(finding("large"))]
    [line] = shown.splitlines()
    assert line.startswith(f"{page('large').id}  webhook  ")
    assert line.endswith("answered 413")
    assert said.startswith("1 to be sent again, 0 let go")
    assert empty == "no dead letters\n"
    ids = [line.split()[1] for line in out.splitlines() if line.startswith("  finding ")]
    assert ids == [finding("large").id, finding("small").id]


def test_what_is_no_finding_is_passed_over_counted_and_named_without_its_content(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    junk = [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b'{"id": "fake-secret"}',
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        finding(version="1").model_dump_json().replace('"version":"1"', '"version":"2"').encode(),
        None,
    ]
    notifier = MemoryNotifier()
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with office.open(notifier, metrics_port=port):
        office.produce(*junk, finding())
        eventually(lambda: len(notifier.told) == 1)
        url = f"http://127.0.0.1:{port}/metrics"
        unreadable = 'grantline_alert_findings_total{outcome="unreadable"} 8.0'

        def metrics() -> str:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read(), "utf-8")

        eventually(lambda: unreadable in metrics())
        assert 'grantline_alert_waiting{destination="memory"} 0.0' in metrics()
    lines = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert len(lines) == 8
    assert all(f"{office.topic}[" in line and "offset" in line for line in lines)
    assert "fake-secret" not in caplog.text


def positions(office: Office) -> dict[int, int]:
    with suppress(sqlite3.OperationalError):
        connection = sqlite3.connect(office.data_dir / LEDGER_FILE)
        try:
            return dict(connection.execute("SELECT part, next_offset FROM position"))
        finally:
            connection.close()
    return {}


def await_read(office: Office, records: int) -> None:
    """Until the ledger has taken in that many, or more."""
    eventually(lambda: sum(positions(office).values()) >= records)


def test_the_end_of_a_backlog_is_where_the_log_ended_when_it_was_begun(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a stream that never rests is told of all the same."""
    monkeypatch.setattr(reader, "_AT_ONCE", 1)
    office.topic = create_topic(office.bootstrap, f"{office.topic}-one", 1)
    office.produce(*[finding()] * 50)
    settings = AlertSettings(
        bootstrap=office.bootstrap, topic=office.topic, data_dir=office.data_dir, notifiers=()
    )
    reading = reader.Reader(settings, lambda _: {0: 10})
    seen: list[tuple[int, bool]] = []
    ended: list[int] = []
    try:
        while len(seen) < 90:
            read = reading.read()
            seen += [(record.offset, record.backlog) for record in read.records]
            ended += [seen[-1][0] for _ in read.ended]
            if len(seen) == 1:
                office.produce(*[finding()] * 50)
    finally:
        reading.close()
    assert seen == [(offset, offset < 50) for offset in range(10, 100)]
    assert ended == [49]


def test_no_record_is_lost_to_the_search_for_a_broker_that_is_gone(
    fresh_broker: Broker,
    topic: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_AT_ONCE", 1)
    monkeypatch.setattr(reader, "_LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(reader, "_RETRY_SECONDS", 0)
    monkeypatch.setattr(reader, "_METADATA_SECONDS", 0.01)
    office = Office(fresh_broker.bootstrap, topic("findings", at=fresh_broker), tmp_path)
    office.produce(*[finding()] * 100)
    settings = AlertSettings(
        bootstrap=office.bootstrap, topic=office.topic, data_dir=tmp_path, notifiers=()
    )
    reading = reader.Reader(settings, lambda _: {})
    offsets: list[int] = []
    try:
        eventually(lambda: bool(reading.read().records))
        fresh_broker.stop()
        while records := reading.read().records:
            offsets += [record.offset for record in records]
    finally:
        reading.close()
    assert offsets == list(range(1, 100))


def test_what_is_known_of_a_backlog_is_told_when_the_broker_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_SILENCE_SECONDS", 0.5)
    office = Office("127.0.0.1:1", "unread", tmp_path)
    ledger = Ledger(tmp_path / LEDGER_FILE, born_ms=0)
    body = finding().model_dump_json().encode()
    ledger.take([Incoming(finding(), body, 3)], [], [], Alerting(destinations=()), 0)
    ledger.close()
    notifier = MemoryNotifier()
    with office.open(notifier):
        eventually(lambda: notifier.told == [finding()])


def test_partitions_added_later_are_read_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LOOK_AGAIN_SECONDS", 0.3)
    notifier = MemoryNotifier()
    with office.open(notifier):
        office.produce(finding("before"))
        eventually(lambda: len(notifier.told) == 1)
        admin = AdminClient({"bootstrap.servers": office.bootstrap, "log_level": 0})
        try:
            admin.create_partitions([NewPartitions(office.topic, 4)])[office.topic].result(10)
        except KafkaException as why:
            pytest.skip(f"this broker cannot add partitions: {why}")
        body = finding("after").model_dump_json()
        producer = Producer({"bootstrap.servers": office.bootstrap})
        producer.produce(office.topic, value=body, partition=3)
        assert producer.flush(30) == 0
        eventually(lambda: len(notifier.told) == 2)


def test_a_topic_that_does_not_exist_yet_is_waited_for(
    broker: Broker, topic: Callable[..., str], tmp_path: Path
) -> None:
    office = Office(broker.bootstrap, f"{topic('later')}-not-yet", tmp_path)
    notifier = MemoryNotifier()
    with office.open(notifier):
        time.sleep(1.5)
        create_topic(broker.bootstrap, office.topic, 1)
        office.produce(finding())
        eventually(lambda: len(notifier.told) == 1)


def test_the_group_shows_how_far_it_has_come(office: Office) -> None:
    notifier = MemoryNotifier()
    with office.open(notifier, group="grantline-alert-test"):
        office.produce(finding())
        eventually(lambda: len(notifier.told) == 1)
    asking = Consumer(
        {"bootstrap.servers": office.bootstrap, "group.id": "grantline-alert-test", "log_level": 0}
    )
    places = [TopicPartition(office.topic, part) for part in (0, 1)]

    def shown() -> bool:
        return sum(max(0, place.offset) for place in asking.committed(places, timeout=10)) == 1

    try:
        eventually(shown)
    finally:
        asking.close()


def test_deliveries_go_on_and_reading_resumes_when_the_broker_returns(
    fresh_broker: Broker,
    topic: Callable[..., str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And the log tells of it in two lines."""
    caplog.set_level(logging.INFO)
    office = Office(fresh_broker.bootstrap, topic("findings", at=fresh_broker), tmp_path)
    with Receiver([Answer(503)]) as receiver, office.open(hook(receiver)):
        office.produce(finding("a"))
        receiver.await_answered(503, 1)
        fresh_broker.stop()
        receiver.answer(Answer())
        receiver.await_answered(204, 1)
        time.sleep(5)
        fresh_broker.start()
        office.produce(finding("b"))
        receiver.await_answered(204, 2, seconds=60)
    assert keys(receiver) == [dedup_key(finding(name)) for name in "ab"]
    reading = [r.getMessage() for r in caplog.records if r.name == reader.__name__]
    assert reading[0] == f"reading 1 partitions of {office.topic}"
    assert reading[1].startswith(f"no broker answers at {fresh_broker.bootstrap} (")
    assert reading[2:] == [f"the broker at {fresh_broker.bootstrap} is back"]


WORKER = """
import json, sys
from pathlib import Path
from grantline.notify.backoff import Backoff
from grantline.notify.service import run
from grantline.notify.settings import AlertSettings
from grantline.notify.webhook import WebhookNotifier
told = json.loads(sys.argv[1])
hooks = [WebhookNotifier(url, name=name) for name, url in told["hooks"].items()]
run(AlertSettings(
    bootstrap=told["bootstrap"], topic=told["topic"], data_dir=Path(told["data_dir"]),
    incidents=told["incidents"], actions=told["actions"],
    notifiers=tuple(hooks),
    backoff=Backoff(first_seconds=0.05, longest_seconds=0.3), gather_seconds=0,
))
"""


def worker(office: Office, *, new: bool = False, **hooks: Receiver) -> subprocess.Popen[bytes]:
    if not new and not (office.data_dir / LEDGER_FILE).exists():
        office.begun()
    told = {
        "bootstrap": office.bootstrap,
        "topic": office.topic,
        "incidents": office.incidents,
        "actions": office.actions,
        "data_dir": str(office.data_dir),
        "hooks": {name: receiver.url for name, receiver in hooks.items()},
    }
    return subprocess.Popen([sys.executable, "-c", WORKER, json.dumps(told)])


def waiting(office: Office) -> int:
    """Letters in the outbox."""
    with closing(sqlite3.connect(office.data_dir / LEDGER_FILE)) as connection:
        (letters,) = connection.execute(
            "SELECT count(*) FROM outbox WHERE refused IS NULL"
        ).fetchone()
    return int(letters)


def recorded(office: Office, destination: str) -> set[str]:
    """Dedup keys of what the ledger says `destination` was sent."""
    connection = sqlite3.connect(office.data_dir / LEDGER_FILE)
    rows = connection.execute(
        "SELECT f.member FROM told t JOIN finding f USING (incident_id) "
        "WHERE t.destination = ? AND t.sent_ms IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident_id = t.incident_id "
        "AND o.destination = t.destination)",
        (destination,),
    ).fetchall()
    connection.close()
    members = [msgspec.msgpack.decode(body, type=Member) for (body,) in rows]
    return {f"{member.finding_id}-{member.revision}" for member in members}


def test_sigkill_at_any_moment_loses_nothing_and_doubles_nothing_recorded(office: Office) -> None:
    findings = [finding(str(n)) for n in range(80)]
    expected = {dedup_key(each) for each in findings}
    office.produce(*findings)
    slow = Answer(hang_seconds=0.02)
    kills = 3
    marks: list[tuple[Receiver, int, set[str]]] = []
    with Receiver([slow]) as one, Receiver([slow]) as two:
        for kill in range(kills):
            process = worker(office, one=one, two=two)
            try:
                one.await_answered(204, 15 * (kill + 1))
            finally:
                process.kill()
                process.wait(10)
            for name, receiver in (("one", one), ("two", two)):
                done, before = recorded(office, name), len(receiver.requests)
                assert done, "the kill came too early to show anything"
                assert done <= set(keys(receiver))
                marks.append((receiver, before, done))
        process = worker(office, one=one, two=two)
        try:
            eventually(lambda: set(keys(one)) == set(keys(two)) == expected)
        finally:
            process.terminate()
            assert process.wait(20) == 0
    for receiver in (one, two):
        counts = Counter(keys(receiver))
        assert sum(counts.values()) - len(counts) <= kills
    for receiver, before, done in marks:
        after = {lead(request) for request in receiver.requests[before:] if request.body}
        assert not after & done


def test_kills_while_a_backlog_is_read_tell_nothing_but_how_it_stands(office: Office) -> None:
    names = [str(n) for n in range(400)]
    taken_back = set(names[::4])
    revisions = [
        finding(
            name,
            revision,
            status="retracted" if revision == 5 and name in taken_back else "open",
            severity="critical" if revision % 2 else "high",
        )
        for revision in range(6)
        for name in names
    ]
    office.produce(*revisions)
    expected = {dedup_key(finding(name, 5)) for name in set(names) - taken_back}
    with Receiver() as receiver:
        for read in (1, 700, 1_500, len(revisions)):
            process = worker(office, hook=receiver)
            try:
                await_read(office, read)
            finally:
                process.kill()
                process.wait(10)
        process = worker(office, hook=receiver)
        try:
            eventually(lambda: set(keys(receiver)) >= expected)
            eventually(lambda: not waiting(office))
        finally:
            process.terminate()
            assert process.wait(20) == 0
    assert set(keys(receiver)) == expected
    assert len(keys(receiver)) <= len(expected) + 4


def test_sigterm_finishes_what_is_under_way_and_records_it(office: Office) -> None:
    office.produce(finding())
    with Receiver([Answer(hang_seconds=1.0)]) as receiver:
        process = worker(office, hook=receiver)
        try:
            eventually(lambda: len(receiver.requests) == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert recorded(office, "hook") == {dedup_key(finding())}


def test_a_second_process_on_the_same_directory_ends_with_the_reason(office: Office) -> None:
    with Receiver() as receiver, office.open(hook(receiver)):
        office.produce(finding())
        receiver.await_answered(204, 1)
        second = worker(office, hook=receiver)
        assert second.wait(30) != 0
