"""What a source is: how one foreign log's records become hops.

A source is a pure function of one record: what joins over records is a name on the hop (issuer and
jti, session), never something the source remembers. It copies the fields it names and nothing
else, each bounded and free of credentials. Pure; opens nothing, knows no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from grantline.dialects.people import Persons
from grantline.model.hop import Hop
from grantline.model.rejected import Reason, Rejected

Json = Mapping[str, Any]


class Unreadable(Exception):
    """A record of this log that no hop can be made of. Holds no value of the record."""

    def __init__(self, detail: str, reason: Reason = "bad_span") -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class Origin(NamedTuple):
    """What a log does not say of itself."""

    issuer: str | None = None
    """Who issued the tokens it tells of, where its records do not say."""
    persons: Persons = Persons()
    received: int = 0
    """When the broker took the record: milliseconds since the epoch, 0 where there is none."""


class Source(NamedTuple):
    """One kind of log."""

    name: str
    """As `grantline replay --format` takes it."""
    about: str
    """What writes it, and where that is documented."""
    proven: bool
    """It was run on records that the product itself wrote; else it follows documentation alone."""
    unwrap: Callable[[Any], Iterable[Any] | None]
    """The records in one JSON document; None where the document is none of this log's."""
    read: Callable[[Json, Origin], Sequence[Hop]]
    """The hops of one record; none for a record that tells of no delegation. Raises `Unreadable`."""
    line: Callable[[str], Any] | None = None
    """A line of text as a record, where this log is also written so; None for one that is none of it."""
    names_issuer: bool = True
    """Its records say who issued; otherwise `Origin.issuer` is needed."""


class Taken(NamedTuple):
    """What some bytes of a log held: every record is in one of the three."""

    hops: list[Hop]
    rejected: list[tuple[int, Rejected]]
    """Each with the index of its record, or -1 for the whole."""
    passed_over: int
    """Records that tell of no delegation."""
