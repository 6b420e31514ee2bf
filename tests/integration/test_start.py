"""Commands that cannot start say why in one line, with the cure and a status of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _start(home: Path, command: str, **variables: object) -> subprocess.Popen[str]:
    ours = {f"GRANTLINE_{name}": str(value) for name, value in variables.items()}
    others = {name: value for name, value in os.environ.items() if "GRANTLINE" not in name}
    return subprocess.Popen(
        [sys.executable, "-m", "grantline.cli", command],
        cwd=home,
        env={**others, "PYTHONPATH": str(ROOT / "pipeline"), **ours},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _refused(home: Path, command: str, **variables: object) -> tuple[int, str]:
    """The status and what it said of its own (the log of the start is not)."""
    with _start(home, command, **variables) as process:
        said = process.communicate(timeout=60)[1]
    lines = [line for line in said.splitlines() if " INFO " not in line]
    assert len(lines) == 1, said
    return process.returncode, lines[0]


def test_a_worker_without_a_broker_ends_and_names_the_address(tmp_path: Path) -> None:
    """Status 1: whatever supervises it starts it again."""
    status, said = _refused(tmp_path, "worker", BOOTSTRAP=NOWHERE, WEB_PORT="none")
    assert status == 1
    assert said.startswith(f"grantline worker: no broker answers at {NOWHERE} (")
    assert "Connection refused" in said
    assert "GRANTLINE_BOOTSTRAP" in said


@pytest.mark.parametrize("command", ["writer", "alert"])
def test_a_process_without_a_broker_waits_and_says_so_once(tmp_path: Path, command: str) -> None:
    """Its other work goes on meanwhile; told to stop, it stops with status 0."""
    with _start(tmp_path, command, BOOTSTRAP=NOWHERE, LIVE_PORT=_free()) as process:
        assert process.stderr is not None
        said = ""
        while "no broker answers" not in said:
            said = process.stderr.readline()
            assert said, "it ended"
        assert f"{NOWHERE} (" in said
        assert "Connection refused" in said
        assert said.endswith("Waiting for it\n")
        time.sleep(7)  # it looks again every five seconds
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


@pytest.mark.parametrize(
    "command,variable",
    [("worker", "WEB_PORT"), ("writer", "LIVE_PORT"), ("alert", "METRICS_PORT")],
)
def test_a_port_in_use_is_named(tmp_path: Path, taken: int, command: str, variable: str) -> None:
    """Before the group is joined and before anything is said to anyone."""
    status, said = _refused(tmp_path, command, BOOTSTRAP=NOWHERE, **{variable: taken})
    assert status == 1
    assert said.startswith(f"grantline {command}: ")
    assert str(taken) in said


@pytest.mark.parametrize(
    "command,variable",
    [("worker", "DATA_DIR"), ("writer", "DATA_DIR"), ("writer", "STORE"), ("alert", "DATA_DIR")],
)
def test_a_place_that_is_none_is_named(tmp_path: Path, command: str, variable: str) -> None:
    """Status 2: starting again would not help."""
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "below"
    status, said = _refused(tmp_path, command, BOOTSTRAP=NOWHERE, **{variable: place})
    assert status == 2
    assert said.startswith(f"grantline {command}: GRANTLINE_{variable}: no place for files in ")


def test_a_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are notes")
    status, said = _refused(tmp_path, "writer", BOOTSTRAP=NOWHERE, STORE=tmp_path / "notes.txt")
    assert status == 1
    assert "notes.txt cannot be opened" in said


@pytest.mark.parametrize("command", ["worker", "writer", "alert"])
def test_security_settings_that_no_client_takes_are_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    kafka = f'{{"security.protocol": "SSL", "ssl.ca.location": "{tmp_path / "ca.pem"}"}}'
    status, said = _refused(tmp_path, command, BOOTSTRAP=NOWHERE, KAFKA=kafka)
    assert status == 2
    assert "GRANTLINE_KAFKA: " in said
    assert "ssl.ca.location" in said
