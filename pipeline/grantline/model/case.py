"""A case: every hit of one identity, counted, and the earliest of them in order: of what was let
in before what was refused.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from heapq import nsmallest

import msgspec

from grantline.model.finding import MAX_LISTED, Confidence, Finding, Hit, Severity
from grantline.model.subject import Subject

_Entry = tuple[bool, int, tuple[str, ...], bytes, Hit]
"""A hit with what it is sorted by: whether it was refused, time and spans, and for ties all it says."""


def _entry(hit: Hit) -> _Entry:
    return hit.refused, hit.time, hit.span_ids, msgspec.msgpack.encode(hit), hit


def _order(entry: _Entry) -> tuple[bool, int, tuple[str, ...], bytes]:
    return entry[:4]


def _place(hit: Hit) -> tuple[bool, int]:
    return hit.refused, hit.time


class Case:
    """One finding in the making: every hit of one identity."""

    __slots__ = ("_first", "_last_time", "_stale", "_start", "confidences", "count", "hits", "refused",
                 "rule_id", "said", "settled", "severities")  # fmt: skip

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id
        self.hits: dict[Subject, Hit] = {}
        self.count = 0
        """Violating spans."""
        self.refused = 0
        """Those of them that were refused."""
        self.settled = 0
        """Hits that no other report of the same call is waited for."""
        self.severities: Counter[Severity] = Counter()
        self.confidences: Counter[Confidence] = Counter()
        self.said: Finding | None = None
        self._first: list[_Entry] = []
        self._start: int | None = None
        self._last_time = 0
        self._stale = False

    def put(self, subject: Subject, hit: Hit) -> None:
        self.drop(subject)
        self.hits[subject] = hit
        self._tally(hit, 1)
        if self._stale:
            return
        self._last_time = max(self._last_time, hit.time)
        self._start = hit.time if self._start is None else min(self._start, hit.time)
        if len(self._first) < MAX_LISTED or _place(hit) <= self._first[-1][:2]:
            insort(self._first, _entry(hit), key=_order)
            del self._first[MAX_LISTED:]

    def drop(self, subject: Subject) -> None:
        hit = self.hits.pop(subject, None)
        if hit is None:
            return
        self._tally(hit, -1)
        # What is listed is then found anew, once for all that are dropped until it is asked for.
        listed = not self._first or _place(hit) <= self._first[-1][:2]
        self._stale = self._stale or listed or hit.time in (self._start, self._last_time)

    def listed(self) -> list[Hit]:
        """The first `MAX_LISTED` hits, in order."""
        self._refresh()
        return [entry[-1] for entry in self._first]

    @property
    def first_time(self) -> int:
        self._refresh()
        return self._start or 0

    @property
    def last_time(self) -> int:
        self._refresh()
        return self._last_time

    def _refresh(self) -> None:
        if self._stale:
            self._stale = False
            hits = self.hits.values()
            self._first = nsmallest(MAX_LISTED, map(_entry, hits), key=_order)
            self._start = min(hit.time for hit in hits)
            self._last_time = max(hit.time for hit in hits)

    def _tally(self, hit: Hit, sign: int) -> None:
        self.count += sign * len(hit.span_ids)
        self.refused += sign * hit.refused * len(hit.span_ids)
        self.settled += sign * (not hit.provisional)
        self.severities[hit.severity] += sign
        self.confidences[hit.confidence] += sign
