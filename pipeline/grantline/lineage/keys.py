"""Keys of what is no authority, and yet is told of by many hops in many chains."""

from __future__ import annotations

from typing import Final

from grantline.dialects import dialect, dialect_of, issuer_key
from grantline.model.hop import USE, Hop
from grantline.model.once import BARE, FLAT

APPROVAL: Final = "apr:"
_SUBJECT_AND_ONE = 2
"""Names in the chain of actors of a token that tells of one actor at most."""
_BELOW_A_DELEGATE = 2
_ELSEWHERE = frozenset({"in_process", "id_jag", "jwt_bearer", "txn_token"})
"""Methods and token types."""


def approval(approval_id: str) -> str:
    return APPROVAL + approval_id


def bare(hop: Hop) -> str:
    """Of a service and what it does."""
    return f"{BARE}{hop.service or '?'} {hop.action_name or '?'}"


def is_bare(hop: Hop) -> bool:
    """Whether a hop that names nothing by which its root may be found is a use, under nothing."""
    return (
        hop.operation == USE
        and not hop.refused
        and hop.context_id is None
        and hop.context_root_id is None
        and hop.session_id is None
        and hop.transaction_id is None
    )


def flat(hop: Hop) -> str | None:
    """Of an issuer whose exchanged tokens do not tell who gave the authority; None for others.

    The token tells of one actor at most, and it is not the one by whom the hop has the authority;
    and that one was a delegate itself, or the issuer is known to tell of none. What leads to another issuer, or is no delegation by design,
    names parties as they are called there.
    """
    actors, giver = hop.chain_actors, hop.delegator_id
    if (
        not actors
        or giver is None
        or len(actors) > _SUBJECT_AND_ONE
        or hop.token_issuer is None
        or hop.refused
        or hop.method in _ELSEWHERE
        or hop.token_type in _ELSEWHERE
        or giver in (hop.actor_id, hop.subject_id)
        or any(entry.rpartition(" ")[2] == giver for entry in actors)
        or not _loses(hop)
    ):
        return None
    return FLAT + issuer_key(hop.token_issuer)


def _loses(hop: Hop) -> bool:
    if hop.depth is not None and hop.depth >= _BELOW_A_DELEGATE:
        return True
    return dialect(dialect_of(hop.token_issuer) or hop.token_dialect).actors == "none"
