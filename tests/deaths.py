"""Moments in which a worker kills itself, as if its machine had gone: SIGKILL, nothing is finished."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grantline.streams import restorer, transport


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _half_written(file: int) -> None:
    """The machine went before the second half of the file was on the disk."""
    os.ftruncate(file, os.fstat(file).st_size // 2)
    _die()


def _before(owner: Any, name: str, last: int, death: Callable[..., None] = _die) -> None:
    """Dies when `owner.name` is called for the `last` time."""
    true = getattr(owner, name)
    calls = 0

    def deadly(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == last:
            death(*arguments if death is not _die else ())
        return true(*arguments)

    setattr(owner, name, deadly)


def _revoked(last: int) -> None:
    true = transport.Consumer.on_partitions_revoked
    calls = 0

    async def deadly(self: Any, revoked: Any) -> None:
        nonlocal calls
        # The first assignment has nothing to revoke.
        calls += bool(revoked)
        if calls == last:
            _die()
        await true(self, revoked)

    transport.Consumer.on_partitions_revoked = deadly  # type: ignore[method-assign]


MOMENTS: dict[str, Callable[[int], None]] = {
    "snapshot half written": lambda last: _before(os, "fsync", last, _half_written),
    "snapshot not in its place": lambda last: _before(Path, "replace", last),
    "snapshot in its place": lambda last: _before(Path, "replace", last, _put),
    "partitions revoked": _revoked,
    "partitions assigned": lambda last: _before(transport.Consumer, "perform_seek", last),
    "state restored": lambda last: _before(restorer.Restorer, "adopt", last),
}
"""Moment -> what makes this process die in it, when it comes for the n-th time."""


def _put(beside: Any, path: Any) -> None:
    Path(os.fspath(beside)).rename(path)
    _die()


def prepare(kind: str) -> None:
    """`kind` is a moment and a number: "partitions revoked 1"."""
    moment, _, last = kind.rpartition(" ")
    MOMENTS[moment](int(last))
