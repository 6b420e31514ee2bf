"""Grantline as it is run: worker processes and one writer process, warm and empty."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from grantline.demo.processes import Processes
from grantline.embedded import SESSION_TIMEOUT_MS, free_port
from grantline.store.client import Lineage, connect
from grantline.store.rows import span_key
from tests.benchmarks.backlog import SESSION_SECONDS
from tests.benchmarks.broker import PARTITIONS, Findings, Source, wipe
from tests.benchmarks.expected import Different
from tests.benchmarks.load import Load, warm_up
from tests.benchmarks.usage import child_of
from tests.brokers import Broker

INPUT = "otlp_spans"
FINDINGS = "delegation.findings"
KEYED = ("delegation.hops", "delegation.tokens")
WRITER = "writer"
_START_SECONDS = 60.0
_TAKEN = re.compile(rf'^grantline_records_total{{topic="{INPUT}"}} (.+)$', re.MULTILINE)


class Pipeline:
    """Running workers and their writer, and what can be read at the far end."""

    def __init__(
        self,
        bootstrap: str,
        processes: Processes,
        pages: Mapping[str, str],
        findings: Findings,
        lineage: Lineage,
        *,
        warm: Load,
    ) -> None:
        """`pages`: worker -> where its pages are; `warm`: what it is warmed up with."""
        self.source = Source(bootstrap, INPUT)
        self.findings = findings
        self.pages = pages
        self._processes = processes
        self._lineage = lineage
        self._warm = warm

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {
            name: child_of(leash._process.pid) for name, leash in self._processes._running.items()
        }

    @property
    def worker_pids(self) -> dict[str, int]:
        return {name: pid for name, pid in self.pids.items() if name != WRITER}

    def warm_up(self) -> None:
        """Some chains go the whole way: what is paid once is paid now."""
        for record in self._warm.records:
            self.source.send(record)
        self.source.flush()
        self._await_rows(self._warm.rows, _START_SECONDS)

    def await_rows(self, rows: int, seconds: float) -> float:
        """When `rows` hops of the load could be read, every one under its root.

        Raises `Different` after `seconds`, or where there are more.
        """
        return self._await_rows(self._warm.rows + rows, seconds)

    def _await_rows(self, rows: int, seconds: float) -> float:
        begin = time.monotonic()
        have = rooted = 0
        while have <= rows:
            have, rooted = self.ask("SELECT count(*), count(root_id) FROM hops")[0]
            now = time.monotonic()
            if have == rooted == rows:
                return now
            if now - begin > seconds:
                break
            self._processes.check()
            # Each question costs the writer some milliseconds: few, and more near the end.
            left = (rows - have) * (now - begin) / max(have, 1)
            time.sleep(min(max(0.1, left / 4), 1.0))
        raise Different(f"{have} rows, {rooted} under a root, after {seconds:.0f} s, not {rows}")

    def check(self) -> None:
        """Raises `TimeoutError` with the last words of a process that has ended."""
        self._processes.check()

    def readable(self, span_ids: Iterable[str]) -> set[str]:
        """Which of these spans have their row."""
        keys = ", ".join(str(span_key(span_id)) for span_id in span_ids)
        rows = self.ask(f"SELECT span_id FROM hops WHERE span_key IN ({keys})")
        return {row[0] for row in rows}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of live SQL."""
        return self._lineage.ask(sql).rows

    def taken(self) -> int:
        """Records of the load that the workers have decoded."""
        counted = 0.0
        for url in self.pages.values():
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
                counted += sum(map(float, _TAKEN.findall(answer.read().decode("utf-8"))))
        return int(counted) - len(self._warm.records)

    def folded(self) -> dict[str, int]:
        """Keyed topic -> records that the workers have folded, as far as they know."""
        done = dict.fromkeys(KEYED, 0)
        for url in self.pages.values():
            for fold in page(f"{url}/ready")["partitions"]:
                done[fold["topic"]] += fold["next_offset"]
        return done


def page(url: str) -> Any:
    """A worker's page that is JSON."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextmanager
def running(
    broker: Broker,
    application: str,
    workers: int = 1,
    warm: Load | None = None,
    **environment: str,
) -> Iterator[Pipeline]:
    """An empty pipeline on an empty broker, warmed up; its processes end with the block.

    `warm`: where the ordinary warm-up does not suit the settings in `environment`.
    """
    wipe(broker.bootstrap)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantline-bench-")))
        settings = _environment(home, broker, application) | environment
        processes = stack.enter_context(Processes(home / "logs", settings))
        pages = _workers(processes, workers)
        # After the workers: the writer looks for topics only now and then.
        processes.start(WRITER, "writer")
        note = home / "live.json"
        processes.wait_for_file(note, _START_SECONDS)
        live = json.loads(note.read_text("utf-8"))
        lineage = connect(live["address"], live["token"])
        stack.callback(lineage.close)
        findings = stack.enter_context(Findings(broker.bootstrap, FINDINGS))
        pipeline = Pipeline(
            broker.bootstrap, processes, pages, findings, lineage, warm=warm or warm_up()
        )
        pipeline.warm_up()
        findings.await_all(lambda _: True, _START_SECONDS)
        findings.said.clear()
        yield pipeline


def _workers(processes: Processes, count: int) -> dict[str, str]:
    """Starts them one after the other; returns their pages once each has its partitions."""
    pages: dict[str, str] = {}
    for number in range(1, count + 1):
        name = "worker" if count == 1 else f"worker {number}"
        port = free_port()
        pages[name] = f"http://127.0.0.1:{port}"
        processes.start(name, "worker", "--web-port", str(port))
        processes.wait_for_page(f"{pages[name]}/ready", _START_SECONDS)
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        held = [len(page(f"{url}/ready")["partitions"]) for url in pages.values()]
        if all(held) and sum(held) == len(KEYED) * PARTITIONS:
            return pages
        processes.check()
        time.sleep(0.1)
    raise TimeoutError(f"the workers were not given their partitions: {held}")


def _environment(home: Path, broker: Broker, application: str) -> dict[str, str]:
    # The embedded broker, which alone cannot be restarted, assigns partitions only after half
    # the session time-out.
    session = SESSION_SECONDS if broker.restartable else SESSION_TIMEOUT_MS // 1000
    return os.environ | {
        "GRANTLINE_BOOTSTRAP": broker.bootstrap,
        "GRANTLINE_APPLICATION": application,
        "GRANTLINE_DATA_DIR": str(home),
        "GRANTLINE_STORE": str(home / "lineage.duckdb"),
        "GRANTLINE_PARTITIONS": str(PARTITIONS),
        "GRANTLINE_SESSION_TIMEOUT_SECONDS": str(session),
        "GRANTLINE_LIVE_PORT": str(free_port()),
    }
