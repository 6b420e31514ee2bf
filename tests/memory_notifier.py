"""A destination that keeps what it is told, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from grantline.model.finding import Finding
from grantline.notify.identity import dedup_key


class MemoryNotifier:
    """Keeps each state once, in the order told; what is in `trouble` is raised first, one a call."""

    def __init__(self, name: str = "memory", trouble: Iterable[Exception] = ()) -> None:
        self.name = name
        self.told: list[Finding] = []
        self.calls = 0
        """How often it was asked, copies and trouble included."""
        self.trouble = list(trouble)
        self._keys: set[str] = set()

    def notify(self, finding: Finding) -> None:
        """Takes `finding`, or raises the next of `trouble`."""
        self.calls += 1
        if self.trouble:
            raise self.trouble.pop(0)
        key = dedup_key(finding)
        if key not in self._keys:
            self._keys.add(key)
            self.told.append(finding)
