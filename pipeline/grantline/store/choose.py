"""Which of several reports of one thing is kept; the same whatever order they came in.

Pure: the DuckDB store and its in-memory twin decide by these functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from grantline.model.hop import REACHED, ROOT_RESOLVED, ROOT_WITHDRAWN, Hop
from grantline.model.names import rank_of_chain
from grantline.model.task import Start, fits_better

SpanId = tuple[str, str, int]
"""(trace id, span id, start in nanoseconds): whoever reports a span twice reports it so twice. A
second span of that name but another start is kept beside the first; neither hides the other."""


def span_id(hop: Hop) -> SpanId:
    return (hop.trace_id, hop.span_id, hop.time)


class Rooted(NamedTuple):
    """How a copy of a span came by its root."""

    root_id: str | None
    resolved: bool
    task_granted_at: int | None
    time: int
    chain_key: str | None = None

    def beats(self, other: Rooted) -> bool:
        """A root the span names beats one found by a strong name, that one found by the task
        alone, that a grant of which only an issuer told, that none; of two such grants the one of
        the stronger name, of two by strong names the smaller, by the task the run that fits.
        """
        if self._rank != other._rank:
            return self._rank > other._rank
        if self.chain_key is not None and other.chain_key is not None:
            own, others_rank = rank_of_chain(self.chain_key), rank_of_chain(other.chain_key)
            if own != others_rank:
                return own > others_rank
        mine, others = self.root_id or "", other.root_id or ""
        if self.task_granted_at is not None and other.task_granted_at is not None:
            start, known = Start(self.task_granted_at, mine), Start(other.task_granted_at, others)
            return fits_better(start, known, self.time)
        return self._rank in (_FOUND, _BY_ISSUER) and mine < others

    @property
    def _rank(self) -> int:
        if self.chain_key is not None:
            return _BY_ISSUER
        if self.root_id is None:
            return _NONE
        if not self.resolved:
            return _NAMED
        return _FOUND if self.task_granted_at is None else _BY_TASK


_NONE, _BY_ISSUER, _BY_TASK, _FOUND, _NAMED = range(5)


def rooted(hop: Hop) -> Rooted:
    found = ROOT_RESOLVED in hop.flags
    return Rooted(hop.root_id, found, hop.task_granted_at, hop.time, hop.chain_key)


def lasting(hops: Iterable[Hop]) -> Iterator[Hop]:
    """`hops` without those that only tell a chain something, or take it back, and those of a gap:
    which one it is changes with what is known, and a row has no root either way.
    """
    return (
        hop
        for hop in hops
        if (not hop.flags or COPIES.isdisjoint(hop.flags))
        and (hop.chain_key is None or hop.root_id is not None)
    )


COPIES = frozenset({ROOT_WITHDRAWN, REACHED})
"""Flags of what only tells a chain something, or takes it back."""


def best_hops(hops: Iterable[Hop]) -> dict[SpanId, Hop]:
    """One copy of each span."""
    best: dict[SpanId, Hop] = {}
    for hop in lasting(hops):
        span = span_id(hop)
        known = best.setdefault(span, hop)
        if known is not hop and rooted(hop).beats(rooted(known)):
            best[span] = hop
    return best
