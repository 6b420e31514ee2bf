"""A topic of a foreign log beside one of spans, through a real broker and a real worker."""

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

SAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "sources" / "keycloak.json"
ISSUER = "https://kc.example.com/realms/lab"


def test_a_log_is_read_from_its_own_topic_and_what_is_none_of_it_is_rejected(
    broker: Broker, tmp_path: Path
) -> None:
    stage = Stage(broker.bootstrap, tmp_path, partitions=2)
    topic = f"{stage.input}-log"
    stage.settings = msgspec.structs.replace(
        stage.settings, sources={topic: Feed("keycloak", ISSUER)}
    )
    events = json.loads(SAMPLE.read_bytes())
    try:
        stage.send([*(json.dumps(event).encode() for event in events), b"\x0a\x00"], topic=topic)
        worker = stage.worker()
        hops, rejected = (
            stage.log_of(name)
            for name in (stage.settings.topics.hops, stage.settings.topics.rejected)
        )
        told = {
            hop.span_id
            for hop in read(SOURCES["keycloak"], SAMPLE.read_bytes(), Origin(ISSUER)).hops
        }

        def seen() -> set[str]:
            values = (message.value() or b"" for message in hops.read())
            return {hop.span_id for value in values for hop in decode_hops(value)}

        until(lambda: seen() == told and len(rejected.read()) == 1, 60, "the log")
        assert worker.figure("grantline_passed_over_total") == 1
    finally:
        stage.close()
