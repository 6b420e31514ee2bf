"""Real clients under OpenTelemetry's own instrumentations: what hosts of strangers get to see.

Requests go over real sockets. Names of other houses lead to this machine: the resolver says so.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from opentelemetry import context, propagate
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from grantline.emit.testing import Capture, capture
from tests.unit.emit.vectors import D0, D1, T0, T1

STRANGER = "api.third-party.example"
OURS = ("localhost", "127.0.0.1", "crm.sales.svc", "crm.internal", "mcp.partner.example")
SECRET = "merger with acme"


class _Server(ThreadingHTTPServer):
    heard: list[dict[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        if self.path in {"/away", "/inside"}:
            host = STRANGER if self.path == "/away" else "crm.internal"
            self.send_response(302)
            self.send_header("Location", f"http://{host}:{self.server.server_port}/")
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if name in {STRANGER, *OURS} else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with _Server(("127.0.0.1", 0), _Handler) as found:
        found.heard = []
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(baggage_allow=["*.partner.example"]) as found:
        found.emitter.grant(T0, task=SECRET)
        found.emitter.delegate(T1, subject_token=T0)
        yield found


def _httpx(url: str, headers: dict[str, str]) -> None:
    import httpx

    httpx.get(url, headers=headers, trust_env=False, follow_redirects=True)


def _httpx_async(url: str, headers: dict[str, str]) -> None:
    import httpx

    async def get() -> None:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
            await client.get(url, headers=headers)

    asyncio.run(get())


def _requests(url: str, headers: dict[str, str]) -> None:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.get(url, headers=headers, timeout=5)


def _urllib3(url: str, headers: dict[str, str]) -> None:
    import urllib3

    with urllib3.PoolManager() as pool:
        pool.request("GET", url, headers=headers)


def _aiohttp(url: str, headers: dict[str, str]) -> None:
    import aiohttp

    async def get() -> None:
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(connector=connector) as session:
            await session.get(url, headers=headers)

    asyncio.run(get())


def _instrumentor(name: str) -> Any:
    match name:
        case "httpx" | "httpx_async":
            from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

            return HTTPXClientInstrumentor()
        case "requests":
            from opentelemetry.instrumentation.requests import RequestsInstrumentor

            return RequestsInstrumentor()
        case "urllib3":
            from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

            return URLLib3Instrumentor()
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

    return AioHttpClientInstrumentor()


CLIENTS: dict[str, Callable[[str, dict[str, str]], None]] = {
    "httpx": _httpx,
    "httpx_async": _httpx_async,
    "requests": _requests,
    "urllib3": _urllib3,
    "aiohttp": _aiohttp,
}


@pytest.fixture(params=["stable", "old"])
def conventions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of attributes that an instrumentation writes: today's, or those of its default."""
    from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability

    monkeypatch.setattr(_OpenTelemetrySemanticConventionStability, "_initialized", False)
    if request.param == "stable":
        monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    else:
        monkeypatch.delenv("OTEL_SEMCONV_STABILITY_OPT_IN", raising=False)


@pytest.mark.usefixtures("conventions")
@pytest.mark.parametrize("name", CLIENTS)
def test_a_strangers_host_gets_no_delegation_and_our_own_do(
    name: str, seen: Capture, server: _Server
) -> None:
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with seen.emitter.acting_as(T1):
            for host in (STRANGER, *OURS):
                url = f"http://{host}:{server.server_port}/x?to=localhost"
                CLIENTS[name](url, {"baggage": "tenant=a"})
    finally:
        instrumentor.uninstrument()
    stranger, *ours = server.heard
    assert "traceparent" in stranger  # it was instrumented
    assert stranger["baggage"] == "tenant=a"
    assert "merger" not in str(stranger)
    assert len(ours) == len(OURS)
    for heard in ours:
        assert heard["baggage"] == (
            f"tenant=a,delegation.id={D1},delegation.root.id={D0},delegation.depth=1,"
            "delegation.task.id=merger%20with%20acme"
        )


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_request_brought_in_is_not_handed_to_strangers(name: str, server: _Server) -> None:
    header = f"delegation.id={D1},delegation.task.id=merger,tenant=a"
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    token = context.attach(propagate.extract({"baggage": header}))
    try:
        CLIENTS[name](f"http://{STRANGER}:{server.server_port}/", {})
        CLIENTS[name](f"http://localhost:{server.server_port}/", {})
    finally:
        context.detach(token)
        instrumentor.uninstrument()
    assert [heard["baggage"] for heard in server.heard] == [
        "tenant=a",
        f"tenant=a,delegation.id={D1},delegation.task.id=merger",
    ]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_redirect_to_a_stranger_does_not_take_the_delegation_along(
    name: str, seen: Capture, server: _Server
) -> None:
    """Twice over: what is done about it is done to each call."""
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with seen.emitter.acting_as(T1):
            for _ in range(2):
                url = f"http://localhost:{server.server_port}/away"
                CLIENTS[name](url, {"baggage": "tenant=a"})
    finally:
        instrumentor.uninstrument()
    assert len(server.heard) == 4
    for ours, stranger in zip(server.heard[::2], server.heard[1::2], strict=True):
        assert D1 in ours["baggage"]
        assert stranger["baggage"] == "tenant=a"


@pytest.mark.parametrize("name", CLIENTS)
def test_a_redirect_within_the_house_is_told_like_a_call(
    name: str, seen: Capture, server: _Server
) -> None:
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with seen.emitter.acting_as(T1):
            CLIENTS[name](f"http://localhost:{server.server_port}/inside", {})
    finally:
        instrumentor.uninstrument()
    assert [D1 in heard["baggage"] for heard in server.heard] == [True, True]


def test_a_session_that_keeps_its_authorization_along_redirects_takes_no_delegation(
    seen: Capture, server: _Server
) -> None:
    """The recipe for it is to replace `rebuild_auth`."""
    import requests

    class Session(requests.Session):
        def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
            """Nothing is taken away."""

    instrumentor = _instrumentor("requests")
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with seen.emitter.acting_as(T1), Session() as session:
            session.trust_env = False
            session.get(f"http://localhost:{server.server_port}/away", timeout=5)
    finally:
        instrumentor.uninstrument()
    assert ["baggage" in heard for heard in server.heard] == [True, False]


@pytest.mark.parametrize("scope, told", [("urllib", False), ("tornado", False), ("jaxrpc", True)])
def test_a_client_whose_redirects_nobody_sees_is_told_nothing(
    seen: Capture, scope: str, told: bool
) -> None:
    tracer = TracerProvider().get_tracer(f"opentelemetry.instrumentation.{scope}")
    headers: dict[str, str] = {}
    with (
        seen.emitter.acting_as(T1),
        tracer.start_as_current_span(
            "GET", kind=SpanKind.CLIENT, attributes={"server.address": "localhost"}
        ),
    ):
        propagate.inject(headers)
    assert ("baggage" in headers) is told


@pytest.mark.parametrize("name", ["requests", "aiohttp"])
def test_a_client_has_its_own_methods_back_when_the_last_emitter_ends(
    name: str, server: _Server
) -> None:
    from aiohttp.tracing import Trace
    from requests.sessions import SessionRedirectMixin

    owner: Any
    owner, method = {
        "requests": (SessionRedirectMixin, "rebuild_auth"),
        "aiohttp": (Trace, "send_request_redirect"),
    }[name]
    before = getattr(owner, method)
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with capture() as found, found.emitter.acting_as(T0):
            CLIENTS[name](f"http://{STRANGER}:{server.server_port}/", {})
            assert getattr(owner, method) is before  # nothing was written yet
            CLIENTS[name](f"http://localhost:{server.server_port}/", {})
            assert getattr(owner, method) is not before
    finally:
        instrumentor.uninstrument()
    assert getattr(owner, method) is before


@pytest.mark.parametrize("name", ["requests", "aiohttp"])
def test_a_release_of_a_client_that_cannot_be_looked_at_is_told_nothing(
    name: str, seen: Capture, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grantline.emit import redirects

    def lacks(_: Any) -> bool:
        raise AttributeError

    monkeypatch.setattr(redirects, f"_watch_{name}", lacks)
    instrumentor = _instrumentor(name)
    instrumentor.instrument(tracer_provider=TracerProvider())
    try:
        with seen.emitter.acting_as(T1):
            CLIENTS[name](f"http://localhost:{server.server_port}/", {"baggage": "tenant=a"})
    finally:
        instrumentor.uninstrument()
    assert [heard["baggage"] for heard in server.heard] == ["tenant=a"]


async def _answer(dl: Any, headers: list[tuple[bytes, bytes]], found: list[Any]) -> None:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        found.append(dl.current())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(*_: Any) -> Any:
        return {"type": "http.request"}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/", "query_string": b"", "headers": headers,
        "server": ("localhost", 80), "client": ("203.0.113.9", 1),
    }  # fmt: skip
    middleware = OpenTelemetryMiddleware(application, tracer_provider=TracerProvider())
    await middleware(scope, nothing, nothing)


def test_an_instrumented_server_reads_every_header_of_a_request(seen: Capture) -> None:
    found: list[Any] = []
    headers = [
        (b"baggage", b"tenant=a;p"),
        (b"baggage", f"delegation.id={D1} ; ttl=5 , delegation.root.id={D0}".encode()),
        (b"baggage", b"delegation.task.id=build+test"),
    ]
    asyncio.run(_answer(seen.emitter, headers, found))
    asyncio.run(_answer(seen.emitter, [], found))
    assert [getattr(each, "id", None) for each in found] == [D1, None]
    assert (found[0].root_id, found[0].task_id) == (D0, "build+test")


def test_grpc_names_no_destination_so_only_inject_tells(seen: Capture) -> None:
    import grpc
    from opentelemetry.instrumentation.grpc import client_interceptor
    from opentelemetry.instrumentation.grpc.grpcext import intercept_channel

    heard: list[dict[str, str]] = []

    def handle(_request: bytes, call: grpc.ServicerContext) -> bytes:
        heard.append(dict(call.invocation_metadata()))
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(1))
    method = grpc.unary_unary_rpc_method_handler(handle)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("crm", {"find": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, seen.emitter.acting_as(T1):
        spans: Any = client_interceptor(TracerProvider())  # type: ignore[no-untyped-call]
        find = intercept_channel(channel, spans).unary_unary("/crm/find")  # type: ignore[no-untyped-call]
        find(b"")
        find(b"", metadata=tuple(seen.emitter.inject({}, host="crm").items()))
    server.stop(None).wait()
    assert "traceparent" in heard[0]
    assert "baggage" not in heard[0]
    assert f"delegation.id={D1}" in heard[1]["baggage"]
    with seen.emitter.receive(list(heard[1].items())):
        current = seen.emitter.current()
    assert current is not None
    assert (current.id, current.task_id) == (D1, SECRET)


def test_an_mcp_call_tells_nothing_by_itself_and_what_inject_wrote(seen: Capture) -> None:
    heard: list[dict[str, Any]] = []
    server = MCPServer("calendar")

    @server.tool()
    async def create_event(ctx: Context) -> str:
        heard.append(dict(ctx.request_context.meta or {}))
        return "done"

    async def call() -> None:
        async with Client(server) as client:
            with seen.emitter.acting_as(T1):
                await client.call_tool("create_event", {})
                meta: Any = seen.emitter.inject({})
                await client.call_tool("create_event", {}, meta=meta)

    asyncio.run(call())
    assert "baggage" not in heard[0]
    assert f"delegation.id={D1}" in heard[1]["baggage"]
    with seen.emitter.receive(heard[1]):
        current = seen.emitter.current()
    assert current is not None
    assert current.id == D1


@pytest.mark.parametrize("brokers, told", [("kafka:9092", True), (["kafka:1", STRANGER], False)])
def test_headers_of_an_asynchronous_producer_tell_our_own_brokers(
    seen: Capture, brokers: str | list[str], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiokafka import AIOKafkaProducer
    from opentelemetry.instrumentation.aiokafka import utils

    async def no_partition(*_: Any) -> None:
        """Asked of a broker, and there is none."""

    monkeypatch.setattr(utils, "_extract_send_partition", no_partition)

    async def unsent(*_: Any, **__: Any) -> None:
        """In the place of the method that waits for a broker."""

    headers: list[tuple[str, bytes]] = []

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=brokers)
        wrapped: Any = utils._wrap_send(TracerProvider().get_tracer("app"), None)
        with seen.emitter.acting_as(T1):
            await wrapped(unsent, producer, ("jobs", b"x"), {"headers": headers})

    asyncio.run(send())
    assert "traceparent" in dict(headers)
    assert ("baggage" in dict(headers)) is told


@pytest.mark.parametrize("broker, told", [("kafka:9092", True), (f"{STRANGER}:9092", False)])
def test_kafka_headers_tell_our_own_brokers(seen: Capture, broker: str, told: bool) -> None:
    import confluent_kafka
    from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor

    headers: list[tuple[str, str | bytes | None]] = [("tenant", b"a")]
    ConfluentKafkaInstrumentor().instrument(tracer_provider=TracerProvider())
    try:
        producer = confluent_kafka.Producer({"bootstrap.servers": broker, "log_level": 0})
        with seen.emitter.acting_as(T1):
            producer.produce("jobs", b"x", headers=headers)
    finally:
        ConfluentKafkaInstrumentor().uninstrument()
    producer.purge()
    producer.flush(1)
    assert "traceparent" in dict(headers)
    assert ("baggage" in dict(headers)) is told
    with seen.emitter.receive(headers):
        current = seen.emitter.current()
    assert (current.id if current else None) == (D1 if told else None)
