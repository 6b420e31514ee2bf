"""What an organisation says of itself: the thresholds, names and agreements that rules read.

A policy is a value: findings are a function of all facts and one policy. It begins with nothing
said, and every default is argued at its field. `grantline.settings.policy_file` reads it.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from grantline.dialects import issuer_key
from grantline.dialects.dialect import OIDC_SCOPES
from grantline.model.policy_parts import Crossing, Exemption, IssuerPolicy

NS = 1_000_000_000
"""Nanoseconds in a second."""
Tier = Literal["low", "medium", "high", "critical"]
DIGEST_LENGTH = 16


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
    max_fan_out: Annotated[int, Meta(ge=16, le=1_000_000)] | None = None
    """Delegates of one delegation, 16 and more; none is no limit."""
    max_lifetime_seconds: Annotated[int, Meta(ge=1, le=315_360_000)] | None = None
    """Of a token that a delegate is given, from its issue on; none is no limit."""
    end_grace_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 30
    """How long after the end of a task its authority may still be seen at work: what was under
    way then, between two clocks."""
    cleanup_actions: frozenset[str] = frozenset()
    """Actions that a task may still do after its end: closing, releasing, reporting."""
    lateness_seconds: Annotated[float, Meta(ge=1, le=315_360_000)] = 86_400.0
    """A span older than this at ingest is stored and flagged `late`, but no longer judged."""
    ignored_scopes: frozenset[str] = OIDC_SCOPES
    """Scopes that say who somebody is, which issuers add on their own account: gaining one is no
    escalation. A dialect adds its own (Keycloak's built-in client scopes)."""
    implied_scopes: dict[str, frozenset[str]] = {}
    """scope -> the scopes it includes, at every issuer; beside what paths and wildcards say."""
    issuers: dict[str, IssuerPolicy] = {}
    """issuer -> what holds there: its other names, dialect, scope domain, scopes, cascade, leeway."""
    crossings: tuple[Crossing, ...] = ()
    """What scopes of one domain allow in another; without one the two are not compared."""
    principal_aliases: dict[str, str] = {}
    """presenter or actor name -> the name to judge it by."""
    presenter_aliases: dict[str, str] = {}
    """The same for presenters alone: names of workloads that are one agent."""
    proxies: frozenset[str] = frozenset()
    """Gateways: principals that carry other people's tokens by design (sidecars, proxies)."""
    audience_aliases: dict[str, frozenset[str]] = {}
    """audience -> hosts or URLs of resources that stand for it, for audiences that are not URLs."""
    action_tiers: dict[str, Tier] = {}
    """action, tool or scope -> low, medium, high or critical; above what a span says of it."""
    required_scopes: dict[str, frozenset[str]] = {}
    """action or tool -> the scopes it needs, where its spans do not tell."""
    task_tools: dict[str, frozenset[str]] = {}
    """task -> the tools that may be used for it; a task that is not here may use any."""
    allowances: dict[str, Annotated[int, Meta(ge=0, le=86_400)]] = {}
    """system (host or service) -> seconds for which it may still accept what was revoked, because
    it checks tokens offline or caches answers."""
    exemptions: tuple[Exemption, ...] = ()
    """Findings that somebody answers for, until a day: they are still told, as info."""

    def __post_init__(self) -> None:
        """Plain lists and mappings, as JSON has them, are taken; issuers are found by the form in
        which they are compared.
        """
        for name, kind in _PARTS.items():
            said = getattr(self, name)
            if said and _plain(said):
                force_setattr(self, name, msgspec.convert(said, kind))
        if self.issuers:
            named = {issuer_key(name): said for name, said in self.issuers.items()}
            force_setattr(self, "issuers", named)

    @property
    def leeway_ns(self) -> int:
        return self.leeway_seconds * NS

    def leeway_of(self, issuer: str | None) -> int:
        """Nanoseconds of skew forgiven for tokens of that issuer."""
        said = self.of_issuer(issuer)
        seconds = None if said is None else said.leeway_seconds
        return (self.leeway_seconds if seconds is None else seconds) * NS

    def principal(self, name: str) -> str:
        """The name `name` is judged by."""
        return self.principal_aliases.get(name, name)

    def presenter(self, name: str) -> str:
        """The name a presenter is judged by."""
        return self.principal(self.presenter_aliases.get(name, name))

    def issuer(self, issuer: str) -> str:
        """The form in which an issuer is compared, by whichever of its names it was told."""
        key = issuer_key(issuer)
        if key not in self.issuers:
            for name, said in self.issuers.items():
                if any(issuer_key(alias) == key for alias in said.aliases):
                    return name
        return key

    def of_issuer(self, issuer: str | None) -> IssuerPolicy | None:
        """What the policy says of an issuer; None where it says nothing."""
        if issuer is None or not self.issuers:
            return None
        return self.issuers.get(self.issuer(issuer))

    def allowance_ns(self, system: str | None) -> int:
        """For how long `system` may accept what was revoked, nanoseconds."""
        return self.allowances.get(system or "", 0) * NS

    def tier(self, *names: str | None) -> Tier | None:
        """The gravest tier that the policy gives any of these actions, tools or scopes."""
        found = [self.action_tiers[name] for name in names if name in self.action_tiers]
        return max(found, key=TIERS.index) if found else None


_PARTS: dict[str, Any] = {
    "cleanup_actions": frozenset[str],
    "ignored_scopes": frozenset[str],
    "proxies": frozenset[str],
    "implied_scopes": dict[str, frozenset[str]],
    "audience_aliases": dict[str, frozenset[str]],
    "required_scopes": dict[str, frozenset[str]],
    "task_tools": dict[str, frozenset[str]],
    "issuers": dict[str, IssuerPolicy],
    "crossings": tuple[Crossing, ...],
    "exemptions": tuple[Exemption, ...],
}
"""The settings that are sets, or have parts."""


def _plain(said: object) -> bool:
    """Whether a setting came as JSON has it: a list, or with lists or mappings inside."""
    inner = said.values() if isinstance(said, dict) else said if isinstance(said, tuple) else ()
    return isinstance(said, (list, set)) or any(isinstance(v, (list, set, dict)) for v in inner)


TIERS: tuple[Tier, ...] = ("low", "medium", "high", "critical")


def digest(policy: Policy) -> str:
    """`sha256:` and 16 hex digits of all that the policy says, the same in every process.

    The order in which a file writes things is not part of it.
    """
    text = msgspec.json.encode(policy, order="deterministic")
    return "sha256:" + hashlib.sha256(text).hexdigest()[:DIGEST_LENGTH]
