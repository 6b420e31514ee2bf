"""A topic of each foreign log beside one of spans, through a real broker and a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from grantline.sources import SOURCES, Origin, read
from grantline.streams.settings import Feed
from grantline.wire.frames import decode_hops
from tests.brokers import Broker
from tests.stage import Stage, until

pytestmark = pytest.mark.timeout(300)

SAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "sources"
ISSUER = "https://kc.example.com/realms/lab"


def test_each_log_is_read_from_its_own_topic_and_what_is_none_of_it_is_rejected(
    broker: Broker, tmp_path: Path
) -> None:
    """Every source in one worker: records alone (as `grantline watch` sends them) and a whole file."""
    stage = Stage(broker.bootstrap, tmp_path, partitions=2)
    topics = {name: f"{stage.input}-{name}" for name in SOURCES}
    stage.settings = msgspec.structs.replace(
        stage.settings,
        sources={
            topic: Feed(name, None if SOURCES[name].names_issuer else ISSUER)
            for name, topic in topics.items()
        },
    )
    told: set[str] = set()
    passed_over = 0
    try:
        for name, topic in topics.items():
            sample = (SAMPLES / f"{name}.json").read_bytes()
            records = json.loads(sample)
            alone = [sample]
            if isinstance(records, list) and name != "okta":
                alone = [json.dumps(record).encode() for record in records]
            stage.send([*alone, b"\x0a\x00"], topic=topic)
            taken = read(
                SOURCES[name], sample, Origin(None if SOURCES[name].names_issuer else ISSUER)
            )
            told |= {hop.span_id for hop in taken.hops}
            passed_over += taken.passed_over
        worker = stage.worker()
        hops, rejected = (
            stage.log_of(name)
            for name in (stage.settings.topics.hops, stage.settings.topics.rejected)
        )

        def seen() -> set[str]:
            values = (message.value() or b"" for message in hops.read())
            return {hop.span_id for value in values for hop in decode_hops(value)}

        until(lambda: seen() == told and len(rejected.read()) == len(SOURCES), 60, "the logs")
        assert worker.figure("grantline_passed_over_total") == passed_over
    finally:
        stage.close()
