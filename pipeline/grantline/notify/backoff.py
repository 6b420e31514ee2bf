"""How long to wait before the next attempt: doubling, with a cap and jitter. Pure."""

from __future__ import annotations

import random

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting times between attempts, in seconds."""

    first_seconds: float = 1.0
    """Before the second attempt. Raises `ValueError` unless 0 < first <= longest."""
    longest_seconds: float = 60.0
    """The cap: a destination that returns waits this long at most for what was held back."""
    longest_asked_seconds: float = 300.0
    """The longest `Retry-After` that is honoured; a wild one must not silence alerts for days."""

    def __post_init__(self) -> None:
        if not 0 < self.first_seconds <= self.longest_seconds:
            raise ValueError(
                f"backoff: first_seconds ({self.first_seconds}) must be above 0 and at most "
                f"longest_seconds ({self.longest_seconds})"
            )

    def wait(self, failures: int, asked: float | None, chance: random.Random) -> float:
        """Seconds to wait after `failures` attempts in a row (1 after the first).

        Between half and all of the doubled time, so that many senders do not come back as one;
        never less than what the destination `asked` for, up to the cap on that.
        """
        doubled = self.first_seconds * 2.0 ** min(max(failures - 1, 0), 62)
        own = min(doubled, self.longest_seconds) * (0.5 + 0.5 * chance.random())
        return max(own, min(asked or 0.0, self.longest_asked_seconds))
