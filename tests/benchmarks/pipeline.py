"""Grantline as it is run: one worker process, one writer process, warm and empty."""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from grantline.demo.processes import Processes
from grantline.embedded import SESSION_TIMEOUT_MS, free_port
from grantline.store.client import Lineage, connect
from grantline.store.rows import span_key
from tests.benchmarks.broker import PARTITIONS, Findings, Source, wipe
from tests.benchmarks.load import Load, warm_up

INPUT = "otlp_spans"
FINDINGS = "delegation.findings"
_START_SECONDS = 60.0


class Pipeline:
    """A running worker and writer, and what can be read at their far end."""

    def __init__(
        self, bootstrap: str, processes: Processes, findings: Findings, lineage: Lineage, warm: Load
    ) -> None:
        self.source = Source(bootstrap, INPUT)
        self.findings = findings
        self._processes = processes
        self._lineage = lineage
        self._warm = warm

    def warm_up(self) -> None:
        """Some chains go the whole way: what is paid once is paid now."""
        for record in self._warm.records:
            self.source.send(record)
        self.source.flush()
        self._await_rows(self._warm.rows, _START_SECONDS)

    def await_rows(self, rows: int, seconds: float) -> float:
        """When `rows` hops of the load could be read, every one under its root.

        Raises `TimeoutError` after `seconds`.
        """
        return self._await_rows(self._warm.rows + rows, seconds)

    def _await_rows(self, rows: int, seconds: float) -> float:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            have = self._number("SELECT count(*) FROM hops")
            if have == rows and not self._number("SELECT count(*) FROM hops WHERE root_id IS NULL"):
                return time.monotonic()
            if have > rows:
                break
            self._processes.check()
            time.sleep(0.05)
        raise TimeoutError(f"{have} rows after {seconds:.0f} s, {rows} expected")

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has used so far; empty where there is no /proc to tell."""
        return {
            name: _cpu_seconds(leash._process.pid)
            for name, leash in self._processes._running.items()
            if Path("/proc/self/stat").exists()
        }

    def readable(self, span_ids: Iterable[str]) -> set[str]:
        """Which of these spans have their row."""
        keys = ", ".join(str(span_key(span_id)) for span_id in span_ids)
        rows = self._lineage.ask(f"SELECT span_id FROM hops WHERE span_key IN ({keys})").rows
        return {row[0] for row in rows}

    def _number(self, sql: str) -> int:
        value: int = self._lineage.ask(sql).rows[0][0]
        return value


def _cpu_seconds(leash: int) -> float:
    """Of the one process that `leash` holds."""
    child = Path(f"/proc/{leash}/task/{leash}/children").read_text("ascii").split()[0]
    # proc_pid_stat(5): utime and stime are fields 14 and 15; the name before them may hold spaces.
    fields = Path(f"/proc/{child}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(bootstrap: str, application: str) -> Iterator[Pipeline]:
    """An empty pipeline on an empty broker, warmed up; its processes end with the block."""
    wipe(bootstrap)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantline-bench-")))
        web = free_port()
        environment = _environment(home, bootstrap, application, web)
        processes = stack.enter_context(Processes(home / "logs", environment))
        processes.start("worker", "worker")
        url = f"http://127.0.0.1:{web}/ready"
        processes.wait_for_page(url, _START_SECONDS)
        _await_partitions(url, processes)
        # After the worker: the writer looks for topics only now and then.
        processes.start("writer", "writer")
        note = home / "live.json"
        processes.wait_for_file(note, _START_SECONDS)
        live = json.loads(note.read_text("utf-8"))
        lineage = connect(live["address"], live["token"])
        stack.callback(lineage.close)
        findings = stack.enter_context(Findings(bootstrap, FINDINGS))
        pipeline = Pipeline(bootstrap, processes, findings, lineage, warm_up())
        pipeline.warm_up()
        findings.await_all(lambda _: True, _START_SECONDS)
        findings.said.clear()
        yield pipeline


def _await_partitions(url: str, processes: Processes) -> None:
    """Until the worker holds every keyed partition: hops and tokens."""
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        with urllib.request.urlopen(url, timeout=5) as answer:
            if len(json.load(answer)["partitions"]) == 2 * PARTITIONS:
                return
        processes.check()
        time.sleep(0.1)
    raise TimeoutError("the worker was not given its partitions")


def _environment(home: Path, bootstrap: str, application: str, web: int) -> dict[str, str]:
    return os.environ | {
        "GRANTLINE_BOOTSTRAP": bootstrap,
        "GRANTLINE_APPLICATION": application,
        "GRANTLINE_DATA_DIR": str(home),
        "GRANTLINE_STORE": str(home / "lineage.duckdb"),
        "GRANTLINE_PARTITIONS": str(PARTITIONS),
        # The embedded broker assigns partitions only after half the session time-out.
        "GRANTLINE_SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_MS // 1000),
        "GRANTLINE_WEB_PORT": str(web),
        "GRANTLINE_LIVE_PORT": str(free_port()),
    }
