"""The parts of a policy that are more than one value: of an issuer, a crossing, an exemption."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class IssuerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds at one issuer. What is not said is as its dialect has it."""

    aliases: frozenset[str] = frozenset()
    """Other names under which the same issuer is told."""
    dialect: str | None = None
    """How its tokens are read: `entra`, `keycloak`, `oauth` ..."""
    scope_domain: Literal["issuer", "resource"] | None = None
    """Whether a scope's name means the same everywhere at this issuer, or at one audience only."""
    ignored_scopes: frozenset[str] | None = None
    """Identity scopes that it adds by itself, in the place of its dialect's."""
    implied_scopes: dict[str, frozenset[str]] = {}
    """scope -> the scopes it includes, beside its dialect's."""
    cascade: bool | None = None
    """Whether revoking a token ends those that were made from it."""
    leeway_seconds: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    """Clock skew forgiven where a use of its tokens is compared with their revocation or expiry."""


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """What the scopes of one domain allow in another one: what exceeds that is an escalation."""

    from_issuer: str | None = None
    """None is any issuer, and of an audience any audience."""
    from_audience: str | None = None
    to_issuer: str | None = None
    to_audience: str | None = None
    allows: dict[str, frozenset[str]] = {}
    """scope held there -> the scopes that may be had for it here."""


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that is expected: somebody answers for it, until a day."""

    reference: str
    """The catalogue id or the rule's id that is meant, such as `SE-01`."""
    until: str
    """The last day it holds for, as `2027-01-31`, UTC: of the violation, not of the report."""
    owner: str
    reason: str
    actor: str | None = None
    """Only where the last name of the finding's path is this; None is anybody."""
