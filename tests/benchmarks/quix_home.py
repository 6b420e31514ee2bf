"""The virtual environment in which Quix Streams runs.

It holds confluent-kafka and pydantic below versions that Grantline is installed with, so it gets
an environment of its own, made once from `quix.lock` into the user's cache directory, never into
the repository. `quix.in` says how the lock is renewed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.benchmarks.contender import Missing

_LOCK = Path(__file__).parent / "quix.lock"
_SECONDS = 600.0


def interpreter() -> str:
    """Python with Quix Streams; the first time this takes a minute. Raises `Missing`."""
    print_ = hashlib.sha256(sys.version.encode() + _LOCK.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "grantline-tests" / f"quix-{print_}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        try:
            venv.create(home, with_pip=True)
            command = [str(python), "-m", "pip", "install", "--disable-pip-version-check",
                       "--quiet", "--require-hashes", "-r", str(_LOCK)]  # fmt: skip
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.CalledProcessError as why:
            words = (why.stderr or why.output or "")[-500:]
            raise Missing(f"Quix Streams could not be installed: {words}") from None
        except (OSError, subprocess.TimeoutExpired) as why:
            raise Missing(f"Quix Streams could not be installed: {why}") from None
        (home / "complete").touch()
    return str(python)
