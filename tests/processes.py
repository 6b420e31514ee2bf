"""Workers and writers in processes of their own, to be killed, stopped and asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from grantline.embedded import free_port
from grantline.store.client import Lineage, QueryFailed, connect
from grantline.streams.settings import WorkerSettings

ROOT = Path(__file__).parent.parent


class Process:
    """A script of tests/ in a process that never outlives this one."""

    def __init__(self, script: str, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'pipeline'}{os.pathsep}{ROOT}"},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """SIGKILL: the machine is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM, as an orchestrator does; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 30) -> int:
        """Until it ends by itself; the exit status."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def end(self) -> None:
        if self.status is None:
            self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def last_words(self) -> str:
        return (
            f"--- {self.log.name} (status {self.status})\n"
            f"{self.log.read_text(errors='replace')[-3000:]}"
        )


class Restored(NamedTuple):
    """Where the state of a worker came from."""

    partitions: int = 0
    from_snapshots: int = 0
    spared: int = 0
    """Records that snapshots stood for."""
    folded: int = 0
    """Records that were folded again."""


_RESTORED = re.compile(
    r"state of (\d+) partitions rebuilt in [\d.]+ s: (\d+) from snapshots, which spared (\d+) records; "
    r"(\d+) records were folded again"
)


class Worker(Process):
    """One worker."""

    def __init__(self, settings: WorkerSettings, home: Path, kind: str = "real") -> None:
        self.port = free_port()
        mine = msgspec.structs.replace(
            settings, web_port=self.port, datadir=home / f"data-{self.port}"
        )
        text = msgspec.json.encode(mine, enc_hook=str).decode()
        super().__init__("run_worker.py", home / f"worker-{self.port}.log", text, kind)

    def get(self, page: str) -> tuple[int, str]:
        """Status and body of one page; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/{page}", timeout=5
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def figure(self, name: str) -> float:
        """The sum of one metric over its labels."""
        lines = self.get("metrics")[1].splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )

    def restored(self) -> Restored:
        """What it said of the state that it restored, added up."""
        found = _RESTORED.findall(self.log.read_text(errors="replace"))
        return Restored(*(sum(map(int, column)) for column in zip(*found, strict=True)))

    def partitions(self) -> int:
        """Keyed partitions it holds."""
        status, body = self.get("ready")
        return len(json.loads(body)["partitions"]) if status in {200, 503} else 0


class Emitter(Process):
    """An agent that emits `spans` at a steady rate, and a flood of them when it is told to."""

    def __init__(
        self, settings: WorkerSettings, home: Path, spans: int, a_second: float, flood: int
    ) -> None:
        [topic] = settings.input_topics
        arguments = (settings.bootstrap, topic, str(spans), str(a_second), str(flood))
        super().__init__("run_emitter.py", home / "emitter.log", *arguments)

    def flood(self) -> None:
        self._process.send_signal(signal.SIGUSR1)

    def counted(self) -> list[dict[str, int]]:
        """What its library says of its spans, in all: once all are sent, and after the flood."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


class Writer(Process):
    """One lineage writer; `moment` names where in a transaction it kills itself, `real` has its
    batches as large as they are in real life.
    """

    def __init__(
        self, settings: WorkerSettings, path: Path, moment: str = "", *, real: bool = False
    ) -> None:
        self._port = free_port()
        self._note = path.with_name(f"note-{self._port}.json")
        self._lineage: Lineage | None = None
        topics = settings.topics
        given = {
            "bootstrap": settings.bootstrap,
            "topics": [
                getattr(topics, name)
                for name in ("hops", "findings", "rejected", "incidents", "actions")
            ],
            "group": f"writer-{settings.application}",
            "path": str(path),
            "moment": moment,
            "real": real,
            "note": str(self._note),
            "port": self._port,
            "token": "not-a-real-token",
        }
        log = path.with_name(f"writer-{self._port}.log")
        super().__init__("run_writer.py", log, json.dumps(given))

    def ask(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Rows from its live SQL; None while nobody answers."""
        try:
            if self._lineage is None:
                self._lineage = connect(f"quack:127.0.0.1:{self._port}", "not-a-real-token")
            return self._lineage.ask(sql).rows
        except QueryFailed:
            return None

    def seen(self) -> tuple[int, int]:
        """Hops inside its last transaction, and hops that were committed at that moment."""
        inside, outside = json.loads(self._note.read_text())
        return inside, outside

    def end(self) -> None:
        if self._lineage is not None:
            self._lineage.close()
        super().end()
