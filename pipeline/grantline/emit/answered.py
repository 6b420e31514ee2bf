"""What is told of a token from the answer it came in, beside what the token says of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from grantline.dialects import Answer
from grantline.emit import clean
from grantline.emit.claims import TokenFacts

_LOOKS: Final = frozenset({"jwt", "access_token"})
"""Types that a token's looks alone give it, and that its answer knows better."""


def answered(answer: Answer, notes: clean.Notes) -> TokenFacts | None:
    """What an answer says of a token that says nothing itself; None where that is nothing."""
    found = _told(answer, notes)
    return TokenFacts(found, decoded=False, scoped="granted_scopes" in found) if found else None


def beside(facts: TokenFacts, answer: Answer, notes: clean.Notes) -> TokenFacts:
    """What a token says, and what its answer says of what the token itself does not.

    The token goes first: its `exp` before `expires_in`, its scopes before the answer's.
    """
    own, more = facts.fields, _told(answer, notes)
    if "token_type" in own and (
        facts.told_by_header or answer.type == "jwt" or own["token_type"] not in _LOOKS
    ):
        more.pop("token_type", None)
    scopes = more.get("granted_scopes")
    if scopes is not None and not facts.scoped and "granted_scopes" in own:
        # Roles come in the token, scopes beside it: neither says all.
        both = clean.scopes((*own["granted_scopes"], *scopes), notes)
        own = {**own, "granted_scopes": both}
    kept = {n: v for n, v in more.items() if n not in own or n == "token_type"}
    if not kept and own is facts.fields:
        return facts
    return replace(facts, fields={**own, **kept})


def _told(answer: Answer, notes: clean.Notes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "token_type": answer.type,
        "token_expires_at": answer.expires_at,
        "token_dialect": answer.dialect,
    }
    for name, said in (
        ("token_jti", answer.jti), ("token_issuer", answer.issuer), ("actor_id", answer.actor)
    ):  # fmt: skip
        found[name] = None if said is None else clean.text(said, notes)
    if answer.scopes is not None:
        found["granted_scopes"] = clean.scopes(answer.scopes, notes)
    return {name: value for name, value in found.items() if value is not None}
