"""What is still wrong, and why. Held both ways: an entry that nothing fits any more must go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.truth.score import Wrong


@dataclass(frozen=True, kw_only=True)
class Known:
    """A kind of wrong that has its reason; what is not named may be anything."""

    why: str
    what: str
    kind: str | None = None
    model: str | None = None
    view: str | None = None
    mode: str | None = None

    def fits(self, wrong: Wrong) -> bool:
        return self.what == wrong.what and all(
            own is None or own == getattr(wrong, name)
            for name, own in vars(self).items()
            if name not in ("why", "what")
        )


KNOWN: Final[tuple[Known, ...]] = (
    Known(
        why="a row joins only what was told of a verified token (else anybody could draw one in): where "
        "the span between agents that verify nothing is lost, and its row is not, the two stay apart, "
        "and no gap says so",
        what="missed",
        kind="used after its task has ended",
        view="agents+audit",
        mode="torn",
    ),
)


def unknown(wrongs: Iterable[Wrong]) -> list[Wrong]:
    """Those that no entry explains."""
    return [wrong for wrong in wrongs if not any(entry.fits(wrong) for entry in KNOWN)]


def unused(wrongs: Iterable[Wrong]) -> list[Known]:
    """Entries for which there is nothing wrong any more."""
    listed = list(wrongs)
    return [entry for entry in KNOWN if not any(map(entry.fits, listed))]
