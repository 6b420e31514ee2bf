"""OTLP over HTTP against a real server in this process, which parses what it gets."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from grantline import emit
from tests.unit.emit.vectors import D0, T0


class Collector(ThreadingHTTPServer):
    """Takes OTLP requests; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.got: list[tuple[str, ExportTraceServiceRequest]] = []


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.headers["Content-Type"] == "application/x-protobuf"
        self.server.got.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("scheme", ["http", "otlp"])
def test_a_collector_gets_the_facts(
    collector: Collector, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grantline.emit.exporters.has_grpc", lambda: False)
    address = f"{scheme}://127.0.0.1:{collector.server_port}"
    dl = emit.Emitter(emit.Settings(service_name="booker", exporter=address))
    dl.grant(T0)
    assert dl.flush()
    dl.shutdown()
    ((path, request),) = collector.got
    assert path == "/v1/traces"
    (span,) = request.resource_spans[0].scope_spans[0].spans
    values = {a.key: a.value for a in span.attributes}
    assert values["delegation.id"].string_value == D0
    assert values["delegation.depth"].int_value == 0
    assert values["delegation.granted_scopes"].array_value.values[0].string_value == "calendar.read"
    assert dl.stats().delivered == 1
    assert T0.encode() not in request.SerializeToString()


def test_a_collector_that_refuses_costs_the_spans_and_they_are_counted(
    collector: Collector,
) -> None:
    collector.status = 400
    address = f"http://127.0.0.1:{collector.server_port}"
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=address))
    dl.use("t")
    dl.flush()
    dl.shutdown()
    assert dl.stats().dropped == {"export_failed": 1}


def test_a_collector_that_is_away_does_not_hold_up_the_exit_beyond_its_timeout() -> None:
    dl = emit.Emitter(
        emit.Settings(service_name="a", exporter="http://127.0.0.1:1", exit_timeout=0.3)
    )
    for _ in range(600):
        dl.end()
    began = time.monotonic()
    dl.shutdown()
    assert time.monotonic() - began < 5
    assert (dl.stats().lost, dl.stats().pending) == (600, 0)
