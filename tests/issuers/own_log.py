"""What an issuer writes down by itself, in its own words, and what our reader of that log makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from grantline.model.hop import Hop
from grantline.sources.known import SOURCES
from grantline.sources.reading import read
from grantline.sources.source import Origin

Row = dict[str, Any]


class OwnLog:
    """The log of a running issuer, from now on. An issuer that names no `log` writes none we read."""

    def __init__(self, issuer: Any) -> None:
        self.reader: Final[str | None] = getattr(issuer, "log", None)
        self._issuer = issuer
        self._seen: set[str] = set()
        self.new()

    def new(self) -> list[Row]:
        """The rows that were written since the last call, oldest first."""
        if self.reader is None:
            return []
        rows = [row for row in self._issuer.rows() if row["id"] not in self._seen]
        self._seen.update(row["id"] for row in rows)
        return rows[::-1]


def hops(reader: str, rows: Iterable[Row], issuer: str) -> list[Hop]:
    """The rows as `grantline replay --format` reads them; each must be read or be passed over."""
    taken = read(SOURCES[reader], json.dumps(list(rows)).encode(), Origin(issuer=issuer))
    assert not taken.rejected, taken.rejected
    return taken.hops
