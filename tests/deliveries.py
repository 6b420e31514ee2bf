"""Records, deliveries and a counting engine, for tests that need no broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from grantline.lineage.tiers import Bounds, Dump
from grantline.model.finding import Finding
from grantline.streams.deliveries import Delivery
from grantline.streams.folds import Fold, Outcome
from tests.findings import finding


class Line(NamedTuple):
    """A consumer record, as far as it is read."""

    offset: int
    value: bytes | None = b"v"
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_type: int = 1


def delivery(*offsets: int, follows: int | None = None) -> Delivery:
    return Delivery([Line(offset) for offset in offsets], follows)


class Counting:
    """An engine that says how many items it holds, and again when time is up."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.now_ms = 0
        self.due_ms: int | None = None
        self._changed = False

    def fold(self) -> Fold[str]:
        return Fold(self, lambda data: data.decode().split())

    def add(self, items: Iterable[str], /) -> None:
        before = len(self.items)
        self.items += items
        self._changed |= len(self.items) > before

    def advance(self, now_ms: int, /) -> None:
        assert now_ms >= self.now_ms
        self.now_ms = now_ms
        if self.due_ms is not None and self.due_ms <= now_ms:
            self.due_ms = None
            self._changed = True

    def settle(self, revision: int, /) -> Outcome:
        if not self._changed:
            return Outcome()
        self._changed = False
        status = "retracted" if "sorry" in self.items else "open"
        return Outcome([counted(len(self.items), revision, status)])

    def next_due_ms(self) -> int | None:
        return self.due_ms

    def stats(self) -> dict[str, int]:
        return {"items": len(self.items)}

    def bound(self, bounds: Bounds, /) -> None:
        self.bounds = bounds

    def dump(self) -> Dump:
        return Dump([(b"items", " ".join(self.items).encode())], [])

    def load(self, dump: Dump, now_ms: int, /) -> None:
        self.now_ms = now_ms
        self.items = dump.packed[0][1].decode().split()


def counted(count: int, revision: int, status: str = "open") -> Finding:
    return finding(count=count, revision=revision, status=status)
