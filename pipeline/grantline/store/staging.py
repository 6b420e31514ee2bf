"""What of a batch's hops is stored: one row a span, before the database is asked what it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import pyarrow as pa

from grantline.model.hop import Hop
from grantline.store.choose import Rooted, SpanId, best_hops, rooted
from grantline.store.columns import FramedHops
from grantline.store.rows import HOP_SCHEMA, but, hop_table


class Rows(Protocol):
    """One copy of each span. A row is known by a number, which is no place in the table."""

    @property
    def table(self) -> pa.Table:
        """All of them, as rows of table `hops`."""
        ...

    def find(self, span: SpanId) -> int | None:
        """The row of a span."""
        ...

    def rooted(self, row: int) -> Rooted: ...

    def without(self, rows: Iterable[int]) -> pa.Table:
        """The table without these."""
        ...


def staged_rows(hops: Sequence[Hop]) -> Rows:
    """The rows that `hops` come to. Raises `rows.Unstorable`."""
    return hops.rows() if isinstance(hops, FramedHops) else PlainRows(hops)


class PlainRows:
    """`Rows` of hops."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        best = best_hops(hops)
        self._hops = list(best.values())
        self._numbers = {span: number for number, span in enumerate(best)}
        self.table = hop_table(self._hops) if self._hops else HOP_SCHEMA.empty_table()

    def find(self, span: SpanId) -> int | None:
        return self._numbers.get(span)

    def rooted(self, row: int) -> Rooted:
        return rooted(self._hops[row])

    def without(self, rows: Iterable[int]) -> pa.Table:
        out = frozenset(rows)
        return but(self.table, out) if out else self.table
