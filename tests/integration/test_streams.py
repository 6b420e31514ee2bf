"""Workers on a real broker: spans in, findings out. Faults are in test_faults.py, hostile input
in test_hostile.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    ResourceType,
)

from grantline.model.finding import Finding
from grantline.model.hop import ROOT_RESOLVED
from grantline.streams import topics
from grantline.wire.frames import decode_hops
from tests.brokers import Broker, create_topic
from tests.processes import Worker
from tests.stage import Stage, headers_of, until
from tests.workers import records, story, undisturbed

pytestmark = pytest.mark.timeout(300)

HOPS = [hop for number in range(40) for hop in story(number)]


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(broker.bootstrap, tmp_path)
    yield made
    made.close()


def _ready(stage: Stage) -> None:
    for worker in stage.processes:
        if isinstance(worker, Worker) and worker.status is None:
            until(lambda w=worker: w.get("ready")[0] == 200, 40, "readiness")  # type: ignore[misc]


def test_spans_become_findings_and_a_restart_says_nothing_twice(stage: Stage) -> None:
    """Findings are those of an undisturbed run; a worker that was told to stop has committed
    everything, and the next one folds its state again in silence."""
    expected = undisturbed(HOPS)
    first = stage.worker()
    _ready(stage)
    stage.send(records(HOPS, seed=1))
    said = stage.expect(expected)
    assert first.figure("grantline_hops_total") == len(HOPS)
    assert first.figure("grantline_rejected_total") == 0
    assert first.stop() == 0, stage.last_words()

    second = stage.worker()
    _ready(stage)
    assert second.figure("grantline_replayed_records_total") > 0
    until(lambda: second.figure("grantline_lag_records") == 0)
    time.sleep(1)
    again = stage.expect(expected)
    assert len(again) == len(said)
    assert second.figure("grantline_findings_total") == 0


def test_a_backlog_goes_on_in_few_frames(broker: Broker, tmp_path: Path) -> None:
    """What waits for the worker in all partitions is handed on together: each keyed partition gets
    a frame for all of them, not one for each."""
    stage = Stage(broker.bootstrap, tmp_path, partitions=12)
    try:
        hops = [hop for number in range(120) for hop in story(number)]
        for number, record in enumerate(records(hops, seed=4, spans=len(hops) // 12)):
            stage.hand_over(record, partition=number % 12)
        stage.flush()
        stage.worker()
        stage.expect(undisturbed(hops))
        frames = [
            message
            for message in stage.log_of(stage.settings.topics.hops).read(2)
            # What is sent on later, when its root is found or its grace has passed, comes as it comes.
            if not all(
                hop.chain_key or ROOT_RESOLVED in hop.flags
                for hop in decode_hops(message.value() or b"")
            )
        ]
        # One at a time would be some 225.
        assert len(frames) < 6 * 12
    finally:
        stage.close()


def test_findings_are_cloudevents_addressed_by_their_id(stage: Stage) -> None:
    """Each record on the findings topic is keyed by the finding's id, lies in the id's partition
    and says in its headers what it is."""
    from grantline.lineage.partition import partition_of

    stage.worker()
    hops = story(1)
    stage.send(records(hops, seed=3))
    stage.expect(undisturbed(hops))
    seen: set[tuple[str, int]] = set()
    for message in stage.log_of(stage.settings.topics.findings).read(2):
        finding = Finding.model_validate_json(message.value() or b"")
        headers = headers_of(message)
        assert message.key() == finding.id.encode()
        assert message.partition() == partition_of(finding.id, stage.settings.partitions)
        assert headers["ce_specversion"] == b"1.0"
        assert headers["ce_id"] == f"{finding.id}-{finding.revision}".encode()
        assert headers["ce_type"].startswith(b"dev.grantline.finding.")
        assert headers["content-type"] == b"application/json"
        assert finding.root_id is None or headers["ce_subject"] == finding.root_id.encode()
        assert (finding.id, finding.revision) not in seen
        seen.add((finding.id, finding.revision))
    assert seen


def test_a_fault_in_the_engine_ends_the_worker_before_it_commits(stage: Stage) -> None:
    """Status 1 for the supervisor, and the hop that met the fault is not lost: a worker without
    the fault says everything."""
    broken = stage.worker("broken")
    stage.send(records(HOPS, seed=10))
    assert broken.wait(40) == 1
    assert "this engine is broken on purpose" in broken.log.read_text()
    stage.worker()
    stage.expect(undisturbed(HOPS))


def test_an_offset_that_was_committed_is_never_taken_back(stage: Stage) -> None:
    """While state is folded again, the committed offsets of the keyed topics stay where they
    were."""
    from confluent_kafka import Consumer, TopicPartition

    names = stage.settings.topics
    places = [
        TopicPartition(topic, number)
        for topic in (names.hops, names.tokens, stage.input)
        for number in range(stage.settings.partitions)
    ]
    group = Consumer({"bootstrap.servers": stage.bootstrap, "group.id": stage.settings.application})

    def committed() -> list[int]:
        return [place.offset for place in group.committed(places, timeout=10)]

    first = stage.worker()
    stage.send(records(HOPS, seed=8))
    stage.expect(undisturbed(HOPS))
    assert first.stop() == 0
    before = committed()
    assert max(before) > 0
    second = stage.worker()
    low = before
    while second.get("ready")[0] != 200:
        low = [min(a, b) for a, b in zip(low, committed(), strict=True)]
        time.sleep(0.05)
    time.sleep(1)
    low = [min(a, b) for a, b in zip(low, committed(), strict=True)]
    group.close()
    assert low == before


def test_offsets_with_gaps_do_not_stall_the_commit(stage: Stage) -> None:
    """Transactions leave markers in the log that no reader is given: lag and commit go to the
    end all the same, and time goes on."""
    from confluent_kafka import Producer

    topics.ensure(stage.settings)
    hops = story(9)
    producer = Producer(
        {"bootstrap.servers": stage.bootstrap, "transactional.id": stage.input, "log_level": 0}
    )
    try:
        producer.init_transactions(20)
    except Exception as why:  # noqa: BLE001
        pytest.skip(f"this broker has no transactions: {why}")
    for value in records(hops, seed=9, spans=2):
        producer.begin_transaction()
        producer.produce(stage.input, value, partition=0)
        producer.commit_transaction(20)
    worker = stage.worker()
    stage.expect(undisturbed(hops))
    until(lambda: worker.figure("grantline_commits_total") > 0)
    until(lambda: worker.figure("grantline_lag_records") == 0)
    assert worker.stop() == 0


def test_topics_are_declared_with_their_settings(stage: Stage) -> None:
    """The broker stamps what the engine's clock is read from; declaring twice changes nothing."""
    topics.ensure(stage.settings)
    topics.ensure(stage.settings)
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    name = stage.settings.topics.hops
    there = admin.list_topics(timeout=10).topics[name]
    assert len(there.partitions) == stage.settings.partitions
    resource = ConfigResource(ResourceType.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(10)
    if not config:
        pytest.skip("this broker does not tell the settings of its topics")
    assert config["message.timestamp.type"].value == "LogAppendTime"
    assert config["cleanup.policy"].value == "delete"


def test_two_workers_have_half_of_each_topic(broker: Broker, tmp_path: Path) -> None:
    """As many all in all is not enough: the work differs from topic to topic."""
    stage = Stage(broker.bootstrap, tmp_path, partitions=4)
    try:
        stage.worker()
        _ready(stage)
        alone = _held(stage)
        if not alone:
            pytest.skip("this broker does not tell who holds what")
        stage.worker()
        until(lambda: len(_held(stage)) == 2, 40, "the second in the group")
        _ready(stage)
        hands = _held(stage)
        names = stage.settings.topics
        for topic in (stage.input, names.hops, names.tokens):
            assert [sum(name == topic for name, _ in hand) for hand in hands] == [2, 2]
        assert set.union(*hands) == alone[0]
    finally:
        stage.close()


def _held(stage: Stage) -> list[set[tuple[str, int]]]:
    """What each worker has, as the broker has it; nothing while the group is not settled."""
    admin = AdminClient({"bootstrap.servers": stage.bootstrap, "log_level": 0})
    group = stage.settings.application
    found = admin.describe_consumer_groups([group], request_timeout=10)[group].result(10)
    hands = [
        {(place.topic, place.partition) for place in member.assignment.topic_partitions}
        for member in found.members
    ]
    return hands if all(hands) else []


def test_another_partition_count_is_refused_with_the_cure(stage: Stage) -> None:
    """Keys of an existing topic cannot be spread anew; the error says what can be done."""
    create_topic(stage.bootstrap, stage.settings.topics.tokens, 5)
    with pytest.raises(
        topics.TopicError, match=r"has 5 partitions, the setting says 3; set GRANTLINE_PART"
    ):
        topics.ensure(stage.settings)


def test_pages_show_health_readiness_and_figures(stage: Stage) -> None:
    """What an orchestrator and Prometheus ask for, and Faust's own figures; the pages that would
    only show that something is missing are not there."""
    worker = stage.worker()
    until(lambda: worker.get("health")[0] == 200)
    _ready(stage)
    status, body = worker.get("ready")
    assert status == 200
    assert len(json.loads(body)["partitions"]) == 2 * stage.settings.partitions
    assert worker.figure("grantline_ready") == 1
    assert "# TYPE grantline_hops_total counter" in worker.get("metrics")[1]
    assert "messages_received_total" in worker.get("")[1]
    assert [worker.get(page)[0] for page in ("graph/", "table/", "router/")] == [404] * 3


def test_pages_answer_while_state_is_rebuilt(stage: Stage) -> None:
    """Healthy and not ready: an orchestrator waits, and neither kills it nor sends it away."""
    hops = [hop for number in range(400) for hop in story(number)]
    first = stage.worker()
    _ready(stage)
    stage.send(records(hops, seed=12))
    stage.expect(undisturbed(hops), 90)
    assert first.stop() == 0, stage.last_words()

    second = stage.worker()
    until(lambda: second.get("health")[0] == 200)
    rebuilding = 0
    status, body = second.get("ready")
    while status != 200:
        assert status == 503, stage.last_words()
        assert second.get("health") == (200, '{"status":"ok"}')
        partitions = json.loads(body)["partitions"]
        rebuilding += any(not partition["live"] for partition in partitions)
        status, body = second.get("ready")
    assert rebuilding, "it was over before anybody looked"
    assert all(partition["live"] for partition in json.loads(body)["partitions"])
    assert second.figure("grantline_ready") == 1
    assert second.figure("grantline_replayed_records_total") > 0
    until(lambda: second.figure("grantline_replay_remaining_records") == 0, 5)
