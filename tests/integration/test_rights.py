"""Processes that lack a right, or look in the wrong place, say which and what to do; none is silent.

On Apache Kafka with access control lists, reached by a password.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclOperation,
    ResourceType,
)

from grantline.embedded import free_port
from grantline.emit import Emitter, KafkaSpanExporter, Settings
from tests.brokers import create_topic
from tests.brokers.guarded import PASSWORD, USER, GuardedKafka
from tests.otlp import protobuf, span
from tests.processes import ROOT
from tests.unit.emit.vectors import T0

READ, DESCRIBE, ALL = AclOperation.READ, AclOperation.DESCRIBE, AclOperation.ALL
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
NAMES = ("hops", "tokens", "findings", "rejected", "incidents", "actions")


@pytest.fixture
def prefix(kafka: GuardedKafka) -> str:
    """Topics of one's own, made by somebody else, in which nothing is allowed yet."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    for name in (*NAMES, "spans"):
        create_topic(kafka.bootstrap, prefix + name, 2)
    return prefix


@pytest.fixture
def start(kafka: GuardedKafka, prefix: str, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def started(command: str, **variables: object) -> Running:
        ours = {
            "BOOTSTRAP": kafka.guarded, "KAFKA": kafka.kafka, "TOPIC_PREFIX": prefix,
            "INPUT_TOPICS": prefix + "spans", "APPLICATION": prefix + "group", "PARTITIONS": 2,
            "WEB_PORT": free_port(), "LIVE_PORT": free_port(), "METRICS_PORT": "none",
            **variables,
        }  # fmt: skip
        running.append(Running(tmp_path, command, ours))
        return running[-1]

    yield started
    for process in running:
        process.end()


class Running:
    """A command in a process of its own, and what it has said so far."""

    def __init__(self, home: Path, command: str, variables: dict[str, object]) -> None:
        self._log = home / f"{command}-{uuid.uuid4().hex[:6]}.log"
        others = {name: value for name, value in os.environ.items() if "GRANTLINE" not in name}
        ours = {f"GRANTLINE_{name}": str(value) for name, value in variables.items()}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grantline.cli", command],
                cwd=home,
                # What lies in its home is found, too: the stand-in of a library.
                env={
                    **others,
                    "PYTHONPATH": os.pathsep.join((str(ROOT / "pipeline"), str(home))),
                    **ours,
                },
                stdout=output,
                stderr=output,
            )

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def says(self, *words: str, seconds: float = 60) -> str:
        """Waits until all of it was said; what was said."""
        until = time.monotonic() + seconds
        while not all(word in self.said() for word in words):
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)
        return self.said()

    def status(self, seconds: float = 60) -> int:
        return self._process.wait(seconds)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self.status(30)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        assert PASSWORD not in self.said()


def _let(kafka: GuardedKafka, prefix: str, *operations: AclOperation) -> None:
    for name in (*NAMES, "spans"):
        kafka.allow(TOPIC, prefix + name, *operations)


def test_a_worker_that_may_not_join_its_group_ends_and_names_group_and_right(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running]
) -> None:
    """Status 1: it may be let in later."""
    _let(kafka, prefix, ALL)
    worker = start("worker")
    assert worker.status() == 1
    assert f"group {prefix}group: the broker does not let this user join it" in worker.said()
    assert "READ on the group" in worker.said()


@pytest.mark.parametrize(
    "topic,may,lacks", [("spans", (DESCRIBE,), "READ"), ("hops", (READ, DESCRIBE), "WRITE")]
)
def test_a_worker_that_may_not_read_or_write_a_topic_ends_and_names_topic_and_right(
    kafka: GuardedKafka,
    prefix: str,
    start: Callable[..., Running],
    *,
    topic: str,
    may: tuple[AclOperation, ...],
    lacks: str,
) -> None:
    for name in (*NAMES, "spans"):
        kafka.allow(TOPIC, prefix + name, *(may if name == topic else (ALL,)))
    kafka.allow(GROUP, prefix + "group", READ)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    producer.produce(prefix + "spans", protobuf(span()))
    producer.flush(20)
    worker = start("worker")
    assert worker.status() == 1
    verb = "read" if lacks == "READ" else "write to"
    assert f"topic {prefix}{topic}: the broker does not let this user {verb} it" in worker.said()
    assert f"{lacks} on the topic" in worker.said()


def test_a_worker_with_every_right_runs(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running]
) -> None:
    """So that the test above fails for the right it names."""
    _let(kafka, prefix, ALL)
    kafka.allow(GROUP, prefix + "group", READ)
    worker = start("worker")
    worker.says("partitions rebuilt")
    assert worker.stop() == 0


def test_an_alert_process_that_may_see_its_topic_and_not_read_it_says_so_and_nothing_else(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running]
) -> None:
    _let(kafka, prefix, DESCRIBE)
    alert = start("alert")
    alert.says(f"reading {prefix}findings", "READ on the topic")
    time.sleep(3)
    assert "can be read" not in alert.said()
    _let(kafka, prefix, READ)
    alert.says(f"topic {prefix}findings can be read")


def test_a_writer_whose_topics_are_not_there_names_them_and_the_prefix(
    start: Callable[..., Running],
) -> None:
    """A mistyped prefix looks like a quiet system. Topics one may not see look the same."""
    writer = start("writer", TOPIC_PREFIX="typo.")
    writer.says("typo.hops", "typo.findings", "GRANTLINE_TOPIC_PREFIX")
    assert writer.stop() == 0


def test_a_writer_goes_on_when_its_topics_come_to_be_seen(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running]
) -> None:
    writer = start("writer")
    writer.says(f"nothing can be read of {prefix}actions")
    _let(kafka, prefix, READ)
    writer.says(f"topic {prefix}hops is there", "reading 10 partitions")


def test_a_writer_that_may_not_use_its_group_names_it(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running]
) -> None:
    """Rows are stored all the same: the group is for those who watch the lag."""
    _let(kafka, prefix, READ)
    writer = start("writer")
    writer.says("READ on the group", f"group {prefix}group", "rows are stored all the same")
    assert "None" not in writer.said()


class _Tokens(BaseHTTPRequestHandler):
    """A token endpoint: client credentials in the header, an unsigned token in the answer."""

    def do_POST(self) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = self.headers["Authorization"] == f"Basic {expected}"
        now = int(time.time())
        claims = base64.urlsafe_b64encode(
            json.dumps({"sub": USER, "iat": now, "exp": now + 300}).encode()
        )
        token = f"eyJhbGciOiJub25lIn0.{claims.decode().rstrip('=')}."
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer if known else {"error": "invalid_client"}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def bearer(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`GRANTLINE_KAFKA` for a broker that asks for tokens."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # loopback has no certificate
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield json.dumps(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.client.id": USER,
            "sasl.oauthbearer.client.secret": PASSWORD,
            "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{server.server_port}/token",
        }
    )
    server.shutdown()
    server.server_close()


def test_every_process_gets_in_with_a_token_of_its_own(
    kafka: GuardedKafka, prefix: str, start: Callable[..., Running], bearer: str
) -> None:
    """OAUTHBEARER by client credentials: librdkafka's clients and Faust's fetch a token each."""
    _let(kafka, prefix, ALL)
    for group in ("group", "group-writer", "group-alert"):
        kafka.allow(GROUP, prefix + group, READ)
    start("worker", KAFKA=bearer).says("partitions rebuilt")
    start("writer", KAFKA=bearer).says("reading 10 partitions")
    start("alert", KAFKA=bearer).says(f"reading 2 partitions of {prefix}findings")
    assert _delivered(f"kafka://{kafka.guarded}/{prefix}spans", json.loads(bearer)) == 1


def _delivered(
    exporter: str | KafkaSpanExporter, security: dict[str, str], pause: float = 0
) -> int:
    """Spans of an agent that the broker has taken: one, and after a pause another."""
    dl = Emitter(Settings(service_name="booker", exporter=exporter, kafka=security))
    dl.grant(T0)
    assert dl.flush(20)
    if pause:
        time.sleep(pause)
        dl.use("search", token=T0)
        assert dl.flush(20)
    dl.shutdown()
    assert dl.stats().lost == 0
    return dl.stats().delivered


SIGNER = f'''
"""In the place of Amazon's signer: tokens that nobody signed, as this broker takes them."""
import base64, json, time

class MSKAuthTokenProvider:
    @staticmethod
    def generate_auth_token(region):
        assert region == "eu-west-1"
        now = int(time.time())
        claims = json.dumps({{"sub": "{USER}", "iat": now, "exp": now + 300}}).encode()
        text = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return f"eyJhbGciOiJub25lIn0.{{text}}.", (now + 300) * 1000
'''
IAM = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "AWS_MSK_IAM",
    "aws.region": "eu-west-1",
}


def test_every_process_gets_in_with_what_a_signer_gives_its_callback(
    kafka: GuardedKafka,
    prefix: str,
    start: Callable[..., Running],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How IAM logs in at Amazon MSK: no broker of ours takes its signature (tests/unit/test_kafka_iam.py
    holds its form), so a stand-in signs. Agent, worker, writer and alert process ask it.
    """
    (tmp_path / "aws_msk_iam_sasl_signer.py").write_text(SIGNER)
    _let(kafka, prefix, ALL)
    for group in ("group", "group-writer", "group-alert"):
        kafka.allow(GROUP, prefix + group, READ)
    iam = json.dumps(IAM)
    start("worker", KAFKA=iam).says("partitions rebuilt")
    writer = start("writer", KAFKA=iam)
    writer.says("reading 10 partitions")
    start("alert", KAFKA=iam).says(f"reading 2 partitions of {prefix}findings")
    with _signing(tmp_path, monkeypatch):
        assert _delivered(f"kafka://{kafka.guarded}/{prefix}spans", IAM) == 1


def test_an_agent_that_was_quiet_for_longer_than_a_token_lasts_is_given_another(
    kafka: GuardedKafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is closed meanwhile, and the next one would show a token that has ended."""
    (tmp_path / "aws_msk_iam_sasl_signer.py").write_text(SIGNER.replace("+ 300", "+ 4"))
    _let(kafka, prefix, ALL)
    with _signing(tmp_path, monkeypatch):
        config = {
            **IAM,
            "connections.max.idle.ms": "1000",
            "topic.metadata.refresh.interval.ms": "-1",
        }
        exporter = KafkaSpanExporter(kafka.guarded, f"{prefix}spans", config=config)
        assert _delivered(exporter, {}, pause=7) == 2


@contextmanager
def _signing(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The signer that lies in `home` is the one of this process, too."""
    name = "aws_msk_iam_sasl_signer"
    with monkeypatch.context() as patch:
        patch.syspath_prepend(home)
        patch.delitem(sys.modules, name, raising=False)
        yield
        sys.modules.pop(name, None)
