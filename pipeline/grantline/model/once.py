"""What is said once of something, however often it happens: of its earliest hop.

A service that shows no authority does so with every call, and an issuer that drops actors with
every exchange. To keep each of them would cost memory, and to say each would help nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from grantline.model.history import Name
from grantline.model.hop import Hop
from grantline.model.subject import Subject

BARE: Final = "bare:"
"""Kind of a key: what a service does under no authority."""
FLAT: Final = "flat:"
"""Kind of a key: an issuer whose exchanged tokens do not tell who gave the authority."""


class Once(Subject, array_like=True):
    """The earliest hop under a key."""

    hop: Hop
    arrived: int
    """Ingest time of the first hop under the key, milliseconds."""


class Posture(Name, array_like=True):
    """One thing that is said once, by its key."""

    once: Once | None = None

    def judged(self) -> Iterable[Subject]:
        return () if self.once is None else (self.once,)

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]
