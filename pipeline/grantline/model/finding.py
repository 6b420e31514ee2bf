"""What the rules say: a hit on one subject, and the finding that hits add up to."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from grantline.model.names import FINGERPRINT, SPAN_ID

MAX_LISTED = 64
"""Identities listed in one finding; `count` stays exact beyond it."""


class Severity(IntEnum):
    """OCSF `severity_id` (https://schema.ocsf.io, class 2004)."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Confidence(IntEnum):
    """OCSF `confidence_id`."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


SeverityName = Literal["info", "low", "medium", "high", "critical"]
ConfidenceName = Literal["low", "medium", "high"]
OutcomeName = Literal["allowed", "refused"]

Identity = Annotated[str, Field(pattern=r"^fnd_[0-9a-f]{32}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Z]+-[0-9A-Z]+$")]
SpanId = Annotated[str, Field(pattern=f"^{SPAN_ID}$")]
Fingerprint = Annotated[str, Field(pattern=f"^{FINGERPRINT}$")]
Instant = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$"),
]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of one subject. Hits of one `identity` add up to one finding."""

    reference: str
    """Catalogue id, such as `TR-05`."""
    identity: tuple[str, ...]
    """What makes this finding itself: the same facts give the same identity on every replay."""
    says: str
    """One sentence: who did what with which authority."""
    severity: Severity
    confidence: Confidence
    time: int
    """Event time of the violation, nanoseconds."""
    root_id: str | None
    span_ids: tuple[str, ...]
    delegation_ids: tuple[str, ...] = ()
    token_fingerprints: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    """Actors from the human to the violating one; `?` stands for what cannot be seen."""
    facts: tuple[tuple[str, str], ...] = ()
    """The predicate's values, as name and text."""
    provisional: bool = False
    """Another report of the same call may still explain it: said at once, with this mark."""
    refused: bool = False
    """What it tells of was refused: a finding leads with what was not, where there is any."""
    absence: bool = False
    """It rests on what nobody reported yet, so it waits for the grace before it is said."""
    actor: str | None = None
    """Who did it, by one name. This and the next five are of the subject (`rules.told`), where the
    rule says nothing else."""
    system: str | None = None
    """The system that took or refused it; None where nobody told."""
    outcome: OutcomeName | None = None
    issuer: str | None = None
    """Of the violating token."""
    jti: str | None = None
    """Its name at the issuer."""
    revoked_id: str | None = None
    """The delegation whose revocation it is about."""
    revoked_by: str | None = None


class Finding(BaseModel):
    """One finding in its present state: the message of `delegation.findings`.

    A finding is a function of the facts: no clock of ours is in it. The same `id` with a
    higher `revision` replaces what was said before.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: Literal["1"] = "1"
    id: Identity = Field(description="Deterministic: rule, reference and identities hashed.")
    rule: str = Field(description="The project's rule id, equal to the rule's file name.")
    reference: Reference = Field(description="Catalogue id, such as TR-05.")
    title: str
    severity: SeverityName
    confidence: ConfidenceName
    status: Literal["open", "retracted"]
    provisional: bool = Field(
        default=False,
        description="Another report of the same call may still explain it; nobody is paged yet.",
    )
    revision: int = Field(ge=0, description="Grows with every change of this finding.")
    root_id: str | None = Field(description="The original grant; null where it cannot be seen.")
    delegation_ids: list[str]
    token_fingerprints: list[Fingerprint]
    span_ids: list[SpanId] = Field(
        description="The violating spans, hex, earliest first; those that were refused last."
    )
    count: int = Field(ge=0, description="Violating spans in all; span_ids lists the first 64.")
    first_seen: Instant = Field(description="Event time of the earliest violation, RFC 3339, UTC.")
    last_seen: Instant
    explanation: str
    path: list[str] = Field(description="Actors from the human on; ? is what cannot be seen.")
    facts: dict[str, str] = Field(description="The values the rule compared.")
    retracts_if: str = Field(description="The fact that would take this finding back.")
    triage: str
    sql: str = Field(description="Reproduces the evidence from the lineage store.")
    policy_change: bool = Field(
        default=False,
        description="The policy alone makes it differ from what was said before: nobody is paged.",
    )
    policy: str = Field(
        default="",
        description="Digest of the policy it was judged under; empty where an earlier release judged.",
    )
    actor: str | None = Field(
        default=None, description="Who did it, by one name; null where nobody told."
    )
    system: str | None = Field(
        default=None,
        description="The system that accepted it, or refused it where all did; null where nobody told.",
    )
    outcome: Literal["allowed", "refused", "unknown"] = Field(
        default="unknown", description="`allowed` once any system said that it let it in."
    )
    issuer: str | None = Field(
        default=None, description="Issuer of the violating token, as its spans name it."
    )
    jti: str | None = Field(
        default=None,
        description="The token's name at its issuer: with it, it can be revoked there.",
    )
    revoked_id: str | None = Field(
        default=None, description="The delegation whose revocation this is about."
    )
    revoked_by: str | None = Field(default=None, description="Who revoked it.")


def finding_id(rule: str, reference: str, identity: tuple[str, ...]) -> str:
    """`fnd_` and 32 hex digits, the same for the same rule and identities, whenever asked."""
    text = "\x1f".join((rule, reference, *identity))
    return "fnd_" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
