"""Recovery: how long a worker with much live state takes to work again, and what a rebalance costs.

The state is made of frames written to the keyed topics, as ingest would: chains of ten hops, each
a grant, four delegations and five uses, none of them over. Then one worker after the other is
ended in some way and started again with a violation waiting for it.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Producer

from grantline.demo.processes import Processes
from grantline.embedded import free_port
from grantline.model.hop import Hop
from grantline.streams.frames import Framing
from grantline.streams.messages import Addresses
from tests.benchmarks.bench import Bench
from tests.benchmarks.broker import PARTITIONS, Findings, Source, wipe
from tests.benchmarks.growth import first, further, templates
from tests.benchmarks.load import encode
from tests.benchmarks.pipeline import FINDINGS, INPUT, KEYED, page
from tests.benchmarks.progress import Progress
from tests.benchmarks.sheet import Part, Sheet, plain
from tests.benchmarks.usage import child_of
from tests.benchmarks.world import World

_HOPS_A_CHAIN = 10
_HOPS_A_DELIVERY = 5_000
"""Frames are as large as a backlog makes them."""
_SECONDS = 280.0
_WATCH_SECONDS = 6.0
_REPORT = re.compile(r"state of \d+ partitions rebuilt in .*folded again")


class Start(NamedTuple):
    """One start of a worker, in seconds since its process was started."""

    ready: float
    finding: float
    """The first new one could be read."""
    resident_mib: float
    peak_mib: float
    said: str
    """Of what it restored, in its own words."""


class Gap(NamedTuple):
    """The longest time without progress while a worker joined, in seconds."""

    stayed: float
    moved: float
    partitions_moved: int


class Measured(NamedTuple):
    """Everything."""

    hops: int
    snapshot_bytes: int
    folded: float
    """Seconds for the first worker to take it all in."""
    stopped: float
    """Seconds for its end in order."""
    starts: dict[str, Start]
    gap: Gap


class Home:
    """One application on an empty broker, and the directory that its workers share."""

    def __init__(self, bench: Bench, directory: Path, processes: Processes) -> None:
        self.bench = bench
        self.directory = directory
        self.snapshots = directory / "snapshots"
        self._processes = processes
        self._world = World(9, int(time.time()) - 60, 1.0)
        self._source = Source(bench.broker.bootstrap, INPUT)
        self._names = itertools.count(1)

    def start(self) -> tuple[str, str]:
        """Name and pages of a new worker."""
        name, port = f"worker {next(self._names)}", free_port()
        self._processes.start(name, "worker", "--web-port", str(port))
        return name, f"http://127.0.0.1:{port}"

    def pid(self, name: str) -> int:
        return child_of(self._processes._running[name]._process.pid)

    def ready(self, url: str) -> None:
        self._processes.wait_for_page(f"{url}/ready", _SECONDS)

    def end(self, name: str, how: signal.Signals) -> float:
        """Seconds until it had ended."""
        begin = time.monotonic()
        os.kill(self.pid(name), how)
        leash = self._processes._running.pop(name)
        while leash.running():
            time.sleep(0.01)
        return time.monotonic() - begin

    def said(self, name: str) -> str:
        """Waits for its report; it looks once a second."""
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            found = _REPORT.search((self.directory / "logs" / f"{name}.log").read_text())
            if found:
                return found[0]
            time.sleep(0.1)
        return ""

    def violate(self) -> None:
        """Sends spans that rules find something in at once."""
        for _ in range(6):
            self._source.send(encode(self._world.chain().spans))
        self._source.flush()


def run(bench: Bench) -> Part:
    """At the run's size, with snapshots and without."""
    hops = bench.size.recovery_hops
    with tempfile.TemporaryDirectory(prefix="grantline-bench-") as directory:
        wipe(bench.broker.bootstrap)
        settings = os.environ | {
            "GRANTLINE_BOOTSTRAP": bench.broker.bootstrap,
            "GRANTLINE_APPLICATION": bench.name("recovery"),
            "GRANTLINE_DATA_DIR": directory,
            "GRANTLINE_PARTITIONS": str(PARTITIONS),
            "GRANTLINE_SNAPSHOT_SECONDS": "20",
        }
        with Processes(Path(directory) / "logs", settings) as processes:
            return _run(Home(bench, Path(directory), processes), hops)


def _run(home: Home, hops: int) -> Part:
    tell = home.bench.tell
    name, url = home.start()
    home.ready(url)
    tell(f"recovery: folding {hops:,} hops")
    begin = time.monotonic()
    _fill(home.bench.broker.bootstrap, hops)
    _await_folded(url, hops)
    folded = time.monotonic() - begin
    stopped = home.end(name, signal.SIGTERM)
    size = sum(path.stat().st_size for path in home.snapshots.glob("*.snapshot"))
    starts: dict[str, Start] = {}
    with Findings(home.bench.broker.bootstrap, FINDINGS) as findings:
        findings.await_all(lambda _: True, 60)
        for what in ("after SIGTERM", "after SIGKILL", "without snapshots"):
            tell(f"recovery: a start {what}")
            if what == "without snapshots":
                shutil.rmtree(home.snapshots)
            starts[what], name, url = _start(home, findings)
            if what == "after SIGTERM":
                tell("recovery: a second worker joins")
                gap = _joins(home, url)
            if what != "without snapshots":
                home.end(name, signal.SIGKILL if what == "after SIGTERM" else signal.SIGTERM)
    measured = Measured(hops, size, folded, stopped, starts, gap)
    return Part(plain(measured), [_starts(measured), _gap(gap)])


def _starts(measured: Measured) -> Sheet:
    mib, a_hop = measured.snapshot_bytes / 2**20, measured.snapshot_bytes / measured.hops
    stored = (
        f"Snapshots: {mib:,.0f} MiB, {a_hop:,.0f} bytes a hop; the end in order took "
        f"{measured.stopped:.1f} s, the first folding {measured.folded:.0f} s."
    )
    return Sheet(
        f"Recovery: seconds from the start of the process, {measured.hops:,} live hops",
        ("", "ready", "first new finding", "resident MiB", "at its peak"),
        [
            (what, f"{one.ready:.1f}", f"{one.finding:.1f}", f"{one.resident_mib:,.0f}",
             f"{one.peak_mib:,.0f}")
            for what, one in measured.starts.items()
        ],
        [
            stored,
            "After SIGKILL the group waits until the dead worker is missed: up to 10 s.",
            *(f"{what}: {one.said}." for what, one in measured.starts.items()),
        ],
    )  # fmt: skip


def _gap(gap: Gap) -> Sheet:
    return Sheet(
        "Rebalance: longest time without progress while a second worker joins",
        ("", "ms"),
        [
            ("partitions that stay", f"{gap.stayed * 1000:,.0f}"),
            (f"partitions that move ({gap.partitions_moved})", f"{gap.moved * 1000:,.0f}"),
        ],
    )


def _start(home: Home, findings: Findings) -> tuple[Start, str, str]:
    known = len(findings.said)
    home.violate()
    begin = time.monotonic()
    name, url = home.start()
    ready = 0.0
    while not ready or len(findings.said) == known:
        if not ready and _is_ready(url):
            ready = time.monotonic() - begin
        if time.monotonic() - begin > _SECONDS:
            raise TimeoutError(f"{name} found nothing within {_SECONDS:.0f} s")
        time.sleep(0.02)
    finding = findings.said[known].at - begin
    status = Path(f"/proc/{home.pid(name)}/status").read_text("ascii")
    kib = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line}
    start = Start(
        ready, finding, int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024, home.said(name)
    )
    return start, name, url


def _is_ready(url: str) -> bool:
    try:
        return bool(page(f"{url}/ready")["ready"])
    except OSError:
        return False


def _await_folded(url: str, hops: int) -> None:
    """Until every chain is folded and what is committed is read to the end."""
    ends = time.monotonic() + _SECONDS
    before: list[Any] = []
    while time.monotonic() < ends:
        time.sleep(1.0)
        now = [fold["next_offset"] for fold in page(f"{url}/ready")["partitions"]]
        if now == before and any(now):
            return
        before = now
    raise TimeoutError(f"{hops:,} hops were not folded within {_SECONDS:.0f} s")


def _fill(bootstrap: str, hops: int) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "lz4", "log_level": 0,
         "queue.buffering.max.kbytes": 1 << 20}
    )  # fmt: skip
    addresses = Addresses(*KEYED, FINDINGS, "delegation.rejected", PARTITIONS, "/bench")
    stream = _hops(hops)
    while part := list(itertools.islice(stream, _HOPS_A_DELIVERY)):
        framing = Framing(addresses)
        for hop in part:
            framing.add(hop)
        for record in framing.records():
            producer.produce(record.topic, record.value, partition=record.partition)
        producer.poll(0)
    if producer.flush(60):
        raise TimeoutError("the broker does not take the frames")


def _hops(count: int) -> Iterator[Hop]:
    grant, delegate, use = templates(int(time.time()) - 600)
    for number in range(count // _HOPS_A_CHAIN):
        yield first(grant, number)
        for turn in range(4):
            yield further(delegate, number, turn)
        for turn in range(5):
            yield further(use, number, turn)


def _joins(home: Home, url: str) -> Gap:
    """Empty frames go to every keyed partition all the time; who holds it shows how far it is."""
    with Progress(home.bench.broker.bootstrap, PARTITIONS, url) as progress:
        time.sleep(1.0)
        name, second = home.start()
        progress.watch(second)
        ends = time.monotonic() + 60
        while not (_is_ready(second) and page(f"{second}/ready")["partitions"]):
            if time.monotonic() > ends:
                raise TimeoutError("the second worker was not given its partitions")
            time.sleep(0.1)
        time.sleep(_WATCH_SECONDS)
        folds = page(f"{second}/ready")["partitions"]
        moved = {(fold["topic"], fold["partition"]) for fold in folds}
    home.end(name, signal.SIGTERM)
    home.ready(url)
    gaps = progress.gaps()
    stayed = [gap for tp, gap in gaps.items() if tp not in moved]
    return Gap(max(stayed, default=0.0), max(gaps[tp] for tp in moved), len(moved))
