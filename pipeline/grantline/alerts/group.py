"""Which findings one person would work on at once: those of one incident have one key.

The key is made of what a finding says of itself, never of time or of what came first, so any order
of messages leads to the same incidents. A later revision may change it (a root learnt late, an
earlier revocation): the finding then moves.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from grantline.model.finding import Finding

UNKNOWN_TOKENS: Final = frozenset({"CS-06"})
"""References of tokens whose origin nobody reported: one client that is not instrumented makes one
of each of its tokens, each under a root of its own or none."""


class Key(NamedTuple):
    """What makes an incident itself."""

    kind: str
    key: str
    subject: str
    """The key for people: a name from outside."""


def key_of(finding: Finding) -> Key:
    """The key of the incident that `finding` belongs to."""
    if finding.revoked_id:
        return _key("revoked", finding.revoked_id, finding.root_id or "")
    family = finding.reference.partition("-")[0]
    if finding.reference in UNKNOWN_TOKENS:
        if finding.actor is not None:
            return _key("presenter", finding.actor)
        if finding.issuer is not None:
            return _key("issuer", finding.issuer)
    if finding.root_id is not None:
        return _key("chain", finding.root_id, family)
    # Nothing shows what else it belongs to: it stands alone.
    return _key("finding", finding.id)


def incident_id(key: Key) -> str:
    """`inc_` and 32 hex digits: of kind and key alone."""
    text = f"{key.kind}\x1f{key.key}"
    return "inc_" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _key(kind: str, name: str, *more: str) -> Key:
    return Key(kind, "\x1f".join((name, *more)), name)
