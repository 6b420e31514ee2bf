"""Chain after chain, about one span in a hundred a violation, every kind in turn.

A seed gives the same chains on every machine. Nothing but what is planted may be found.
"""

from __future__ import annotations

import random

from tests.benchmarks.chains import MAX_DEPTH, TIMES, Chain, Made, Times, ordinary
from tests.benchmarks.violations import VIOLATIONS

VIOLATION_SHARE = 0.01


class World:
    """Chain after chain, some of them with a violation."""

    def __init__(
        self,
        seed: int,
        start: int,
        violations: float = VIOLATION_SHARE,
        times: Times = TIMES,
    ) -> None:
        """`start`: seconds since the epoch; spans are at most some 20 minutes later.

        `violations`: as a share of all spans.
        """
        self.start = start
        """Of the next chain: a clock may move it."""
        self._violations = violations
        self._times = times
        self._random = random.Random(seed)
        self._number = 0
        self._kind = 0
        self._owed = 0.0
        self._other = ""

    def chain(self, depth: int | None = None) -> Made:
        """The next chain; of mixed depth unless one is named."""
        self._number += 1
        start = self.start + self._number % self._times.spread
        chain = Chain(self._random, self._number, start, self._times)
        ordinary(chain, depth or self._random.randrange(2, MAX_DEPTH + 1))
        self._owed += len(chain.spans) * self._violations
        if self._owed >= 1:
            VIOLATIONS[self._kind % len(VIOLATIONS)](chain, self._other)
            self._kind += 1
            self._owed -= max(1, len(chain.planted) + len(chain.absent))
        self._other = chain.names.root_id
        return chain.made()

    def long_chain(self, length: int) -> Made:
        """One chain of `length` spans: a tree of even width and depth, half of it uses."""
        self._number += 1
        chain = Chain(self._random, self._number, self.start, self._times)
        while len(chain.spans) < length:
            shallow = self._random.choice(chain.held[-64:])
            held = chain.delegate(shallow if shallow.depth < MAX_DEPTH else chain.root)
            chain.use(held)
        del chain.spans[length:]
        return chain.made()
