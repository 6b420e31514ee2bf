"""Which hosts are of the house, however they are written."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN, SpanKind

from grantline.emit.hosts import allowed, destinations


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:80", "app.localhost", "127.0.0.1", "127.8.8.8:443", "::1",
        "[::1]:8080", "http://[::ffff:127.0.0.1]/x", "crm", "crm:8080", "http://crm/x?y=z",
        "crm.sales.svc", "crm.sales.svc.cluster.local", "CRM.Sales.SVC.", "db.prod.internal",
        "https://user:pw@crm.sales.svc:8443/",
    ],
)  # fmt: skip
def test_our_own_hosts(host: str) -> None:
    assert allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "api.openai.com", "8.8.8.8", "10.0.0.7", "0.0.0.0", "::ffff:8.8.8.8", "2130706433",
        "0x7f000001", "0177.0.0.1", "127.1", "ai.", "internal.", "crm.svc.evil.example",
        "svc.cluster.local.evil.example", "xsvc.example", "evil%2ecom", "evil。com", "http://",
        "http://evil.example\\@crm/", "http://evil.example\t.internal/", "http://[::1", "a b",
        "http://crm@evil.example/", "http://evil.example/?.internal", "http://evil.example#.svc",
        "dns:///evil.example:50051", "dns:evil.example:50051", "ipv4:8.8.8.8:443",
    ],
)  # fmt: skip
def test_everything_else_is_not_ours(host: str) -> None:
    assert not allowed(host)


def test_the_list_adds_hosts_and_takes_patterns() -> None:
    assert allowed("https://API.corp.example.com./x", ["*.corp.example.com"])
    assert not allowed("corp.example.com.evil.example", ["*.corp.example.com"])
    assert allowed("10.0.0.7:443", ["10.0.0.*"])


def test_every_name_a_clients_span_gives_is_a_destination() -> None:
    tracer = TracerProvider().get_tracer("app")
    said = {"server.address": "crm", "url.full": "http://crm/x", "network.peer.address": "10.1.1.1"}
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=said) as span:
        assert destinations(span) == ("crm", "http://crm/x")
    peer = {"net.sock.peer.addr": "127.0.0.1"}
    with tracer.start_as_current_span("GET", kind=SpanKind.PRODUCER, attributes=peer) as span:
        assert destinations(span) == ("127.0.0.1",)


@pytest.mark.parametrize(
    "said, hosts",
    [
        ('"kafka:9092"', ("kafka:9092",)),
        ('["a:1", "evil.example:1"]', ("a:1", "evil.example:1")),
        ('"a:1,evil.example:1"', ("a:1", "evil.example:1")),
        ("[::1]:9092", ("[::1]:9092",)),
        ("[]", ("[]",)),
    ],
)
def test_every_broker_of_a_list_is_a_destination(said: str, hosts: tuple[str, ...]) -> None:
    tracer = TracerProvider().get_tracer("app")
    attributes = {"server.address": said}
    with tracer.start_as_current_span("x", kind=SpanKind.PRODUCER, attributes=attributes) as span:
        assert destinations(span) == hosts


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CONSUMER])
def test_a_servers_own_address_is_no_destination(kind: SpanKind) -> None:
    tracer = TracerProvider().get_tracer("app")
    said = {"server.address": "localhost"}
    with tracer.start_as_current_span("GET", kind=kind, attributes=said) as span:
        assert destinations(span) == ()


def test_a_span_that_does_not_record_or_has_ended_names_none() -> None:
    said = {"server.address": "localhost"}
    off = TracerProvider(sampler=ALWAYS_OFF).get_tracer("app")
    assert destinations(INVALID_SPAN) == ()
    assert destinations(off.start_span("GET", kind=SpanKind.CLIENT, attributes=said)) == ()
    ended = (
        TracerProvider().get_tracer("app").start_span("x", kind=SpanKind.CLIENT, attributes=said)
    )
    ended.end()
    assert destinations(ended) == ()
