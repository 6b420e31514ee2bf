"""An endless load whose times move with the clock, and the book of what must come of it.

The number of live chains is always the same: where one has ended, the next begins. So the load is
stationary, and whatever grows under it is Grantline's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from grantline.store.rows import span_key
from tests.benchmarks.chains import Made, Planted
from tests.benchmarks.load import disturbed, encode, mixed
from tests.benchmarks.soak.settings import AGE_SECONDS, CHAIN_SECONDS, LATE_SECONDS, TIMES
from tests.benchmarks.spans import Span
from tests.benchmarks.world import World

_LEAST_ALIVE = 5


class Book:
    """What was sent so far, and what must come of it."""

    def __init__(self) -> None:
        self.spans = 0
        """Sent, repetitions included."""
        self.rows = 0
        """Different spans of all chains that have begun."""
        self.keys = 0
        """Their keys, one exclusive-or the other."""
        self.planted: set[Planted] = set()
        """Of all chains that have begun, gaps included."""
        self.last_spans: list[str] = []
        """Of each record, in their order."""
        self.told_by: dict[Planted, int] = {}
        """The record with which a finding can be told. Not there while that cannot be said: where
        an earlier span of its chain came after it."""
        self.ended = False
        """All chains that began have been sent to their end."""
        self._violating: dict[str, Planted] = {}
        """Span id -> what is to be found in it, until it is sent."""
        self._watched: dict[str, list[tuple[int, Planted]]] = {}
        """Trace id -> when its planted spans happened, those that were sent."""

    def begin(self, made: Made) -> None:
        """A chain whose spans will all be sent."""
        self.rows += len(made.spans)
        for span in made.spans:
            self.keys ^= span_key(span.span_id)
        self.planted |= made.planted | made.absent
        self._violating |= {planted.span_id: planted for planted in made.planted}

    def send(self, batch: Sequence[Span]) -> None:
        """The next record."""
        record = len(self.last_spans)
        for span in batch:
            watched = self._watched.get(span.trace_id, ())
            for happened, planted in watched:
                if span.time < happened:
                    self.told_by.pop(planted, None)
            found = self._violating.pop(span.span_id, None)
            if found is not None:
                self._watched.setdefault(span.trace_id, []).append((span.time, found))
                self.told_by[found] = record
        self.spans += len(batch)
        self.last_spans.append(batch[-1].span_id)


def records(
    seed: int,
    batch: int,
    spans_a_second: float,
    book: Book,
    *,
    more: Callable[[], bool],
    now: Callable[[], float] = time.time,
) -> Iterator[bytes]:
    """Records of `batch` spans, kept in `book`, to be sent at `spans_a_second`: new chains begin
    while there is to be `more`, and all that began come to their end.
    """
    alive = max(_LEAST_ALIVE, round(spans_a_second * CHAIN_SECONDS))
    late_by = max(2, round(spans_a_second * LATE_SECONDS))
    stream = disturbed(mixed(_chains(seed, book, more, now), alive, seed), seed, late_by)
    while spans := list(islice(stream, batch)):
        book.send(spans)
        yield encode(spans)
    book.ended = True


def _chains(
    seed: int, book: Book, more: Callable[[], bool], now: Callable[[], float]
) -> Iterator[Made]:
    world = World(seed, 0, times=TIMES)
    while more():
        world.start = int(now()) - AGE_SECONDS
        made = world.chain()
        book.begin(made)
        yield made
