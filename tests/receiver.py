"""A real HTTP server on this machine that answers as a test tells it to, and keeps what it got."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """One answer; the last one given to a receiver is repeated for ever."""

    status: int = 204
    headers: Mapping[str, str] = {}
    hang_seconds: float = 0.0
    body: bytes = b""


class Request(NamedTuple):
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    answered: int
    at: float
    """Monotonic seconds."""


class Receiver:
    """Listens from `start` (or `with`) to `stop`; the same port again after a second `start`."""

    def __init__(
        self, answers: Iterable[Answer] = (), port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.connections: set[int] = set()
        """Ports of the client, one a connection."""
        self._tls = tls
        self._answers = deque(answers or [Answer()])
        self._changed = Condition()
        self._server: ThreadingHTTPServer | None = None
        self._port = port

    @property
    def url(self) -> str:
        if self._tls is not None:
            return f"https://localhost:{self._port}/hook"
        return f"http://127.0.0.1:{self._port}/hook"

    def start(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._handle(self)

            def do_GET(self) -> None:
                receiver._handle(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuses connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, *answers: Answer) -> None:
        """From now on answers like this."""
        with self._changed:
            self._answers = deque(answers)

    def await_answered(self, status: int, count: int, seconds: float = 30.0) -> list[Request]:
        """The requests answered with `status`, once there are `count` of them."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.answered(status)) >= count, seconds)
        found = self.answered(status)
        assert done, f"{len(found)} of {count} requests answered {status} in {seconds:g} s"
        return found

    def answered(self, status: int) -> list[Request]:
        return [request for request in self.requests if request.answered == status]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._changed:
            self.connections.add(handler.client_address[1])
            answer = self._answers[0]
            if len(self._answers) > 1:
                self._answers.popleft()
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.requests.append(
                Request(handler.path, headers, body, answer.status, time.monotonic())
            )
        time.sleep(answer.hang_seconds)
        try:
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)
        except OSError:
            pass  # the client has given up
        with self._changed:
            self._changed.notify_all()
