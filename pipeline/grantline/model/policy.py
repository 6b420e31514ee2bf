"""What an organisation may tune: every threshold a rule reads, with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

NS = 1_000_000_000
"""Nanoseconds in a second."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the rules. The defaults are the convention's (sections 1.8 and 1.9).

    The policy file is held to these types and bounds; `grantline settings` shows these words.
    """

    leeway_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """Clock skew forgiven when a use is compared with an expiry, or with a revocation that another
    clock told (one clock: decision 027)."""
    parent_grace_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """How long a missing parent may still be on its way, in ingest time."""
    witness_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 2.0
    """How much later than one party of a call the others may report it (exporters send once a
    second), in ingest time. A gateway is only told from a thief by its own report: until then
    the finding is provisional, and pages nobody."""
    max_depth: Annotated[int, Meta(ge=0, le=10_000)] = 5
    """Hops after the grant, where no grantor says otherwise (`delegation.max_depth`)."""
    lateness_seconds: Annotated[float, Meta(ge=1, le=315_360_000)] = 86_400.0
    """A span older than this at ingest is stored and flagged `late`, but no longer judged."""
    ignored_scopes: frozenset[str] = frozenset({"openid", "offline_access"})
    """Scopes issuers add on their own account; gaining one is not an escalation."""
    implied_scopes: dict[str, frozenset[str]] = {}
    """scope -> the scopes it includes. Nothing is implied unless it is written here."""
    principal_aliases: dict[str, str] = {}
    """presenter or actor name -> the name to judge it by."""
    proxies: frozenset[str] = frozenset()
    """Principals that carry other people's tokens by design (sidecars, transparent gateways)."""
    audience_aliases: dict[str, frozenset[str]] = {}
    """audience -> host names that stand for it, for audiences that are not URLs."""

    @property
    def leeway_ns(self) -> int:
        return self.leeway_seconds * NS

    def principal(self, name: str) -> str:
        """The name `name` is judged by."""
        return self.principal_aliases.get(name, name)

    def widen(self, scopes: tuple[str, ...]) -> frozenset[str]:
        """`scopes` and everything they imply."""
        if not self.implied_scopes:
            return frozenset(scopes)
        seen: set[str] = set()
        todo = list(scopes)
        while todo:
            scope = todo.pop()
            if scope not in seen:
                seen.add(scope)
                todo.extend(self.implied_scopes.get(scope, ()))
        return frozenset(seen)

    def gained(self, child: tuple[str, ...], parent: tuple[str, ...]) -> tuple[str, ...]:
        """The scopes of `child` that `parent` neither holds nor implies, sorted."""
        extra = set(child) - self.ignored_scopes
        extra -= self.widen(parent)
        return tuple(sorted(extra))
