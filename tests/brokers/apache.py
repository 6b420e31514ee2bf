"""Apache Kafka from Maven artifacts: one KRaft node on this machine's Java, no Docker.

The jars are fetched once into the user's cache directory (`$XDG_CACHE_HOME/grantline-tests`),
never into the repository. Needs Java 17 or later and Maven on the PATH.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TypeVar

from grantline.embedded import BrokerError, LeashedProcess, await_broker, free_port, tail
from tests.brokers.kind import Broker, NotAvailable

VERSION = "4.1.0"
_HERE = Path(__file__).parent
_START_SECONDS = 90.0
_OLDEST_JAVA = 17

# Every line that is not Kafka's own default has its reason.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# one node
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# fewer internal partitions: the first consumer group and transaction start sooner
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
# a test never waits for more members than it started
group.initial.rebalance.delay.ms=0
# a topic that the code forgot to declare is an error, as on most managed clusters
auto.create.topics.enable=false
# a killed broker may register again as soon as its session is over
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# small files and buffers: tests create many short-lived partitions
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=8388608
"""


class ApacheKafka:
    """One broker with its data in a directory of its own; stop, kill and start keep the data."""

    name = f"Apache Kafka {VERSION} (Maven, KRaft)"
    restartable = True

    def __init__(self, jars: Path) -> None:
        self._classpath = f"{jars}/*"
        self._home = Path(tempfile.mkdtemp(prefix="grantline-kafka-"))
        self._properties = self._home / "server.properties"
        self._log = self._home / "broker.log"
        self._process: LeashedProcess | None = None
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self._properties.write_text(
            _PROPERTIES.format(port=port, controller_port=free_port(), data=self._home / "data")
        )

    def format(self) -> None:
        """Gives the data directory its cluster id; once, before the first start."""
        # A fixed first byte: the argument parser takes a leading "-" for an option.
        cluster = base64.urlsafe_b64encode(b"g" + secrets.token_bytes(15)).decode().rstrip("=")
        done = subprocess.run(
            [
                *self._java("128m"),
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster}",
                f"--config={self._properties}",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_SECONDS,
        )
        if done.returncode:
            raise BrokerError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")

    def start(self) -> None:
        if self._process is not None:
            raise BrokerError(f"{self.name} at {self.bootstrap} runs already")
        with self._log.open("ab") as output:
            self._process = LeashedProcess(
                [*self._java("512m"), "kafka.Kafka", str(self._properties)], output, patience=20
            )
        try:
            await_broker(self.bootstrap, self._process.running, _START_SECONDS)
        except BrokerError as error:
            self.kill()
            raise BrokerError(f"{error}; the end of its log:\n{tail(self._log)}") from None

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _java(self, heap: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}"
        # A broker that lives for minutes: the optimising compiler took as much of the two cores
        # as the broker itself, and what it made was no faster at this size.
        swift = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        return ["java", f"-Xmx{heap}", *swift, logging, "-cp", self._classpath]


Kind = TypeVar("Kind", bound=ApacheKafka)


def start() -> Broker:
    """A running broker; raises `NotAvailable` where Java, Maven or the jars cannot be had."""
    return started(ApacheKafka)


def started(kind: type[Kind]) -> Kind:
    """A running broker of this kind; raises `NotAvailable` like `start`."""
    _check_java()
    broker = kind(_jars())
    try:
        broker.format()
        broker.start()
    except BaseException:
        broker.close()
        raise
    return broker


def _check_java() -> None:
    if shutil.which("java") is None:
        raise NotAvailable("java is not on the PATH")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        version = said.partition("\n")[0] or "unknown"
        raise NotAvailable(f"Kafka {VERSION} needs Java {_OLDEST_JAVA} or later, this is {version}")


def cache() -> Path:
    """What tests fetch or build once; never in the repository."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "grantline-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _jars() -> Path:
    """The directory with the broker's jars; fetches them on first use."""
    jars = cache() / f"kafka-{VERSION}"
    # Two sessions at once: the second waits, then finds the jars there.
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NotAvailable("mvn (Maven) is not on the PATH")
    unfinished = jars.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    done = subprocess.run(
        [
            maven,
            "--batch-mode",
            "--quiet",
            "--strict-checksums",
            f"--file={_HERE / 'pom.xml'}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={unfinished}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotAvailable(
            f"Maven could not fetch the broker: {(done.stdout + done.stderr)[-500:]}"
        )
    unfinished.rename(jars)
