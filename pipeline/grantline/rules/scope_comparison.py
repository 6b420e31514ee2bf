"""What a delegation's scopes may be compared with; shared by the scope rules.

Scopes of different issuers are not comparable (convention 1.5), and neither is what nobody
reported: both are unknown, not an escalation.
"""

from __future__ import annotations

from grantline.model.chain import Delegation

_CROSS_DOMAIN = frozenset({"id_jag", "jwt_bearer"})
"""Methods whose subject token comes from another issuer."""


def same_issuer(one: str | None, other: str | None) -> bool:
    """Whether two issuers' scopes mean the same; an in-process hand-off names none."""
    return one is None or other is None or one == other


def recorded_parent_scopes(delegation: Delegation) -> tuple[str, ...] | None:
    """The parent's scopes as the parent's own report has them, if comparable."""
    parent = delegation.parent
    if parent is None or not parent.seen:
        return None
    if not same_issuer(parent.facts.token_issuer, delegation.facts.token_issuer):
        return None
    return parent.facts.granted_scopes


def claimed_parent_scopes(delegation: Delegation) -> tuple[str, ...] | None:
    """The parent's scopes as the delegation's own report has them, if comparable."""
    parent = delegation.parent
    facts = delegation.facts
    if parent is not None and parent.seen:
        if not same_issuer(parent.facts.token_issuer, facts.token_issuer):
            return None
    elif facts.method in _CROSS_DOMAIN:
        return None
    return facts.parent_scopes
