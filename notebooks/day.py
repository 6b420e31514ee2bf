"""The recorded day of the notebooks, replayed into a lineage: what your own writer's would be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import incident


class Replayed(NamedTuple):
    """Where the lineage of the day is, and what was alerted."""

    store: Path
    findings: list[dict[str, Any]]
    spans: int


def replayed() -> Replayed:
    """Tell the day to a file, run `grantline replay` over it. Raises `RuntimeError` with what it said."""
    folder = Path(mkdtemp(prefix="incident-"))
    day, findings, store = (folder / name for name in ("day.jsonl", "findings.jsonl", "day.duckdb"))
    spans = incident.write(day)
    command = [sys.executable, "-m", "grantline.cli", "replay", day, "--findings", findings, "--store", store]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return Replayed(store, [json.loads(line) for line in findings.read_text("utf-8").splitlines()], spans)
