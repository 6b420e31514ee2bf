"""Programs of others that tests ask where they are there: a Collector, a Compose client.

With `GRANTLINE_GO_TOOLS=1` (or `collector` or `compose`, for one of them) and Go on the PATH those
that are missing are built from their Go modules, once, into the user's cache directory: some three
minutes and two gigabytes each. `python -m tests.go_tools` builds the Collector beforehand.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers.apache import cache

COLLECTOR = "0.155.0"
COMPOSE = "2.40.3"
MANIFEST = Path(__file__).parent / "otelcol.yaml"


def collector() -> str:
    """A Collector with what deploy/collector.yaml needs; skips the test where there is none."""
    named = os.environ.get("GRANTLINE_OTELCOL") or shutil.which("otelcol-contrib")
    return named or _built("collector", f"otelcol-{COLLECTOR}", _build_collector, "otelcol-contrib")


def compose() -> list[str]:
    """A client of the Compose specification; skips the test where there is none."""
    for client in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(client[0]) is None:
            continue
        asked = subprocess.run([*client, "version"], capture_output=True, text=True, check=False)
        # The first docker-compose, written in Python, is older than the specification.
        if asked.returncode == 0 and asked.stdout.startswith("Docker Compose version"):
            return [str(shutil.which(client[0])), *client[1:]]
    return [_built("compose", f"docker-compose-{COMPOSE}", _build_compose, "docker compose")]


def _built(tool: str, name: str, build: Callable[[Path], None], missing: str) -> str:
    wanted = os.environ.get("GRANTLINE_GO_TOOLS", "")
    if wanted not in {"1", tool} or shutil.which("go") is None:
        pytest.skip(f"no {missing} on the PATH; GRANTLINE_GO_TOOLS=1 builds one where there is Go")
    program = cache() / name
    # Two sessions at once: the second waits, then finds it there.
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            build(program)
    return str(program)


def _build_collector(program: Path) -> None:
    folder = program.with_suffix(".build")
    folder.mkdir(exist_ok=True)
    manifest = folder / "manifest.yaml"
    manifest.write_text(MANIFEST.read_text("utf-8").replace("FOLDER", str(folder)), "utf-8")
    builder = f"go.opentelemetry.io/collector/cmd/builder@v{COLLECTOR}"
    _go("run", builder, f"--config={manifest}")
    (folder / "otelcol").rename(program)
    shutil.rmtree(folder)


def _build_compose(program: Path) -> None:
    # Not `go install`: it refuses modules that exclude versions of others, as this one does.
    module = _go("mod", "download", "-json", f"github.com/docker/compose/v2@v{COMPOSE}")
    # Beside it, then renamed: a build that was killed leaves no half of a program.
    unfinished = program.with_suffix(".part")
    _go("build", "-C", json.loads(module)["Dir"], "-o", str(unfinished), "./cmd")
    unfinished.rename(program)


def _go(*arguments: str) -> str:
    done = subprocess.run(["go", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


if __name__ == "__main__":
    _built("collector", f"otelcol-{COLLECTOR}", _build_collector, "otelcol-contrib")
