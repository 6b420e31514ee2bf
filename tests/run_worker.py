"""Runs one worker from settings given as JSON, and ends with whoever started it.

The second argument names what kind of worker: `real`; `slow` for one whose results leave a while
after they were made; `impatient` for one that says after a second what holds it back; `broken` for one whose engine fails in mid-stream; or the moment in which it
kills itself (`deaths.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from grantline.model.hop import Hop
from grantline.streams import outlet, watch
from grantline.streams.engines import Chains, Engines
from grantline.streams.settings import WorkerSettings
from grantline.streams.worker import run
from tests import deaths
from tests.leash import end_with_parent

SLOW_MS = 250


class Broken(Chains):
    """Works for a while, then fails at every hop."""

    added = 0

    def add(self, items: Iterable[Hop], /) -> None:
        for hop in items:
            Broken.added += 1
            if Broken.added > 50:
                raise RuntimeError("this engine is broken on purpose")
            super().add([hop])


def _path(wanted: type, value: Any) -> Any:
    return Path(value) if wanted is Path else value


def main() -> None:
    end_with_parent()
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings, dec_hook=_path)
    kind = sys.argv[2]
    if kind == "slow":
        vars(outlet)["SETTINGS"] = {**outlet.SETTINGS, "linger.ms": SLOW_MS}
    elif kind == "impatient":
        vars(watch)["_HELD_SECONDS"] = 1.0
    elif kind not in {"real", "broken"}:
        deaths.prepare(kind)
    engines = Engines(chains=Broken) if kind == "broken" else None
    sys.exit(run(settings, engines))


if __name__ == "__main__":
    main()
