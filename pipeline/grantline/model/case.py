"""A case: every hit of one identity, counted, and the earliest of them in order."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from heapq import nsmallest

import msgspec

from grantline.model.finding import MAX_LISTED, Confidence, Finding, Hit, Severity
from grantline.model.subject import Subject

_Entry = tuple[int, tuple[str, ...], bytes, Hit]
"""A hit with what it is sorted by: time and spans, and for ties all it says."""


def _entry(hit: Hit) -> _Entry:
    return hit.time, hit.span_ids, msgspec.msgpack.encode(hit), hit


def _order(entry: _Entry) -> tuple[int, tuple[str, ...], bytes]:
    return entry[:3]


class Case:
    """One finding in the making: every hit of one identity."""

    __slots__ = ("_first", "_last_time", "_stale", "confidences", "count", "hits", "rule_id",
                 "said", "settled", "severities")  # fmt: skip

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id
        self.hits: dict[Subject, Hit] = {}
        self.count = 0
        """Violating spans."""
        self.settled = 0
        """Hits that no other report of the same call is waited for."""
        self.severities: Counter[Severity] = Counter()
        self.confidences: Counter[Confidence] = Counter()
        self.said: Finding | None = None
        self._first: list[_Entry] = []
        self._last_time = 0
        self._stale = False

    def put(self, subject: Subject, hit: Hit) -> None:
        self.drop(subject)
        self.hits[subject] = hit
        self._tally(hit, 1)
        if self._stale:
            return
        self._last_time = max(self._last_time, hit.time)
        if len(self._first) < MAX_LISTED or hit.time <= self._first[-1][0]:
            insort(self._first, _entry(hit), key=_order)
            del self._first[MAX_LISTED:]

    def drop(self, subject: Subject) -> None:
        hit = self.hits.pop(subject, None)
        if hit is None:
            return
        self._tally(hit, -1)
        # What is listed is then found anew, once for all that are dropped until it is asked for.
        listed = not self._first or hit.time <= self._first[-1][0]
        self._stale = self._stale or listed or hit.time == self._last_time

    def listed(self) -> list[Hit]:
        """The earliest `MAX_LISTED` hits, in order."""
        self._refresh()
        return [entry[-1] for entry in self._first]

    @property
    def last_time(self) -> int:
        self._refresh()
        return self._last_time

    def _refresh(self) -> None:
        if self._stale:
            self._stale = False
            hits = self.hits.values()
            self._first = nsmallest(MAX_LISTED, map(_entry, hits), key=_order)
            self._last_time = max(hit.time for hit in hits)

    def _tally(self, hit: Hit, sign: int) -> None:
        self.count += sign * len(hit.span_ids)
        self.settled += sign * (not hit.provisional)
        self.severities[hit.severity] += sign
        self.confidences[hit.confidence] += sign
