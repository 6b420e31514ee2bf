"""One incident in its present state: the message of `delegation.incidents`.

It is the page as it stands now (`model.page`), and what only the alert process knows: in which state
the incident is, who was told what, and what people did about it. A record with a higher `revision`
replaces those below it. Names in it come from outside; who shows them escapes them.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from grantline.model.page import Event, Page

State: TypeAlias = Literal[
    "open", "quiet", "acknowledged", "silenced", "pending", "signal", "resolved", "retracted",
    "explained", "false_positive",
]  # fmt: skip
"""`quiet`: nothing came for some time. `pending`: none of it is sure yet. `signal`: nothing in it is
severe enough to page anybody. The last four are over."""
CLOSED: Final[frozenset[State]] = frozenset(
    {"resolved", "retracted", "explained", "false_positive"}
)
MAX_MEMBERS: Final = 100
"""Findings listed in one record; `member_count` stays exact beyond it."""


class ToldTo(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination has taken of an incident last."""

    event: Event
    episode: int
    severity: int
    """1 (info) to 5 (critical); 0 where nothing counted."""
    let_in: int
    """Systems that had let it in."""
    members: int
    uses: int
    at: str
    """When it was decided, RFC 3339, UTC."""
    step: int = 0
    """How many messages in a row had said that it goes on."""
    acknowledged: bool = False
    """It was told that somebody has taken it on."""


class IncidentRecord(Page, frozen=True, kw_only=True):
    """The page, and what the alert process knows beside it."""

    state: State
    continuing: bool
    """It is open, and something of it was reported lately."""
    lead: str
    """Id of the finding that the page is about."""
    members: list[str]
    """Ids of the first findings by weight, whatever became of them."""
    member_count: int
    group_key: str
    """What the findings have in common, whole; parts are joined by U+001F."""
    changed_at: str
    """When the last of it was reported, by the alert process's clock."""
    known_since: str
    """What the broker stamped before this was known, and told to nobody."""
    told: dict[str, ToldTo]
    """Destination -> what it has taken last. Empty: nobody was told yet."""
    acknowledged_at: str | None = None
    closed_at: str | None = None
    closed_until: str | None = None
    """Of a false positive: when that ends."""
    silence_id: str | None = None
    """The silence that keeps it from paging anybody."""
    silenced_until: str | None = None
    was_silenced: bool = False
    """It had been under a silence that has ended."""
    silenced_uses: int = 0
    """Uses that came in under the silence, and were told to nobody."""


def encode(record: IncidentRecord) -> bytes:
    """The value of a record on the topic."""
    return msgspec.json.encode(record)


_decoder: Final = msgspec.json.Decoder(IncidentRecord)


def decode(value: bytes) -> IncidentRecord:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError`; takes fields of later releases."""
    return _decoder.decode(value)
