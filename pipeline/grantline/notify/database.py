"""The SQLite file under the ledger: one process tells people from it; durable at every commit."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from threading import RLock
from typing import IO, Final

VERSION: Final = 4
"""`PRAGMA user_version` of the file; those of `_BEFORE` are taken over, another one is refused."""
_BEFORE: Final = (2, 3)


class LedgerError(RuntimeError):
    """The ledger file cannot be used; the text names the file and the cure."""


class Database:
    """One connection, shared by the threads of one process through a lock.

    `transaction` holds the lock, commits when its block ends and rolls back when it raises. A
    commit returns when the data is on disk (`synchronous=FULL`), so what a killed process had
    committed is there when it is started again. The file is readable by its owner only.
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        """`beside`: for a look, or a short write, while another process may be at work on it."""
        if beside and not path.is_file():
            raise LedgerError(
                f"no alert process has worked in {path.parent}: is GRANTLINE_DATA_DIR the same as its?"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._mutex = RLock()
        with ExitStack() as undo:
            self._claim = None if beside else undo.enter_context(_claim(path))
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = _connect(path)
            undo.pop_all()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            yield self._connection

    def close(self) -> None:
        """Closes the file and lets another process have it. Calls after it raise `sqlite3.Error`."""
        with self._mutex:
            self._connection.close()
            if self._claim is not None:
                self._claim.close()


def _claim(path: Path) -> IO[str]:
    """A lock that the kernel takes back however the process ends."""
    beside = path.with_name(path.name + ".lock")
    lock = os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LedgerError(
            f"another process is using {path}: stop it, or give this one its own data directory"
        ) from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as why:
        raise LedgerError(
            f"{path} is not a ledger of `grantline alert` ({why}): move it away; what is in the topic "
            "is then known, and told where it goes on"
        ) from None
    if version not in {0, *_BEFORE, VERSION}:
        connection.close()
        raise LedgerError(
            f"{path} has ledger version {version}; this release knows version {VERSION}: "
            "use the release that wrote it, or move the file away"
        )
    if version in _BEFORE:
        connection.executescript(_script(f"takeover_{version}.sql"))
    connection.executescript(_script("ledger.sql"))
    if version != VERSION:
        connection.execute(f"PRAGMA user_version={VERSION}")
    return connection


def _script(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
