"""A destination that keeps what it is told, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from grantline.model.finding import Finding
from grantline.model.page import Page


class MemoryNotifier:
    """Keeps each page once, in the order told; what is in `trouble` is raised first, one a call."""

    def __init__(self, name: str = "memory", trouble: Iterable[Exception] = ()) -> None:
        self.name = name
        self.pages: list[Page] = []
        self.calls = 0
        """How often it was asked, copies and trouble included."""
        self.trouble = list(trouble)
        self._keys: set[str] = set()

    @property
    def told(self) -> list[Finding]:
        """The findings that the pages are about."""
        return [Finding.model_validate(page.finding) for page in self.pages]

    def notify(self, page: Page) -> None:
        """Takes `page`, or raises the next of `trouble`."""
        self.calls += 1
        if self.trouble:
            raise self.trouble.pop(0)
        if page.dedup_key not in self._keys:
            self._keys.add(page.dedup_key)
            self.pages.append(page)
