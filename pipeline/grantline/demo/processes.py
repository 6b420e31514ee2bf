"""The demo's processes: started with a log each, stopped with the demo, whatever happens."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from grantline.embedded import LeashedProcess, tail

_POLL_SECONDS = 0.1


class Processes:
    """`grantline` commands in processes of their own."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._environment = dict(environment)
        self._running: dict[str, LeashedProcess] = {}

    def start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "grantline.cli", *arguments]
        with (self._logs / f"{name}.log").open("wb") as output:
            self._running[name] = LeashedProcess(command, output, 5.0, self._environment)

    def check(self) -> None:
        """Raises `TimeoutError` with the last words of a process that has ended."""
        for name, process in self._running.items():
            if not process.running():
                words = tail(self._logs / f"{name}.log")
                raise TimeoutError(f"the {name} ended; its last words:\n{words[-2000:]}")

    def wait_for_page(self, url: str, seconds: float) -> None:
        """Until `url` answers 200. Raises `TimeoutError`."""

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own worker
                    return True
            except (urllib.error.URLError, OSError):
                return False

        self._wait(answers, url, seconds)

    def wait_for_file(self, path: Path, seconds: float) -> None:
        """Until a process has written `path`. Raises `TimeoutError`."""
        self._wait(path.is_file, path.name, seconds)

    def _wait(self, true: Callable[[], bool], what: str, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not true():
            self.check()
            if time.monotonic() > ends:
                raise TimeoutError(f"no {what} within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._running.values()):
            process.stop()
