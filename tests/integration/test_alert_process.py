"""`grantline alert` whole: findings on a real broker, real HTTP destinations, real kills."""

from __future__ import annotations

import json
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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from grantline.alerts.route import Route
from grantline.model.finding import Finding, Severity
from grantline.notify import intake
from grantline.notify.backoff import Backoff
from grantline.notify.identity import dedup_key
from grantline.notify.memory import MemoryNotifier
from grantline.notify.service import revive, run
from grantline.notify.settings import LEDGER_FILE, AlertSettings, Destination
from grantline.notify.webhook import WebhookNotifier
from grantline.ports import Notifier
from tests.brokers import Broker, create_topic
from tests.findings import finding
from tests.receiver import Answer, Receiver

QUICK = Backoff(first_seconds=0.05, longest_seconds=0.3, longest_asked_seconds=2)


def produce(bootstrap: str, topic: str, findings: Iterable[Finding | bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    for each in findings:
        if isinstance(each, Finding):
            producer.produce(topic, key=each.id, value=each.model_dump_json())
        else:
            producer.produce(topic, key=b"k", value=each)
    assert producer.flush(30) == 0


def keys(receiver: Receiver, status: int = 204) -> list[str]:
    return [request.headers["idempotency-key"] for request in receiver.answered(status)]


def hook(receiver: Receiver, name: str = "hook") -> WebhookNotifier:
    return WebhookNotifier(receiver.url, name=name, timeout_seconds=1)


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


class Office:
    """One alert process in a thread, on a topic and a data directory of its own."""

    def __init__(self, bootstrap: str, topic: str, data_dir: Path) -> None:
        self.bootstrap, self.topic, self.data_dir = bootstrap, topic, data_dir

    def produce(self, *findings: Finding | bytes | None) -> None:
        produce(self.bootstrap, self.topic, findings)

    @contextmanager
    def open(
        self, *notifiers: Notifier, routes: dict[str, Route] | None = None, **changed: Any
    ) -> Iterator[None]:
        settings = AlertSettings(
            bootstrap=self.bootstrap,
            topic=self.topic,
            data_dir=self.data_dir,
            destinations=tuple(
                Destination(notifier=each, route=(routes or {}).get(each.name, Route()))
                for each in notifiers
            ),
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
    return Office(broker.bootstrap, topic("findings", partitions=2), tmp_path)


def test_every_state_is_told_once_to_every_destination_that_wants_it(office: Office) -> None:
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
    everything, pager = MemoryNotifier("everything"), MemoryNotifier("pager")
    with office.open(everything, pager, routes={"pager": Route(at_least=Severity.CRITICAL)}):
        office.produce(*history)
        eventually(lambda: len(everything.told) == 4 and len(pager.told) == 3)
    assert sorted(map(dedup_key, everything.told)) == sorted(
        dedup_key(history[at]) for at in (0, 4, 5, 6)
    )
    assert sorted(map(dedup_key, pager.told)) == sorted(dedup_key(history[at]) for at in (4, 5, 6))
    assert [each.revision for each in everything.told if each.id == finding("a").id] == [0, 2, 3]


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
        office.produce(*states)
        well.await_answered(204, 4)
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


def test_a_refusal_is_kept_and_can_be_sent_after_the_cure(office: Office) -> None:
    with Receiver([Answer(401)]) as receiver:
        with office.open(hook(receiver), metrics_port=None):
            office.produce(finding())
            receiver.await_answered(401, 1)
            office.produce(finding(revision=1, count=9))
        assert revive(office.data_dir) == 1
        receiver.answer(Answer())
        with office.open(hook(receiver)):
            receiver.await_answered(204, 1)
    assert keys(receiver) == [dedup_key(finding())]


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


def test_latest_tells_nothing_that_was_there_before_and_everything_after(office: Office) -> None:
    notifier = MemoryNotifier()
    office.produce(finding("before"))
    with office.open(notifier, start="latest"):
        eventually(lambda: len(positions(office)) == 2)
    office.produce(finding("while away"))
    with office.open(notifier, start="latest"):
        eventually(lambda: finding("while away") in notifier.told)
    # The embedded broker may report an end that is too low; then more is told, never less.
    assert set(map(dedup_key, notifier.told)) <= {
        dedup_key(finding(name)) for name in ("while away", "before")
    }


def positions(office: Office) -> dict[int, int]:
    with suppress(sqlite3.OperationalError):
        connection = sqlite3.connect(office.data_dir / LEDGER_FILE)
        try:
            return dict(connection.execute("SELECT part, next_offset FROM position"))
        finally:
            connection.close()
    return {}


def test_partitions_added_later_are_read_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_LOOK_AGAIN_SECONDS", 0.3)
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
    fresh_broker: Broker, topic: Callable[..., str], tmp_path: Path
) -> None:
    office = Office(fresh_broker.bootstrap, topic("findings", at=fresh_broker), tmp_path)
    with Receiver([Answer(503)]) as receiver, office.open(hook(receiver)):
        office.produce(finding("a"))
        receiver.await_answered(503, 1)
        fresh_broker.stop()
        receiver.answer(Answer())
        receiver.await_answered(204, 1)
        fresh_broker.start()
        office.produce(finding("b"))
        receiver.await_answered(204, 2, seconds=60)
    assert keys(receiver) == [dedup_key(finding(name)) for name in "ab"]


WORKER = """
import json, sys
from pathlib import Path
from grantline.notify.backoff import Backoff
from grantline.notify.service import run
from grantline.notify.settings import AlertSettings, Destination
from grantline.notify.webhook import WebhookNotifier
told = json.loads(sys.argv[1])
hooks = [WebhookNotifier(url, name=name) for name, url in told["hooks"].items()]
run(AlertSettings(
    bootstrap=told["bootstrap"], topic=told["topic"], data_dir=Path(told["data_dir"]),
    destinations=tuple(Destination(notifier=hook) for hook in hooks),
    backoff=Backoff(first_seconds=0.05, longest_seconds=0.3),
))
"""


def worker(office: Office, **hooks: Receiver) -> subprocess.Popen[bytes]:
    told = {
        "bootstrap": office.bootstrap,
        "topic": office.topic,
        "data_dir": str(office.data_dir),
        "hooks": {name: receiver.url for name, receiver in hooks.items()},
    }
    return subprocess.Popen([sys.executable, "-c", WORKER, json.dumps(told)])


def recorded(office: Office, destination: str) -> set[str]:
    """Dedup keys of what the ledger says `destination` was sent."""
    connection = sqlite3.connect(office.data_dir / LEDGER_FILE)
    rows = connection.execute(
        "SELECT finding_id, revision FROM told WHERE destination = ? AND sent_ms IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.finding_id = told.finding_id "
        "AND o.destination = told.destination)",
        (destination,),
    ).fetchall()
    connection.close()
    return {f"{finding_id}-{revision}" for finding_id, revision in rows}


def test_sigkill_at_any_moment_loses_nothing_and_doubles_nothing_recorded(office: Office) -> None:
    findings = [finding(str(n), revision) for n in range(40) for revision in (0, 1)]
    findings = [
        each if each.revision == 0 else each.model_copy(update={"severity": "critical"})
        for each in findings
    ]
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
        after = {request.headers["idempotency-key"] for request in receiver.requests[before:]}
        assert not after & done


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
        eventually((office.data_dir / LEDGER_FILE).exists)
        second = worker(office, hook=receiver)
        assert second.wait(30) != 0
