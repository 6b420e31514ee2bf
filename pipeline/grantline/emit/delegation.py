"""The delegation somebody acts under, and what this process remembers of the tokens it saw.

No token is kept: the memory is keyed by fingerprint, bounded, and forgets the token that was
used longest ago.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from opentelemetry.trace import SpanContext

from grantline.emit.claims import TokenFacts


@dataclass(frozen=True, slots=True)
class Delegation:
    """The ids of one authority edge; `None` is "not known", never "none"."""

    id: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    depth: int | None = None
    """Hops after the original grant."""
    task_id: str | None = None
    fingerprint: str | None = None
    """Of the newest token that stands for it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A delegation, what its token said, and the span that first told of it."""

    delegation: Delegation
    facts: TokenFacts | None = None
    origin: SpanContext | None = None


class Memory:
    """Known delegations by token fingerprint and by id, at most `size` of each."""

    def __init__(self, size: int) -> None:
        self._size = 2 * size
        self._known: OrderedDict[str, Known] = OrderedDict()
        self.reset()

    def reset(self) -> None:
        """A new lock after a fork; what was known stays known."""
        self._lock = threading.Lock()

    def get(self, key: str | None) -> Known | None:
        """What is known of a fingerprint or a delegation id."""
        if key is None:
            return None
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def keep(self, known: Known, *fingerprints: str | None) -> None:
        """Remember a delegation under its id and under the given fingerprints."""
        with self._lock:
            for key in (known.delegation.id, *fingerprints):
                if key is not None:
                    self._known[key] = known
                    self._known.move_to_end(key)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
