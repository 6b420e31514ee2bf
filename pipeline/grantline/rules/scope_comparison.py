"""The tokens of a delegation as sides of a comparison of scopes; shared by the scope rules."""

from __future__ import annotations

from collections.abc import Iterable

from grantline.dialects import dialect, issuer_key
from grantline.model.chain import MAX_PATH, Delegation, Facts, Renewal, Token
from grantline.model.hop import IDENTITIES
from grantline.model.policy import Policy
from grantline.rules import words
from grantline.rules.scope_domain import Side, compared

_CROSS_DOMAIN = frozenset({"id_jag", "jwt_bearer"})
"""Methods whose subject token comes from another issuer."""
_ID_JAG = "id_jag"


def holding(delegation: Delegation, scopes: tuple[str, ...]) -> Side:
    """What the delegation was given: `scopes`, as its facts have them."""
    facts, parent = delegation.facts, delegation.parent
    stated = parent.facts.token_dialect if parent is not None else None
    return Side(
        scopes, facts.token_issuer, facts.audiences, facts.token_dialect,
        facts.scopes_cut, facts.actor,
        own_token=facts.fingerprint is not None or facts.token_issuer is not None,
        brokered=stated is not None and dialect(stated).brokers,
    )  # fmt: skip


def renewed(renewal: Renewal) -> Side | None:
    """What the renewed token holds."""
    if renewal.granted_scopes is None:
        return None
    return Side(
        renewal.granted_scopes, renewal.token_issuer, renewal.audiences, renewal.token_dialect,
        renewal.scopes_cut, renewal.delegation.facts.actor,
    )  # fmt: skip


def renewed_from(renewal: Renewal) -> Side | None:
    """What was held before: by the delegation's own report, else as the renewal tells of it, and those
    before it: one may narrow, and the next ask for all that was granted (RFC 6749 section 6).
    """
    facts, told = renewal.delegation.facts, renewal.parent_scopes
    if renewal.delegation.seen and facts.granted_scopes is not None:
        return holding(renewal.delegation, facts.granted_scopes)
    if told is None:
        return None
    first = renewal.delegation.renewed_with or {}
    held = tuple(sorted({*told, *(scope for scope, at in first.items() if at < renewal.time)}))
    return Side(held, renewal.token_issuer, dialect=renewal.token_dialect, hearsay=True)


def giving(delegation: Delegation, taker: Side) -> Side | None:
    """What the delegation's token can give scopes of to `taker`; None where it gives none."""
    facts = delegation.facts
    scopes = facts.granted_scopes
    if scopes is None or facts.token_type in IDENTITIES:
        return None
    side = holding(delegation, scopes)
    if facts.token_type != _ID_JAG:
        return side
    if not scopes:
        return None
    # Its scopes are those of the authorization server that it is for (ID-JAG section 3.1).
    return side._replace(issuer=_meant(facts, taker), audiences=None, dialect=None)


def _meant(facts: Facts, taker: Side) -> str | None:
    if taker.issuer is not None:
        key = issuer_key(taker.issuer)
        if any(issuer_key(audience) == key for audience in facts.audiences or ()):
            return taker.issuer
    return facts.token_issuer


def recorded(delegation: Delegation, taker: Side) -> Side | None:
    """What the parent was given, as the parent's own report has it."""
    parent = delegation.parent
    return giving(parent, taker) if parent is not None and parent.seen else None


def claimed(delegation: Delegation) -> Side | None:
    """What the parent was given, as the delegation's own report has it."""
    parent, facts = delegation.parent, delegation.facts
    if facts.parent_scopes is None:
        return None
    if parent is not None and parent.seen:
        of = parent.facts
        if of.token_type in IDENTITIES or of.token_type == _ID_JAG:
            return None
        return Side(
            facts.parent_scopes, of.token_issuer, of.audiences, of.token_dialect,
            facts.parent_scopes_cut, of.actor, hearsay=True,
        )  # fmt: skip
    if facts.method in _CROSS_DOMAIN and facts.token_parent_issuer is None:
        return None
    return Side(
        facts.parent_scopes, facts.token_parent_issuer or facts.token_issuer,
        dialect=facts.token_dialect, cut=facts.parent_scopes_cut, holder=facts.delegator,
        hearsay=True,
    )  # fmt: skip


def held(token: Token) -> Side | None:
    """What a token holds: of a renewed one what its renewal tells, else what its delegation was
    given; None where nobody told.
    """
    owner = token.owner
    if owner is None:
        return None
    scopes = owner.facts.granted_scopes
    if token.granted is not None:
        return holding(owner, token.granted[1])._replace(cut=None)
    return holding(owner, scopes) if scopes is not None else None


def wanted(scopes: tuple[str, ...], of: Side) -> Side:
    """`scopes` that are needed or asked for where those of the token `of` are defined."""
    return of._replace(scopes=scopes, cut=None, holder=None)


def regained(
    taker: Delegation, holds: Side, names: Iterable[str], policy: Policy, root_id: str
) -> tuple[str, ...]:
    """Those of `names`, foreign to the parent, that go beyond the last holder of their own domain.

    Out to another resource and back: what was held there before is what the nearest ancestor with
    that domain held. The grant itself is rule scope-exceeds-root's.
    """
    pending, gained = set(names), set[str]()
    here = taker.parent
    # As far up as what changes there has those below asked again.
    for _ in range(MAX_PATH - 2):
        here = here.parent if here is not None else None
        if here is None or here.id == root_id or not pending:
            break
        had = giving(here, holds) if here.seen else None
        if had is None:
            continue
        found = compared(had, holds, policy)
        foreign = {*found.elsewhere, *found.unproven, *(found.gained if found.guessed else ())}
        gained |= pending.intersection(found.gained) - foreign
        pending &= foreign
    return tuple(sorted(gained))


def where(side: Side) -> str:
    """Where a token's scopes are defined, for people."""
    told = [side.issuer or "an issuer that is not told"]
    told.append(words.scopes(side.audiences) if side.audiences else "no audience told")
    return " for ".join(told)
