"""Few pages: what one person would work on at once is told once, by the real process over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from grantline.alerts.ongoing import Rhythm
from grantline.model import action
from grantline.model.action import Action, Matching, What
from grantline.model.finding import Finding
from grantline.model.incident import IncidentRecord, decode
from grantline.notify.acting import record, token
from grantline.notify.settings import LEDGER_FILE
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
    create_topic(broker.bootstrap, office.actions, 2)
    return office


def pages(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body)["data"] for request in receiver.answered(204)]


def values(office: Office, topic: str) -> list[tuple[bytes, bytes]]:
    """(key, value) of all that is in a topic of two partitions, each partition in its order."""
    consumer = Consumer({"bootstrap.servers": office.bootstrap, "group.id": "look"})
    places = [TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(2)]
    found: list[tuple[bytes, bytes]] = []
    try:
        ends = [consumer.get_watermark_offsets(place, 20)[1] for place in places]
        consumer.assign(places)
        while len(found) < sum(ends):
            for message in consumer.consume(100, timeout=1.0):
                assert message.error() is None
                found.append((message.key() or b"", message.value() or b""))
    finally:
        consumer.close()
    return found


def records(office: Office) -> list[IncidentRecord]:
    """What is in the topic of incidents, a partition's records in their order."""
    found = []
    for key, value in values(office, office.incidents):
        record = decode(value)
        assert key == record.id.encode()
        found.append(record)
    return found


def outcomes(office: Office) -> dict[str, Action]:
    """What became of each action, by its id."""
    found: dict[str, Action] = {}
    for _, value in values(office, office.actions):
        with suppress(msgspec.DecodeError):
            made = action.decode(value)
            if made.state != "recorded":
                found[made.id] = made
    return found


def did(office: Office, what: What, **about: Any) -> Action:
    """Records it, as the command line does."""
    made = action.action(
        what, token=token(), who="alice", via="test", now=datetime.now(UTC), **about
    )
    record(made, bootstrap=office.bootstrap, topic=office.actions, kafka={})
    return made


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
            office.produce(finding("59"), finding("60"))  # the last one is this process's own
            eventually(lambda: len({r.id for r in records(office) if r.told}) == 61, 60)
        finally:
            process.terminate()
            assert process.wait(30) == 0
    last: dict[str, IncidentRecord] = {}
    for each in records(office):
        highest = last.setdefault(each.id, each)
        if each.revision >= highest.revision:
            last[each.id] = each
    by_place = {each.id: each for each in records(office)}
    assert by_place == last
    assert {each.lead for each in last.values()} == {finding(str(n)).id for n in range(61)}


def test_what_people_do_is_taken_once_and_said_to_be_whatever_is_beside_it(office: Office) -> None:
    """Records that are no actions stop nothing; a process killed and started again does none twice."""
    with Receiver() as receiver:
        process = worker(office, hook=receiver)
        try:
            office.produce(child(1), finding("other"))
            receiver.await_answered(204, 2)
            mine, other = (record.id for record in said_of(office, child(1), finding("other")))
            producer = Producer({"bootstrap.servers": office.bootstrap})
            for junk in (b"{", b"\xff" * 40, b"x" * 40_000, b'{"id":"act_1","who":"\\u001b[2J"}'):
                producer.produce(office.actions, junk)
            assert producer.flush(30) == 0
            taken = did(office, "acknowledge", incident=mine)
            unknown = did(office, "resolve", incident="inc_" + 32 * "0")
            silence = did(
                office, "silence", matching=Matching(agent="agent-9"),
                until=datetime.now(UTC) + timedelta(hours=1), reason="deployment",
            )  # fmt: skip
            eventually(lambda: len(outcomes(office)) == 3)
        finally:
            process.kill()
            process.wait(10)
        process = worker(office, hook=receiver)
        try:
            office.produce(
                finding("ninth", actor="agent-9"), child(1, revision=1, severity="critical")
            )
            closed = did(office, "resolve", incident=other)
            eventually(lambda: closed.id in outcomes(office))
            eventually(
                lambda: {"escalated", "resolved"} <= {page["event"] for page in pages(receiver)}
            )
            eventually(lambda: any(record.state == "silenced" for record in records(office)))
        finally:
            process.terminate()
            assert process.wait(30) == 0
        told = pages(receiver)
    states = {id_: made.state for id_, made in outcomes(office).items()}
    assert states == {
        taken.id: "taken", unknown.id: "refused", silence.id: "taken", closed.id: "taken",
    }  # fmt: skip
    events = [(page["id"], page["event"]) for page in told]
    assert [event for id_, event in events if id_ == mine] == [
        "opened",
        "acknowledged",
        "escalated",
    ]
    assert [event for id_, event in events if id_ == other] == ["opened", "resolved"]
    assert {id_ for id_, _ in events} == {mine, other}
    echoes = [action.decode(value) for _, value in values(office, office.actions)
              if b'"state":"taken"' in value or b'"state":"refused"' in value]  # fmt: skip
    assert len(echoes) == 4


def said_of(office: Office, *leads: Finding) -> list[IncidentRecord]:
    """The last record of the incident that each of these leads."""
    eventually(lambda: {lead.id for lead in leads} <= {r.lead for r in records(office)})
    last = {record.lead: record for record in records(office)}
    return [last[lead.id] for lead in leads]


def lose(office: Office) -> None:
    """The ledger, and what SQLite keeps beside it."""
    for file in office.data_dir.glob(f"{LEDGER_FILE}*"):
        file.unlink()


def test_a_lost_ledger_is_made_anew_and_pages_nobody_for_what_was_told(office: Office) -> None:
    """Killed again and again meanwhile. What came while there was none is told; what people did holds."""
    names = [f"told {number}" for number in range(24)]
    with Receiver() as receiver:
        process = worker(office, hook=receiver)
        try:
            office.produce(*(finding(name) for name in names), child(1), child(2))
            receiver.await_answered(204, 25)
            [mine, shut] = (record.id for record in said_of(office, child(1), finding("told 1")))
            did(office, "acknowledge", incident=mine)
            did(office, "resolve", incident=shut)
            did(
                office, "silence", matching=Matching(agent="agent-9"),
                until=datetime.now(UTC) + timedelta(hours=1), reason="deployment",
            )  # fmt: skip
            eventually(lambda: len(outcomes(office)) == 3)
            eventually(lambda: len({r.id for r in records(office) if r.told}) == 25)
            eventually(lambda: {"acknowledged", "resolved"} <= {
                told.event for record in records(office) for told in record.told.values()
            })  # fmt: skip
        finally:
            process.kill()
            process.wait(10)
        before = len(pages(receiver))
        episodes = {record.id: record for record in records(office)}
        lose(office)
        office.produce(finding("came meanwhile"), finding("hidden", actor="agent-9"))
        for seconds in (0.4, 0.8, 1.6):  # a kill in the start, while topics are read, and after
            process = worker(office, new=True, hook=receiver)
            time.sleep(seconds)
            process.kill()
            process.wait(10)
        process = worker(office, new=True, hook=receiver)
        try:
            eventually(lambda: len(pages(receiver)) > before, 60)
            office.produce(child(1, revision=1, severity="critical"), finding("later"))
            eventually(lambda: {"escalated", "opened"} <= {
                page["event"] for page in pages(receiver)[before:]
                if page["finding"]["id"] in {child(1).id, finding("later").id}
            })  # fmt: skip
            said = said_of(office, child(1), finding("told 1"), finding("hidden", actor="agent-9"))
        finally:
            process.terminate()
            assert process.wait(30) == 0
        told = {(page["finding"]["id"], page["event"]) for page in pages(receiver)[before:]}
    assert told == {
        (finding("came meanwhile").id, "opened"),
        (finding("later").id, "opened"),
        (child(1).id, "escalated"),
    }
    assert [record.state for record in said] == ["open", "resolved", "silenced"]
    assert {each.known_since for each in records(office)} == {episodes[mine].known_since}
    last = {record.id: record for record in records(office)}
    assert all(last[id_].episode == record.episode for id_, record in episodes.items())
    assert all(last[id_].revision >= record.revision for id_, record in episodes.items())


def test_a_new_ledger_where_no_incident_was_told_is_a_first_start(office: Office) -> None:
    office.produce(finding("old"))
    time.sleep(0.05)
    with Receiver() as receiver:
        process = worker(office, new=True, hook=receiver)
        try:
            eventually(lambda: any(record.told == {} for record in records(office)), 60)
            office.produce(finding("new"))
            receiver.await_answered(204, 1)
        finally:
            process.terminate()
            assert process.wait(30) == 0
        assert [page["finding"]["id"] for page in pages(receiver)] == [finding("new").id]
