"""Live SQL: the writer's database, served to analysts while it is written. Read only.

Three walls: Quack asks `may_run` (schemas/duckdb) before anything runs, DuckDB itself may reach
no file, network or extension any more, and its configuration is locked. Reading has snapshots of
its own, so it sees whole batches and never waits for the writer, nor the writer for it; memory
and spill space are limited, and the writer tries again when a query has taken them.

There is no time limit: DuckDB 1.5 has none and Quack gives nobody the means to interrupt a query.
"""

from __future__ import annotations

import errno
import secrets
import socket
from types import TracebackType
from typing import Final, Self

import duckdb

from grantline.store import quack
from grantline.store.duckdb_store import DuckDBStore

DEFAULT_PORT: Final = 9494
"""Quack's own."""

_LOCKDOWN: Final = (
    "SET GLOBAL quack_authorization_function = 'may_run'",
    "SET max_temp_directory_size = $spill",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class CannotServe(RuntimeError):
    """Live SQL could not be started; the message says what to change."""


class LiveSql:
    """Serves `store` at `address` to whoever has `token`.

    Starting it locks the configuration of the store's DuckDB for good. `host` other than this
    machine's own sends tokens and rows in clear: put a proxy with TLS in front.
    """

    def __init__(
        self,
        store: DuckDBStore,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        token: str | None = None,
        spill: str = "8GB",
    ) -> None:
        self.address = f"quack:{host}:{port}"
        self.token = token or secrets.token_urlsafe(24)
        self._host = host
        self._port = port
        self._spill = spill
        self._connection = store.cursor()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> None:
        """Lock down, then listen. Raises `quack.LiveSqlMissing` or `CannotServe`."""
        if not self._locked():
            quack.load(self._connection)
            for setting in _LOCKDOWN:
                parameters = {"spill": self._spill} if "$spill" in setting else None
                self._connection.execute(setting, parameters)
        if _taken(self._host, self._port):
            raise CannotServe(
                f"live SQL cannot listen at {self.address}: another process does (a second writer?): "
                "stop it, or set GRANTLINE_LIVE_PORT"
            )
        try:
            self._connection.execute(
                "CALL quack_serve($address, token = $token, disable_ssl = true, "
                "allow_other_hostname = $anywhere)",
                {
                    "address": self.address,
                    "token": self.token,
                    "anywhere": self._host not in quack.LOCAL_HOSTS,
                },
            ).fetchall()
        except duckdb.Error as why:
            text = str(why).replace(self.token, "...").splitlines()[0]
            raise CannotServe(
                f"live SQL cannot listen at {self.address}: {text}. Is the port taken? "
                "Choose another, or 0.0.0.0 with a proxy in front"
            ) from None

    def _locked(self) -> bool:
        sql = "SELECT current_setting('lock_configuration')"
        return bool(self._connection.execute(sql).fetchall()[0][0])

    def stop(self) -> None:
        """Stop listening. A query that runs on is not waited for, and ends with the process."""
        self._connection.execute("CALL quack_stop(?)", [self.address]).fetchall()
        self._connection.close()


def _taken(host: str, port: int) -> bool:
    """Whether somebody listens there. Quack does not see it: it shares its port (SO_REUSEPORT), and
    each analyst would be answered by one database or the other.
    """
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((bare, port))
        except OSError as why:
            return why.errno == errno.EADDRINUSE
    return False
