"""The way in that we do not write: a stock Collector, our configuration, a broker, our decoder.

Runs where `otelcol-contrib` is on the PATH or `GRANTLINE_OTELCOL` names a Collector, and with
`GRANTLINE_GO_TOOLS=1` where there is Go.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from grantline.embedded import LeashedProcess, free_port, tail
from grantline.wire import otlp
from tests.brokers import Broker
from tests.go_tools import collector

pytestmark = pytest.mark.timeout(900)

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "collector.yaml"


class Written:
    """What a Collector makes of requests sent to it."""

    def __init__(self, bootstrap: str, topic: str, url: str) -> None:
        self._bootstrap, self._topic, self._url = bootstrap, topic, url

    def send(self, body: bytes, content_type: str) -> None:
        request = urllib.request.Request(
            self._url, data=body, headers={"content-type": content_type}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def records(self, at_least: int, seconds: float = 20) -> list[Message]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "unused"})
        consumer.assign([TopicPartition(self._topic, 0, 0)])
        deadline = time.monotonic() + seconds
        found: list[Message] = []
        while len(found) < at_least and time.monotonic() < deadline:
            found += [m for m in consumer.consume(100, timeout=0.5) if m.error() is None]
        consumer.close()
        return found


@pytest.fixture
def written(broker: Broker, topic: Callable[..., str], tmp_path: Path) -> Iterator[Written]:
    """A running Collector with deploy/collector.yaml, on its own ports, topic and queue."""
    binary = collector()
    name, http, health = topic("spans"), free_port(), free_port()
    ours = {
        "receivers::otlp::protocols::grpc::endpoint": f"127.0.0.1:{free_port()}",
        "receivers::otlp::protocols::http::endpoint": f"127.0.0.1:{http}",
        "extensions::health_check::endpoint": f"127.0.0.1:{health}",
        "extensions::file_storage::directory": str(tmp_path / "queue"),
        "exporters::kafka/delegation::brokers": f"[{broker.bootstrap}]",
        "exporters::kafka/delegation::traces::topic": name,
        "service::telemetry::metrics::level": "none",
    }
    command = [binary, f"--config={CONFIGURATION}"]
    command += [f"--config=yaml:{key}: {value}" for key, value in ours.items()]
    log = tmp_path / "collector.log"
    with log.open("wb") as output:
        process = LeashedProcess(command, output)
    try:
        _await_health(health, process, log)
        yield Written(broker.bootstrap, name, f"http://127.0.0.1:{http}/v1/traces")
    finally:
        process.stop()


def _await_health(port: int, process: LeashedProcess, log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.running() and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the Collector does not run: {tail(log)}")


def _request(names: list[str], operation: str | None, padding: int = 0) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "planner"
    scope = resource.scope_spans.add()
    for index, name in enumerate(names, 1):
        span = scope.spans.add(name=name, start_time_unix_nano=index, end_time_unix_nano=index + 1)
        span.trace_id, span.span_id = index.to_bytes(16, "big"), index.to_bytes(8, "big")
        attributes = {
            "delegation.operation.name": operation,
            "delegation.token.fingerprint": "sha256:" + f"{index:064x}",
            "delegation.padding": "x" * padding,
        }
        for key, value in attributes.items():
            if value:
                span.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def _decoded(message: Message) -> otlp.Decoded:
    value = message.value()
    assert isinstance(value, bytes)
    return otlp.decode(value)


def test_delegation_spans_arrive_and_others_stay_out(written: Written) -> None:
    """The Collector's record is one that ingest reads without being told what it is."""
    written.send(_request(["GET /"], None), "application/x-protobuf")
    written.send(_request(["use calendar"], "use"), "application/x-protobuf")
    decoded = [_decoded(message) for message in written.records(1)]
    assert [len(one.hops) for one in decoded] == [1]
    assert sum(one.passed_over for one in decoded) == 0


def test_a_request_above_the_brokers_limit_is_split(written: Written) -> None:
    """Three megabytes in one request arrive whole, in records that the broker takes."""
    written.send(
        _request([f"use {n}" for n in range(300)], "use", 10_000), "application/x-protobuf"
    )
    messages = written.records(4)
    decoded = [_decoded(message) for message in messages]
    assert sum(len(one.hops) for one in decoded) == 300
    assert max(len(message.value() or b"") for message in messages) < 1_000_000
    assert len(messages) < 20
