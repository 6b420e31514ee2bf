"""Which of several reports of one thing is kept; the same whatever order they came in.

Pure: the DuckDB store and its in-memory twin decide by these functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from grantline.model.finding import Finding
from grantline.model.hop import ROOT_RESOLVED, Hop

SpanId = tuple[str, str]
"""(trace id, span id)"""


class Rooted(NamedTuple):
    """How a copy of a span came by its root."""

    root_id: str | None
    resolved: bool

    def beats(self, other: Rooted) -> bool:
        """A root the span names beats a resolved one, that beats none; of two, the smaller."""
        if self._rank != other._rank:
            return self._rank > other._rank
        return self._rank == 1 and (self.root_id or "") < (other.root_id or "")

    @property
    def _rank(self) -> int:
        return 0 if self.root_id is None else 1 if self.resolved else 2


def rooted(hop: Hop) -> Rooted:
    return Rooted(hop.root_id, ROOT_RESOLVED in hop.flags)


def best_hops(hops: Iterable[Hop]) -> dict[SpanId, Hop]:
    """One copy of each span."""
    best: dict[SpanId, Hop] = {}
    for hop in hops:
        span = (hop.trace_id, hop.span_id)
        known = best.setdefault(span, hop)
        if known is not hop and rooted(hop).beats(rooted(known)):
            best[span] = hop
    return best


def latest(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The highest revision of each finding."""
    best: dict[str, Finding] = {}
    for finding in findings:
        known = best.setdefault(finding.id, finding)
        if finding.revision > known.revision:
            best[finding.id] = finding
    return best
