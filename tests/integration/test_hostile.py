"""What others may write to our topics: told of exactly, once, without a secret, and survived."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from grantline.lineage.route import route
from grantline.streams.topics import ensure
from grantline.wire import rejections
from grantline.wire.frames import encode_hops, encode_sightings
from grantline.wire.otlp import decode
from tests import hostile
from tests.brokers import Broker
from tests.findings import finding
from tests.otlp import FAKE_JWT
from tests.processes import Worker, Writer
from tests.stage import Log, Stage, headers_of, until
from tests.workers import records, story, undisturbed

pytestmark = pytest.mark.timeout(300)

HOPS = story(7)
STOLEN = msgspec.structs.replace(HOPS[0], span_id=FAKE_JWT)
SIGHTING = msgspec.structs.replace(route(HOPS[0]).sightings[0], key=f"tok:{FAKE_JWT}")
FRAMES = {
    "hops": (b"not a frame", b"\x92\x63\x90", encode_hops([STOLEN])),
    "tokens": (b"\x92\x63\x90", b"\xc1" * 900_000, encode_sightings([SIGHTING])),
}
"""Read by the worker."""
MESSAGES = {
    "findings": (
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"id": FAKE_JWT}).encode(),
        finding().model_dump_json().replace("00f067aa0ba902b7", FAKE_JWT).encode(),
    ),
    "rejected": (b"{", json.dumps({"reason": FAKE_JWT, "detail": FAKE_JWT}).encode()),
}
"""Read by the writer, as the frames of hops are."""

Told = dict[tuple[str, int, int, int], str]
"""Topic, partition, offset and span index -> reason."""


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(broker.bootstrap, tmp_path)
    yield made
    made.close()


def _send(stage: Stage) -> tuple[Told, Told]:
    """Everything hostile, to the first partition of its topic; what the worker must tell of it,
    and what the writer must."""
    ensure(stage.settings)
    stage.foreign = set(MESSAGES["findings"])
    names = stage.settings.topics
    by_worker: Told = {}
    by_writer: Told = {}
    for offset, record in enumerate(hostile.RECORDS.values()):
        stage.hand_over(record.value, partition=0)
        by_worker |= {(stage.input, 0, offset, at): why for at, why in record.rejected.items()}
    for topic, values in (FRAMES | MESSAGES).items():
        name = getattr(names, topic)
        for offset, value in enumerate(values):
            stage.hand_over(value, name, partition=0)
            place = (name, 0, offset, hostile.WHOLE_RECORD)
            if topic in FRAMES:
                by_worker[place] = "bad_frame"
            else:
                by_writer[place] = "unreadable_record"
    stage.flush()
    return by_worker, by_writer


def _told(log: Log) -> Told:
    """What is on the topic of rejections, each with headers that say the same; none twice."""
    told: Told = {}
    for message in log.read():
        value, headers = message.value() or b"", headers_of(message)
        if value in MESSAGES["rejected"]:
            continue
        row = rejections.decode(value)
        assert headers["source_topic"].decode() == row.source_topic
        assert int(headers["source_partition"]) == row.source_partition
        assert int(headers["source_offset"]) == row.source_offset
        assert headers["reason"].decode() == row.reason
        assert not any(secret.encode() in value for secret in hostile.SECRETS)
        assert row[2:6] not in told
        told[row[2:6]] = row.reason
    return told


def _stored(stage: Stage, writer: Writer) -> Told:
    rows = writer.ask(
        "SELECT source_topic, source_partition, source_offset, span_index, "
        # Worker and writer both read frames of hops: whoever is first names the reason.
        f"if(source_topic = '{stage.settings.topics.hops}', 'bad_frame', reason) FROM rejected"
    )
    return {row[:4]: row[4] for row in rows or []}


def _counted(worker: Worker) -> Counter[str]:
    """The worker's own figures."""
    found = re.findall(r'grantline_rejected_total{reason="(\w+)"} (\d+)', worker.get("metrics")[1])
    return Counter({reason: int(number) for reason, number in found if int(number)})


def test_hostile_input_costs_only_itself(stage: Stage) -> None:
    """Every record, frame and message is rejected with its reason and place, and counted; the
    neighbours arrive; worker and writer go on, and a restart tells nothing again."""
    by_worker, by_writer = _send(stage)
    worker, writer = stage.worker(), stage.writer()
    beside = [hop for record in hostile.RECORDS.values() for hop in decode(record.value).hops]
    good = [hop for hop in beside if len(hop.audiences or ()) < 64]
    stage.send(records(HOPS, seed=7))
    stage.expect(undisturbed([*good, *HOPS]))
    log = stage.log_of(stage.settings.topics.rejected)
    until(lambda: len(_told(log)) >= len(by_worker))
    until(lambda: len(_stored(stage, writer)) >= len(by_worker) + len(by_writer))
    spans = {hop.span_id for hop in (*good, *HOPS)}
    until(lambda: {row[0] for row in writer.ask("SELECT span_id FROM hops") or []} == spans)
    assert _counted(worker) == Counter(by_worker.values())
    assert worker.stop() == 0

    second = stage.worker()
    until(lambda: second.figure("grantline_replayed_records_total") > 0)
    until(lambda: second.get("ready")[0] == 200)
    time.sleep(1)
    assert _told(log) == by_worker
    assert _stored(stage, writer) == by_worker | by_writer
    assert second.figure("grantline_rejected_total") == 0
    assert (second.stop(), writer.stop()) == (0, 0)
    logs = "".join(process.log.read_text() for process in stage.processes)
    assert not any(secret in logs for secret in hostile.SECRETS)
