"""What is known of one approval: who decided what, and what was done on the strength of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from grantline.model.history import Name
from grantline.model.subject import Subject, Told

APPROVED: Final = frozenset({"approved", "allow"})
NOT_APPROVED: Final = frozenset({"denied", "deny", "expired"})
"""Decisions; any other outcome is none yet."""


class Decision(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """One report of what was decided."""

    time: int
    span_id: str
    outcome: str
    task_id: str = ""
    action_hash: str = ""
    """Of the action that was approved; empty where that was not told, as is `approver`."""
    approver: str = ""
    expires_at: int = 0
    """Seconds since the epoch; 0 for never."""


class Citation(Subject, array_like=True):
    """One use that names the approval."""

    span_id: str
    time: int
    client: bool
    """Told by who called, and not by who was called."""
    by: str | None
    service: str | None
    """Who reports it."""
    task_id: str | None
    action_hash: str | None
    action: str | None
    risk: str | None
    call: str | None
    """The id of the tool's call: of a repetition the same."""
    denied: bool
    refused: bool
    """The same, or the server says so of a call that its client tells of here."""
    stated: bool
    token_fingerprint: str | None
    delegation_id: str | None
    timed: bool
    """`time` can be compared with others."""
    arrived: int
    """Ingest time of its first report, milliseconds."""

    @property
    def order(self) -> tuple[int, str, str]:
        """By time; of spans that claim one id, by what they tell."""
        return self.time, self.span_id, repr(self.content())

    @property
    def side(self) -> tuple[str, bool]:
        """Whose reports tell one use each."""
        return self.service or "", self.client


class Approval(Name, array_like=True):
    """One approval, by its id."""

    decisions: set[Decision] = set()
    citations: Told[Citation] = {}
    refusals: set[str] = set()
    """Span ids of the clients whose call a server refused."""
    roots: dict[str, set[str]] = {}
    """Span id of a decision or a use -> the grants it turned out to belong to."""
    given: set[str] = set()
    """Grants that were given because of it."""
    by_side: dict[tuple[str, bool], list[Citation]] = {}
    """An index of those of `citations` that were not refused, in the order of their time."""

    def judged(self) -> Iterable[Subject]:
        return self.citations.values()

    @property
    def id(self) -> str:
        return self.key.partition(":")[2]
