"""`grantline watch` in a process of its own, on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from grantline.streams.settings import Feed
from grantline.streams.topics import ensure as declare
from tests.brokers import Broker
from tests.stage import Log, Stage, until

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "schemas" / "examples" / "sources" / "cloudtrail.json"


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


def _trail_of_today() -> list[bytes]:
    """The sample's events, a line each, the last of them just now."""
    events = json.loads(SAMPLE.read_bytes())["Records"]
    last = max(datetime.fromisoformat(event["eventTime"]) for event in events)
    late = datetime.now(UTC) - last
    lines = []
    for event in events:
        when = datetime.fromisoformat(event["eventTime"]) + late
        moved = {**event, "eventTime": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if expiration := ((event.get("responseElements") or {}).get("credentials") or {}).get(
            "expiration"
        ):
            ends = datetime.strptime(expiration, "%b %d, %Y, %I:%M:%S %p").replace(tzinfo=UTC)
            held = {**event["responseElements"]["credentials"],
                    "expiration": (ends + late).strftime("%b %d, %Y, %I:%M:%S %p")}  # fmt: skip
            moved["responseElements"] = {**event["responseElements"], "credentials": held}
        lines.append(json.dumps(moved).encode() + b"\n")
    return lines


def test_a_log_that_grows_and_is_rotated_ends_in_a_finding(broker: Broker, tmp_path: Path) -> None:
    """From the file to the topic of findings, with a worker between: what stood unread in the log when
    it was renamed is the revocation, and the use after it comes in the new one.
    """
    stage = Stage(broker.bootstrap, tmp_path, partitions=2)
    topic = f"{stage.input}-trail"
    stage.settings = msgspec.structs.replace(stage.settings, sources={topic: Feed("cloudtrail")})
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "trail.log"
    before, after = _trail_of_today()[:5], _trail_of_today()[5:]
    log.write_bytes(b"".join(before))
    declare(stage.settings)
    stage.worker()
    watch = None
    try:
        found = stage.log_of(stage.settings.topics.findings)
        sent = stage.log_of(topic)
        watch = _started(broker.bootstrap, tmp_path, "--topic", topic, str(folder))
        until(lambda: len(sent.read()) == len(before), 60, "the log as it was")
        with log.open("ab") as file:
            file.write(after[0])
            log.rename(folder / "trail.log.1")
        log.write_bytes(b"".join(after[1:]))
        until(
            lambda: any(
                one.rule == "used-after-revocation" and one.status == "open"
                for one in stage.findings(found)
            ),
            60,
            "the finding",
        )
        status, said = _stopped(watch)
        assert (status, len(sent.read())) == (0, len(before) + len(after)), said
    finally:
        if watch is not None:
            watch.kill()
            watch.communicate()
        stage.close()


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
