"""Runs one worker from settings given as JSON, and ends with whoever started it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from grantline.streams.settings import WorkerSettings
from grantline.streams.worker import run


def _end_with_parent() -> None:
    # Not sys.stdin: its lock would be held while the interpreter goes down.
    os.read(0, 1)
    os._exit(3)


def _path(wanted: type, value: Any) -> Any:
    return Path(value) if wanted is Path else value


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings, dec_hook=_path)
    sys.exit(run(settings))


if __name__ == "__main__":
    main()
