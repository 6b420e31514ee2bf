"""`grantline watch` in a process of its own, on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.stage import Log, until

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]


def _started(bootstrap: str, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRANTLINE_")},
        "PYTHONPATH": str(ROOT / "pipeline"),
        "GRANTLINE_BOOTSTRAP": bootstrap,
        "GRANTLINE_DATA_DIR": str(home / "data"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "grantline.cli", "watch", "--format", "cloudtrail", *arguments],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip


def _stopped(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    return process.returncode, said.decode()


def _line(number: int) -> bytes:
    return json.dumps({"eventID": f"e-{number}"}).encode() + b"\n"


def _seen(log: Log) -> list[str]:
    return sorted(json.loads(message.value() or b"")["eventID"] for message in log.read())


def test_a_folder_is_followed_and_a_second_start_goes_on_where_the_first_was_stopped(
    broker: Broker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic("trail")
    log = Log(broker.bootstrap, name, 1)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(_line(1) + _line(2))
    watch = _started(broker.bootstrap, tmp_path, "--topic", name, str(folder))
    try:
        until(lambda: _seen(log) == ["e-1", "e-2"], 30, "the first file")
        with (folder / "a.jsonl").open("ab") as file:
            file.write(_line(3))
        until(lambda: len(_seen(log)) == 3, 30, "the appended line")
        status, said = _stopped(watch)
        assert status == 0, said
        assert f"sent 3 records to {name}" in said
        (folder / "b.json").write_bytes(json.dumps({"Records": [{"eventID": "e-4"}]}).encode())
        watch = _started(broker.bootstrap, tmp_path, "--topic", name, str(folder))
        until(lambda: len(_seen(log)) >= 4, 30, "the file that came between")
        status, said = _stopped(watch)
        assert (status, _seen(log)) == (0, ["e-1", "e-2", "e-3", "e-4"]), said
    finally:
        watch.kill()
        watch.communicate()
        log.close()


def test_standard_input_is_sent_to_its_end(
    broker: Broker, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic("trail")
    log = Log(broker.bootstrap, name, 1)
    watch = _started(broker.bootstrap, tmp_path, "--topic", name, "-")
    try:
        _, said = watch.communicate(_line(1) + _line(2)[:-1], timeout=30)
        assert watch.returncode == 0, said
        until(lambda: _seen(log) == ["e-1", "e-2"], 30, "what was piped in")
    finally:
        watch.kill()
        watch.communicate()
        log.close()


def test_no_broker_and_no_topic_are_named_with_their_cure(broker: Broker, tmp_path: Path) -> None:
    watch = _started(broker.bootstrap, tmp_path, str(tmp_path))
    _, said = watch.communicate(timeout=30)
    assert (watch.returncode, b"GRANTLINE_SOURCES names no topic for cloudtrail" in said) == (
        2,
        True,
    )
    watch = _started("127.0.0.1:1", tmp_path, "--topic", "trail", str(tmp_path))
    _, said = watch.communicate(timeout=60)
    assert (watch.returncode, b"no broker answers at 127.0.0.1:1" in said) == (1, True)
    watch = _started(broker.bootstrap, tmp_path, "--topic", "no-such-topic", str(tmp_path))
    _, said = watch.communicate(timeout=60)
    assert (watch.returncode, b"topic no-such-topic at" in said) == (1, True), said
