"""`grantline writer`: the lineage writer and live SQL in one process, until it is told to stop.

Live SQL is served while the broker is down, too. Without its extension the writer still writes,
and says how to get it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from grantline.stopping import stopped_by_signals
from grantline.store.columns import columns
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.live import DEFAULT_PORT, LiveSql
from grantline.store.log_reader import WriterSettings
from grantline.store.quack import LiveSqlMissing
from grantline.store.writer import Writer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """Where live SQL listens, and what analysts must know."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = None
    """None makes a token up; `serving` is told it."""


def run(
    path: Path,
    settings: WriterSettings,
    live: LiveSettings | None = LiveSettings(),
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    serving: Callable[[LiveSql], None] | None = None,
) -> None:
    """Write lineage to `path` and serve it until SIGTERM or SIGINT; the batch at hand is finished.

    `live=None` serves nothing; `serving` is called once analysts can connect, for whoever shows
    them address and token. `memory_limit` (`2GB`) and `threads` are shared by the writer and all queries.
    Raises `StoreInUse`, `ddl.WrongSchema`, `CannotServe` or `TopicRecreated`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _log.info("columns are made by the %s code", columns())
    store = DuckDBStore(path, memory_limit=memory_limit, threads=threads or _half_of_the_cores())
    with ExitStack() as stack:
        stack.callback(store.close)
        writer = Writer(store, settings)
        stack.enter_context(stopped_by_signals(writer.stop))
        server = None if live is None else _served(store, live)
        if server is not None:
            stack.callback(server.stop)
            if serving is not None:
                serving(server)
        writer.run()


def _half_of_the_cores() -> int:
    """A batch is too small to be shared among threads: waking them doubled its CPU time. Half of
    the cores are for the questions of analysts, the others for the workers.
    """
    return max(1, (os.cpu_count() or 2) // 2)


def _served(store: DuckDBStore, live: LiveSettings) -> LiveSql | None:
    server = LiveSql(store, host=live.host, port=live.port, token=live.token)
    try:
        server.start()
    except LiveSqlMissing as why:
        _log.warning("lineage is written, but nobody can ask while it is: %s", why)
        return None
    _log.info("live SQL at %s", server.address)
    return server
