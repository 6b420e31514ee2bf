"""What is known of one issuer's tokens: the value that each file of this package fills in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from grantline.dialects.answers import Answer
from grantline.dialects.reading import Json, Read

ScopeDomain = Literal["issuer", "resource"]
Actors = Literal["nested", "inverted", "none"]

OIDC_SCOPES: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""Identity scopes of OpenID Connect Core 5.4 and 11: they let nobody act on a resource."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one issuer (or a document that many follow) writes tokens.

    What is `None` is not known of it: rules then judge as they do without a dialect.
    """

    name: str
    """As in `delegation.token.dialect`."""
    source: str
    """The documents and runs all of this was read from."""
    read: Read
    """What a token in this dialect says."""
    answer: Callable[[Json, float], Answer | None] | None = None
    """What comes back from it, where that is in no form of the RFCs; None where it is not its."""
    issuers: re.Pattern[str] | None = None
    """Matches the `issuer_key` of its issuers, where those can be told by their name."""
    shaped: Callable[[Json], bool] | None = None
    """Whether these claims were written by it: only where nobody else writes such."""
    first: frozenset[str] = frozenset()
    """Claims of which at least one is there where `shaped` is to be asked."""
    scope_domain: ScopeDomain | None = None
    """Where a scope's name means one thing: at the whole issuer, or at (issuer, audience) only."""
    identity_scopes: frozenset[str] = OIDC_SCOPES
    """Scopes that say who somebody is, and that the issuer adds by itself."""
    actors: Actors = "nested"
    """What `act` holds: RFC 8693's nested actors, the delegator (!), or nothing ever."""
    hosted: bool = False
    """Whether it is one service: every issuer of it is told by its name, and nobody runs another."""
    brokers: bool = False
    """Whether what it gives for a token is a token of somebody else (a token vault)."""
    logs_grants: bool = True
    """Whether its log tells of every credential as it comes into being."""
    cascades: bool | None = None
    """Whether revoking a token ends those made from it."""
    attenuates: bool | None = None
    """Whether the issuer promises that an exchange never gains scopes."""
    shorter_lived: bool | None = None
    """Whether the issuer promises that a child does not outlive its parent."""
    expiry_leeway: int | None = None
    """Seconds that the issuer itself accepts a token past its expiry."""
    implied_scopes: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    """scope -> the scopes that it includes by the issuer's own documents."""
