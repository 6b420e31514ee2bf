"""What a contender uses while it is measured: CPU seconds and resident memory of its processes.

Wall time on a shared machine tells what the neighbours were doing, CPU time tells what the
contender did. Read from /proc; elsewhere than on Linux there is nothing to tell.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.brokers import Broker

_EVERY_SECONDS = 0.2
_PROC = Path("/proc")


class Used(NamedTuple):
    """By one process, between the start of the measurement and its end."""

    cpu_seconds: float
    memory_mib: float
    """Resident, on average."""


class Meter:
    """Watches processes while the block lasts; `used` is filled at its end, or by `read`."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        """`processes`: name -> process id."""
        self._processes = dict(processes) if (_PROC / "self/stat").exists() else {}
        self._begin = {name: cpu_seconds(pid) for name, pid in self._processes.items()}
        self._memory: dict[str, list[float]] = {name: [] for name in self._processes}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)
        self.used: dict[str, Used] = {}

    def read(self) -> dict[str, Used]:
        """What was used up to now."""
        self._sample()
        self.used = {
            name: Used(cpu_seconds(pid) - self._begin[name], fmean(self._memory[name]))
            for name, pid in self._processes.items()
        }
        return self.used

    def rise_mib(self, name: str) -> float:
        """By how much more than at first a process held at its peak."""
        memory = self._memory[name]
        return max(memory) - memory[0]

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            try:
                self._sample()
            except OSError:
                # It ended: whoever waits for its output says so.
                return

    def _sample(self) -> None:
        for name, pid in self._processes.items():
            self._memory[name].append(resident_mib(pid))


def resident_mib(pid: int) -> float:
    """What a process holds in memory now."""
    pages = int((_PROC / str(pid) / "statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Thread(NamedTuple):
    """One thread of a process, so far."""

    name: str
    cpu_seconds: float


def threads(pid: int) -> dict[int, Thread]:
    """Those of a process, by their number; empty where there is no /proc to tell."""
    found = {}
    for path in (_PROC / str(pid) / "task").glob("*/stat"):
        text = path.read_text("utf-8")
        name = text.partition("(")[2].rpartition(")")[0]
        found[int(path.parent.name)] = Thread(name, _of_stat(text))
    return found


def child_of(leash: int) -> int:
    """The one process that a leash holds (see `grantline.embedded.LeashedProcess`)."""
    children = _PROC / str(leash) / "task" / str(leash) / "children"
    return int(children.read_text("ascii").split()[0]) if children.exists() else leash


def of_broker(broker: Broker) -> dict[str, int]:
    """The broker's process under its name, where it is one of this machine's."""
    leash: Any = getattr(broker, "_process", None)
    return {"broker": child_of(leash._process.pid)} if leash is not None else {}


def cpu_seconds(pid: int) -> float:
    """Used by the process since its start, in user space and for it in the kernel."""
    return _of_stat((_PROC / str(pid) / "stat").read_text("utf-8"))


def _of_stat(text: str) -> float:
    # proc_pid_stat(5): utime and stime are fields 14 and 15; the name before them may hold spaces.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
