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
    corpus: tuple[int, int] = (1, 2)
    """Seed and times of the corpus in which it is seen: the suite's; what CI tries beside is (5, 4)."""

    def fits(self, wrong: Wrong) -> bool:
        return self.what == wrong.what and all(
            own is None or own == getattr(wrong, name)
            for name, own in vars(self).items()
            if name not in ("why", "what", "corpus")
        )


_APART: Final = (
    "a row joins only what was told of a verified token (else anybody could draw one in): where the span "
    "that was verified is lost, what agents tell and its row stay apart, and no gap says so (decision 030)"
)
KNOWN: Final[tuple[Known, ...]] = (
    Known(
        why=_APART, what="missed", kind="used after its task has ended",
        view="agents+audit", mode="torn",
    ),
    Known(
        why=_APART, what="missed", kind="a bound token is proven with another key",
        view="agents+audit", mode="torn", corpus=(5, 4),
    ),
    Known(
        why=_APART, what="missed", kind="one person's token in another's work",
        view="agents+audit", mode="torn", corpus=(5, 4),
    ),
    Known(
        why=_APART, what="missed",
        kind="a login is revoked with all below, and its renewal is accepted",
        view="agents+audit", mode="torn", corpus=(5, 4),
    ),
    Known(
        why=_APART + "; here it was a rotation, which the agent alone tells", what="false TR-05",
        kind="an access token replaced and revoked as rotated",
        view="agents+audit", mode="torn", corpus=(5, 4),
    ),
)  # fmt: skip


def unknown(wrongs: Iterable[Wrong]) -> list[Wrong]:
    """Those that no entry explains."""
    return [wrong for wrong in wrongs if not any(entry.fits(wrong) for entry in KNOWN)]


def unused(wrongs: Iterable[Wrong], corpus: tuple[int, int]) -> list[Known]:
    """Entries of that corpus for which there is nothing wrong in it any more."""
    listed = list(wrongs)
    seen = [entry for entry in KNOWN if entry.corpus == corpus]
    return [entry for entry in seen if not any(map(entry.fits, listed))]
