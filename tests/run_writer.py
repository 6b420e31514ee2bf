"""Runs the lineage writer from arguments given as JSON, and ends with whoever started it.

`moment` names where in a transaction it kills itself, empty for nowhere; without `real` it makes
many small transactions, so that there are more of them to be killed in. How many hops there were
for the transaction, and for everybody else at that moment, is left in the file `note`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from grantline.model.hop import Hop
from grantline.ports import Batch
from grantline.store import service
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.intake import Topics
from grantline.store.log_reader import WriterSettings
from tests.leash import end_with_parent

IN_THE_COMMIT_SECONDS = 0.001
MEMORY_LIMIT = "256MB"
"""Of DuckDB, where it is `real`: what is measured beside it is the writer's own."""


class Mortal(DuckDBStore):
    """Dies by SIGKILL at one moment of a transaction, the first one that makes hops more."""

    moment = ""
    note = Path()
    _before = 0

    def write(self, batch: Batch) -> None:
        [(self._before,)] = self.query("SELECT count(*) FROM hops")
        super().write(batch)

    def _write_hops(self, hops: Sequence[Hop]) -> None:
        super()._write_hops(hops)
        self._at("hops written")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with super()._transaction():
            yield
            self._at("before the commit")
            self._at("in the commit", IN_THE_COMMIT_SECONDS)
        self._at("after the commit")

    def _at(self, here: str, seconds: float = 0) -> None:
        if here != self.moment:
            return
        [(inside,)] = self._rows("SELECT count(*) FROM hops")
        if inside == self._before:
            return
        [(outside,)] = self.query("SELECT count(*) FROM hops")
        self.note.write_text(json.dumps([inside, outside]))
        if seconds:
            threading.Thread(target=self._die, args=(seconds,)).start()
        else:
            self._die(0)

    def _die(self, seconds: float) -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)


def main(given: dict[str, Any]) -> None:
    end_with_parent()
    Mortal.moment, Mortal.note = given["moment"], Path(given["note"])
    vars(service)["DuckDBStore"] = Mortal
    settings = WriterSettings(
        bootstrap=given["bootstrap"],
        topics=Topics(*given["topics"]),
        group=given["group"],
        discover_seconds=0.5,
    )
    if not given["real"]:
        settings = replace(settings, batch_rows=100, batch_seconds=0.05, most_batch_seconds=0.05)
    live = service.LiveSettings(port=given["port"], token=given["token"])
    limit = MEMORY_LIMIT if given["real"] else None
    service.run(Path(given["path"]), settings, live, memory_limit=limit)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
