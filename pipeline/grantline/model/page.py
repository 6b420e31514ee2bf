"""What is told of an incident: everything that is needed in the first minute, in plain fields.

A page is made when something is news, and stays as it was made: `as_of` says when. Names in it come
from outside; who shows them escapes them.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from grantline.model.finding import ConfidenceName, SeverityName

Event: TypeAlias = Literal[
    "opened", "continuing", "escalated", "lowered", "updated", "quiet", "acknowledged", "resolved",
    "retracted", "explained",
]  # fmt: skip
"""What a message says. `continuing`: it began before anybody was there to be told, and goes on."""
BEGINS: Final[frozenset[Event]] = frozenset({"opened", "continuing"})
OVER: Final[frozenset[Event]] = frozenset({"resolved", "retracted", "explained"})


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One state of one incident, for people and for the tools that page them."""

    id: str
    """Of the incident: of what it is about alone, so the same on every replay."""
    episode: int
    """How often it had been over and began again; from 0."""
    revision: int
    """Grows with every message about this incident."""
    event: Event
    severity: SeverityName
    severity_before: SeverityName | None
    """What the last message said, where this one says another."""
    confidence: ConfidenceName
    title: str
    claim: str
    """One sentence: what happened, or what has become of it."""
    going_on: str
    """One sentence: whether it still goes on."""
    reference: str
    rule: str
    references: dict[str, int]
    """What was detected in all -> number of findings."""
    kind: str
    subject: str
    """What the findings have in common, by kind: a chain, what was revoked, a presenter, an issuer."""
    root_id: str | None
    path: list[str]
    systems: list[str]
    system_count: int
    outcome: str
    """One sentence: who let it in."""
    actors: list[str]
    actor_count: int
    token_count: int
    issuer: str | None
    jti: str | None
    revoke: str
    """How to end it at the issuer."""
    revoked_by: str | None
    revoked_at: str | None
    findings: int
    """Open ones."""
    uses: int
    uses_since: int
    """Since the last message."""
    signals: int
    first_seen: str
    last_seen: str
    as_of: str
    reach: str
    facts: dict[str, str]
    retracts_if: str
    do: str
    """What to do first; empty where nothing is asked any more."""
    runbook: str
    sql: list[str]
    listed: list[str]
    """Ids of the first findings."""
    finding: dict[str, Any]
    """The finding that the page is about, as `schemas/json/finding.v1.schema.json` has it."""
    version: str = "1"
    acknowledged_by: str | None = None
    assignee: str | None = None
    closed_by: str | None = None
    """Who resolved it, or said that it is a false positive."""
    reason: str | None = None
    """Why, in their words."""

    @property
    def key(self) -> str:
        """What a destination knows the incident by, from its first message to its last."""
        return f"{self.id}-{self.episode}"

    @property
    def dedup_key(self) -> str:
        """What a destination may drop a second copy of this very message by. Without a dot, because
        Standard Webhooks joins it to the body with dots.
        """
        return f"{self.key}-{self.revision}"

    @property
    def over(self) -> bool:
        return self.event in OVER
