"""The Kafka exporter against librdkafka's own in-process cluster: delivery, splitting, loss."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from grantline import emit
from grantline.emit.kafka import KafkaSpanExporter
from grantline.emit.tally import Tally
from grantline.emit.testing import capture
from tests.unit.emit.vectors import T0, T1


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A cluster inside this process; it lives as long as the producer that holds it."""
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del cluster


def read(bootstrap: str, topic: str, spans: int) -> list[tuple[ExportTraceServiceRequest, object]]:
    """Records of a topic, as requests with their headers, until so many spans have come."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    found: list[tuple[ExportTraceServiceRequest, object]] = []
    until = time.monotonic() + 20
    while sum(count(request) for request, _ in found) < spans and time.monotonic() < until:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            assert message.key() is None
            value = message.value()
            assert value is not None
            found.append((ExportTraceServiceRequest.FromString(value), message.headers()))
    consumer.close()
    return found


def count(request: ExportTraceServiceRequest) -> int:
    return sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)


def spans(number: int) -> list[ReadableSpan]:
    with capture() as seen:
        for _ in range(number):
            seen.emitter.use("t", token=T1)
        return [fact.span for fact in seen.facts()]


def test_a_batch_is_one_record_that_says_what_it_is(bootstrap: str) -> None:
    dl = emit.Emitter(
        emit.Settings(
            service_name="booker", exporter=f"kafka://{bootstrap}/one", schedule_delay_ms=1000
        )
    )
    dl.grant(T0)
    dl.delegate(T1, subject_token=T0)
    dl.use("t", token=T1)
    assert dl.flush()
    assert (dl.stats().delivered, dl.stats().lost) == (3, 0)
    dl.shutdown()
    ((request, headers),) = read(bootstrap, "one", 3)
    assert headers == [("content-type", b"application/x-protobuf")]
    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    assert scope.schema_url == emit.SCHEMA_URL
    assert [span.name for span in scope.spans] == ["grant planner", "delegate booker", "use t"]


def test_a_batch_above_the_limit_is_split_and_arrives_whole(bootstrap: str) -> None:
    tally = Tally()
    exporter = KafkaSpanExporter(bootstrap, "split", max_record=6000)
    exporter.report_to(tally)
    assert exporter.export(spans(20)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert tally.stats().delivered == 20
    found = read(bootstrap, "split", 20)
    assert len(found) > 4
    assert all(request.ByteSize() <= 6000 for request, _ in found)


def test_one_span_above_the_limit_is_lost_alone_and_counted(
    bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture() as seen:
        seen.emitter.use("small", token=T1)
        seen.emitter.use("big", token=T1, audiences=["x" * 1000] * 20)
        seen.emitter.use("small", token=T1)
        batch = [fact.span for fact in seen.facts()]
    tally = Tally()
    exporter = KafkaSpanExporter(bootstrap, "oversize", max_record=6000)
    exporter.report_to(tally)
    assert exporter.export(batch) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert tally.stats().dropped == {"oversize": 1}
    assert tally.stats().delivered == 2
    assert "1 so far (oversize" in caplog.text


def test_a_span_no_encoder_takes_is_lost_alone(bootstrap: str) -> None:
    broken = ReadableSpan("no context")
    tally = Tally()
    exporter = KafkaSpanExporter(bootstrap, "unencodable")
    exporter.report_to(tally)
    assert exporter.export([*spans(2), broken, *spans(2)]) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert tally.stats().dropped == {"unencodable": 1}
    assert tally.stats().delivered == 4


def test_an_unreachable_broker_costs_the_spans_within_the_timeout_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dl = emit.Emitter(
        emit.Settings(service_name="a", exporter="kafka://127.0.0.1:1/t", export_timeout=0.5)
    )
    began = time.monotonic()
    dl.use("t", token=T1)
    dl.flush()
    dl.shutdown()
    assert time.monotonic() - began < 5
    assert dl.stats().dropped == {"undeliverable": 1}
    assert dl.stats().pending == 0
    assert "_MSG_TIMED_OUT" in caplog.text


def test_an_unreachable_broker_does_not_hold_up_the_exit_beyond_its_timeout() -> None:
    dl = emit.Emitter(
        emit.Settings(service_name="a", exporter="kafka://127.0.0.1:1/t", exit_timeout=0.3)
    )
    for _ in range(600):
        dl.end()
    began = time.monotonic()
    dl.shutdown()
    assert time.monotonic() - began < 5
    stats = dl.stats()
    assert (stats.lost, stats.pending) == (600, 0)


def test_failing_closed_on_an_unreachable_broker_raises() -> None:
    dl = emit.Emitter(
        emit.Settings(
            service_name="a",
            exporter="kafka://127.0.0.1:1/t",
            export_timeout=0.3,
            fail_closed=True,
        )
    )
    with pytest.raises(emit.NotRecorded):
        dl.grant(T0)
    dl.shutdown()


def test_the_producer_is_the_one_promised() -> None:
    config = KafkaSpanExporter("h:1")._config
    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["compression.type"] == "zstd"
    assert config["partitioner"] == "murmur2_random"


FORKING = """
import os, sys, multiprocessing
from grantline import emit
from grantline.emit.testing import fake_token
dl = emit.configure(service_name="parent", exporter=f"kafka://{sys.argv[1]}/{sys.argv[2]}")
token = fake_token(iss="i", sub="u", client_id="c", aud="a")
dl.use("before", token=token)
dl.flush()
dl.use("waiting in the parent", token=token)
how = sys.argv[3]
if how == "fork":
    child = os.fork()
    if child == 0:
        assert dl.stats().emitted == 0
        dl.use("in the child", token=token)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
elif how == "idle":
    child = os.fork()
    if child == 0:
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    dl.use("in the child", token=token)
else:
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=dl.use, args=("in the child",), kwargs={"token": token})
    worker.start()
    worker.join(20)
    assert worker.exitcode == 0
dl.use("after", token=token)
"""


@pytest.mark.parametrize("how", ["fork", "idle", "multiprocessing"])
def test_parent_and_forked_child_both_deliver_and_both_end(bootstrap: str, how: str) -> None:
    topic = f"forked-{how}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, bootstrap, topic, how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = read(bootstrap, topic, 4)
    names, instances = [], set()
    for request, _ in found:
        for resource in request.resource_spans:
            names += [span.name for scope in resource.scope_spans for span in scope.spans]
            instances |= {
                a.value.string_value
                for a in resource.resource.attributes
                if a.key == "service.instance.id"
            }
    assert sorted(names) == [
        "use after",
        "use before",
        "use in the child",
        "use waiting in the parent",
    ]
    assert len(instances) == (1 if how == "idle" else 2)
