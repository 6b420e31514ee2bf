"""Few pages: what one person would work on at once is told once, by the real process over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from grantline.alerts.ongoing import Rhythm
from grantline.model.incident import IncidentRecord, decode
from grantline.notify.slack import SlackNotifier
from tests.brokers import Broker, create_topic
from tests.findings import finding
from tests.integration.test_alert_process import Office, await_read, eventually, hook, worker
from tests.receiver import Answer, Receiver

QUICK = Rhythm(intervals=(1.0, 2.0, 3.0), quiet=3_000.0, resolved=6_000.0)


@pytest.fixture
def office(broker: Broker, topic: Callable[..., str], tmp_path: Path) -> Office:
    office = Office(broker.bootstrap, topic("findings", partitions=3), tmp_path)
    create_topic(broker.bootstrap, office.incidents, 2)
    return office


def pages(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body)["data"] for request in receiver.answered(204)]


def records(office: Office) -> list[IncidentRecord]:
    """What is in the topic of incidents, a partition's records in their order."""
    consumer = Consumer({"bootstrap.servers": office.bootstrap, "group.id": "look"})
    places = [TopicPartition(office.incidents, part, OFFSET_BEGINNING) for part in range(2)]
    found: list[IncidentRecord] = []
    try:
        ends = [consumer.get_watermark_offsets(place, 20)[1] for place in places]
        consumer.assign(places)
        while len(found) < sum(ends):
            for message in consumer.consume(100, timeout=1.0):
                assert message.error() is None
                record = decode(message.value() or b"")
                assert message.key() == record.id.encode()
                found.append(record)
    finally:
        consumer.close()
    return found


def child(number: int, **changed: Any) -> Any:
    return finding(
        f"child {number}",
        rule="used-after-revocation",
        reference="TR-05",
        root_id="dlg_root",
        revoked_id="dlg_planner",
        revoked_by="alice",
        actor=f"agent-{number}",
        system="payments",
        outcome="allowed",
        issuer="https://as.example.com",
        jti=f"j-{number}",
        token_fingerprints=[f"sha256:{number:064x}"],
        facts={"revoked": "2026-11-23T19:00:00.000Z"},
        **changed,
    )


def test_forty_working_children_of_one_revoked_grant_are_one_page(office: Office) -> None:
    with Receiver() as receiver, office.open(hook(receiver), gather_seconds=0.3):
        office.produce(*(child(number) for number in range(40)))
        receiver.await_answered(204, 1)
        await_read(office, 40)
        time.sleep(1.0)
        told = pages(receiver)
    assert [page["event"] for page in told] == ["opened"]
    [page] = told
    assert page["kind"] == "revoked"
    assert page["subject"] == "dlg_planner"
    assert (page["revoked_by"], page["systems"]) == ("alice", ["payments"])
    assert (page["issuer"], page["jti"]) == ("https://as.example.com", page["finding"]["jti"])
    assert f"token {page['jti']} at https://as.example.com" in page["revoke"]


def test_sixty_unknown_tokens_of_one_client_are_one_page(office: Office) -> None:
    """Each in a chain of its own, or in none."""
    tokens = [
        finding(
            f"token {number}",
            rule="unknown-token",
            reference="CS-06",
            severity="medium",
            actor="old-client",
            root_id=f"r{number}" if number % 2 else None,
            token_fingerprints=[f"sha256:{number:064x}"],
        )
        for number in range(60)
    ]
    with Receiver() as receiver, office.open(hook(receiver), gather_seconds=0.3):
        office.produce(*tokens)
        receiver.await_answered(204, 1)
        await_read(office, 60)
        time.sleep(1.0)
        told = pages(receiver)
    assert [(page["event"], page["subject"]) for page in told] == [("opened", "old-client")]


def test_a_first_start_tells_nothing_old_but_what_goes_on(office: Office) -> None:
    office.produce(*(finding(f"old {number}") for number in range(20)), finding("goes on"))
    time.sleep(0.05)
    with Receiver() as receiver, office.open(hook(receiver), new=True):
        await_read(office, 21)
        later = {"last_seen": "2026-11-23T21:00:00.000000Z", "count": 2, "outcome": "allowed"}
        office.produce(
            finding("old 3", 1, explanation="better worded"),
            finding("goes on", 1, **later),
            finding("new"),
        )
        receiver.await_answered(204, 2)
        await_read(office, 24)
        time.sleep(0.5)
        told = pages(receiver)
    said = {page["finding"]["id"]: page["event"] for page in told}
    assert said == {finding("goes on").id: "continuing", finding("new").id: "opened"}
    assert len(told) == 2


def test_twenty_further_uses_update_the_page_of_the_same_incident(office: Office) -> None:
    with Receiver() as receiver, office.open(hook(receiver), rhythm=QUICK):
        office.produce(child(1))
        receiver.await_answered(204, 1)
        uses = [
            child(
                1,
                revision=more,
                count=1 + more,
                last_seen=f"2026-11-23T20:00:{more:02}.000000Z",
            )
            for more in range(1, 21)
        ]
        office.produce(*uses)
        eventually(lambda: sum(page["uses_since"] for page in pages(receiver)) == 20)
        told = pages(receiver)
    assert [page["event"] for page in told] == ["opened", *["updated"] * (len(told) - 1)]
    assert len(told) < 20
    assert len({page["id"] for page in told}) == 1
    assert told[-1]["uses"] == 21
    assert "more since the last message" in told[-1]["going_on"]


def test_a_finding_whose_root_is_learnt_late_moves_and_nobody_is_paged_twice(
    office: Office,
) -> None:
    """The page it leaves is taken back; the one it joins is told of it as more of the same."""
    with Receiver() as receiver, office.open(hook(receiver), rhythm=QUICK):
        office.produce(finding("known", root_id="r1"))
        office.produce(finding("late", root_id=None))
        receiver.await_answered(204, 2)
        office.produce(finding("late", 1, root_id="r1"))
        eventually(lambda: len(pages(receiver)) == 4)
        told = pages(receiver)
    assert [page["event"] for page in told].count("opened") == 2
    assert sorted(page["event"] for page in told[2:]) == ["retracted", "updated"]
    assert {page["findings"] for page in told[2:]} == {0, 2}


def test_slack_has_one_message_that_the_process_edits_over_a_restart(office: Office) -> None:
    body = json.dumps({"ok": True, "ts": "1700.1"}).encode()
    with Receiver([Answer(200, {"Content-Type": "application/json"}, 0, body)]) as receiver:

        def told() -> list[str]:
            return [request.path.rpartition("/")[2] for request in receiver.answered(200)]

        with office.open(SlackNotifier("xoxb-fake", "C1", url=receiver.url), rhythm=QUICK):
            office.produce(child(1))
            receiver.await_answered(200, 1)
        with office.open(SlackNotifier("xoxb-fake", "C1", url=receiver.url), rhythm=QUICK):
            office.produce(child(1, revision=1, severity="critical"))
            receiver.await_answered(200, 3)
        assert told() == ["chat.postMessage", "chat.update", "chat.postMessage"]
    edited = json.loads(receiver.requests[1].body)
    assert edited["ts"] == "1700.1"


def test_every_change_of_an_incident_leaves_as_a_record_in_its_order(office: Office) -> None:
    """Who was told what is one, too; and the last one says how it stands."""
    with Receiver() as receiver, office.open(hook(receiver), rhythm=QUICK):
        office.produce(child(1))
        receiver.await_answered(204, 1)
        eventually(lambda: any(record.told for record in records(office)))
        office.produce(child(2, severity="critical"))
        receiver.await_answered(204, 2)
        office.produce(child(1, revision=1, status="retracted"))
        office.produce(child(2, revision=1, status="retracted", severity="critical"))
        receiver.await_answered(204, 3)
        eventually(lambda: records(office)[-1].told["hook"].event == "retracted")
        said = records(office)
    assert [record.revision for record in said] == sorted({record.revision for record in said})
    assert said[0].told == {}
    assert (said[0].state, said[0].member_count, said[0].continuing) == ("open", 1, True)
    last = said[-1]
    assert (last.state, last.member_count, last.findings, last.continuing) == (
        "retracted", 2, 0, False,
    )  # fmt: skip
    assert set(last.members) == {child(1).id, child(2).id}
    assert "critical" in {record.severity for record in said}
    posted = {page["revision"] for page in pages(receiver)}
    assert posted <= {record.revision for record in said}


def test_killed_at_any_moment_the_records_end_as_the_ledger_stands(office: Office) -> None:
    """None is lost: at least once, and of each incident the last one is the newest."""
    office.produce(*(finding(str(n)) for n in range(60)))
    with Receiver() as receiver:
        for least in (1, 20, 40):
            process = worker(office, hook=receiver)
            try:
                eventually(lambda least=least: len(records(office)) >= least)  # type: ignore[misc]
            finally:
                process.kill()
                process.wait(10)
        process = worker(office, hook=receiver)
        try:
            eventually(lambda: len({r.id for r in records(office) if r.told}) == 60, 60)
        finally:
            process.terminate()
            assert process.wait(30) == 0
    last: dict[str, IncidentRecord] = {}
    for record in records(office):
        highest = last.setdefault(record.id, record)
        if record.revision >= highest.revision:
            last[record.id] = record
    by_place = {record.id: record for record in records(office)}
    assert by_place == last
    assert {record.lead for record in last.values()} == {finding(str(n)).id for n in range(60)}
