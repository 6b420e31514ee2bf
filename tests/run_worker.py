"""Runs one worker from settings given as JSON, and ends with whoever started it.

The second argument names the engine: `real`, or `broken` for one that fails in mid-stream.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from grantline.model.hop import Hop
from grantline.streams.engines import Chains, Engines
from grantline.streams.settings import WorkerSettings
from grantline.streams.worker import run


class Broken(Chains):
    """Works for a while, then fails at every hop."""

    added = 0

    def add(self, items: Iterable[Hop], /) -> None:
        for hop in items:
            Broken.added += 1
            if Broken.added > 50:
                raise RuntimeError("this engine is broken on purpose")
            super().add([hop])


def _end_with_parent() -> None:
    # Not sys.stdin: its lock would be held while the interpreter goes down.
    os.read(0, 1)
    os._exit(3)


def _path(wanted: type, value: Any) -> Any:
    return Path(value) if wanted is Path else value


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings, dec_hook=_path)
    engines = Engines(chains=Broken) if sys.argv[2] == "broken" else None
    sys.exit(run(settings, engines))


if __name__ == "__main__":
    main()
