"""The delegation facts a token's claims tell, read in its issuer's dialect and fit to be told.

Nothing is verified here. What a claim means is said in `grantline.dialects`; here people are named
as they may be published, texts are bounded and cleaned, and what may only leave as a hash is hashed.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from grantline import dialects
from grantline.dialects.reading import header_type
from grantline.emit import canonical, clean
from grantline.emit.attributes import MAX_ACTORS, TOKEN_PLANS, Operation
from grantline.emit.bindings import binding

UNKNOWN_ISSUER: Final = "-"

_AT_HASH: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
"""Sixteen bytes in base64url."""
Json = Mapping[str, Any]
Pair = tuple[str, str]
Persona = Callable[[str, str], str]
"""(issuer, subject) -> what may be published for it."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What one token says, in the fields of `attributes.FIELDS`, clean and ready to emit."""

    fields: Mapping[str, Any]
    told_by_header: bool = False
    """Whether the token itself names its type; else only its looks do."""
    decoded: bool = True
    """Whether the token's own claims say it; else only the answer that it came in."""
    scoped: bool = False
    """Whether it has a claim for scopes; else its `granted_scopes` are roles and permissions."""
    access_id: str | None = None
    """Of an ID token: the delegation of the access token that was issued with it."""
    giver: Pair | None = None
    """(issuer, id) of who gave the authority, where this token itself says so."""
    _attributes: dict[Operation, dict[str, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def attributes(self, operation: Operation) -> Mapping[str, Any]:
        """What this operation's span tells of the token; nothing that must be asked for."""
        found = self._attributes.get(operation)
        if found is None:
            plan = TOKEN_PLANS[operation]
            found = {plan[n].attribute: value for n, value in self.fields.items() if n in plan}
            self._attributes[operation] = found
        return found

    def get(self, name: str) -> Any:
        return self.fields.get(name)

    def typed_as(self, before: TokenFacts) -> TokenFacts:
        """The same, of the type that the token's header was seen to name before."""
        kind = before.get("token_type")
        if not before.told_by_header or self.get("token_type") == kind:
            return self
        return replace(self, fields={**self.fields, "token_type": kind}, told_by_header=True)

    @property
    def delegator(self) -> Pair | None:
        """(issuer, id) of the party that holds this token's authority and can pass it on."""
        for who in ("actor", "subject"):
            if name := self.fields.get(f"{who}_id"):
                return self.fields.get(f"{who}_issuer") or UNKNOWN_ISSUER, name
        return None


def extract(
    claims: Json, notes: clean.Notes, persona: Persona, header: Json | None = None
) -> TokenFacts:
    """The facts in a set of claims; what is malformed is left out, never guessed."""
    read = dialects.read(claims, header)
    fit = _Fit(notes)
    if read.expires_at is None and claims.get("exp") is not None:
        notes.note("refused", "exp: no date that can be read")
    fields: dict[str, Any] = {
        "token_issuer": fit.text(read.issuer),
        "token_type": read.type,
        "token_jti": fit.text(read.jti),
        "token_issued_at": read.issued_at,
        "token_expires_at": read.expires_at,
        "token_dialect": read.dialect,
        "token_parent_jti": fit.text(read.parent[1]) if read.parent else None,
        "session_id": fit.text(read.session),
        "transaction_id": fit.text(read.transaction),
        "granted_scopes": None if read.scopes is None else clean.scopes(read.scopes, notes),
        "audiences": None if read.audiences is None else clean.texts(read.audiences, notes),
        "token_may_act": _allowed(read, fit),
        "subject_type": read.subject_type,
        "actor_type": read.actor_type,
        "actor_client_id": fit.text(read.client),
        **binding(claims, header_type(header)),
        **_rar(claims, notes),
        **fit.party("actor", read.actor),
        **_people(read, fit, persona),
    }
    return TokenFacts(
        {name: value for name, value in fields.items() if value is not None},
        told_by_header=read.evidence.get("type") == "claim",
        scoped=read.scoped,
        access_id=_access(claims, header) if read.type == "id_token" else None,
        giver=_giver(read, fit, persona),
    )


def introspected(answer: Json, notes: clean.Notes, persona: Persona, now: float) -> TokenFacts:
    """The facts in an introspection answer (RFC 7662 section 2.2, RFC 9701 section 5).

    Google's has a lifetime instead of a moment. That it answers says nothing of the token's form.
    """
    inner = answer.get("token_introspection")
    said = inner if isinstance(inner, Mapping) else answer
    found = extract(said, notes, persona)
    fields = dict(found.fields)
    if fields.get("token_type") == "jwt":
        del fields["token_type"]
    if "token_expires_at" not in fields and (ends := dialects.expiry(said, now)) is not None:
        fields["token_expires_at"] = ends
    return replace(found, fields=fields)


class _Fit:
    """Texts of untrusted claims made fit to leave."""

    def __init__(self, notes: clean.Notes) -> None:
        self.notes = notes

    def text(self, value: str | None) -> str | None:
        return None if value is None else clean.text(value, self.notes)

    def party(self, who: str, party: dialects.Party | None) -> dict[str, Any]:
        if party is None:
            return {}
        return {f"{who}_id": self.text(party[1]), f"{who}_issuer": self.text(party[0])}

    def entry(self, pair: Pair) -> str:
        """As in `chain.actors`; the parts are clean, and together they may be too long."""
        found = f"{pair[0]} {pair[1]}"
        return found if len(found) <= clean.MAX_TEXT else clean.text(found, self.notes)

    def pair(self, party: dialects.Party) -> Pair:
        return self.text(party[0]) or UNKNOWN_ISSUER, clean.text(party[1], self.notes)


def _people(read: dialects.Reading, fit: _Fit, persona: Persona) -> dict[str, Any]:
    """The subject under the name it may bear, and the chain with the same name at its root.

    A chain of which somebody has no usable name is not told at all.
    """
    found = fit.party("subject", read.subject)
    if read.subject is not None:
        found["subject_id"] = persona(read.subject[0] or UNKNOWN_ISSUER, found["subject_id"])
    if not read.chain:
        return found
    chain = [fit.pair(who) for who in read.chain]
    if read.subject is not None and read.chain[0] == read.subject:
        chain[0] = (chain[0][0], found["subject_id"])
    shown = chain if len(chain) <= MAX_ACTORS else [chain[0], *chain[-(MAX_ACTORS - 1) :]]
    cut = not read.chain_complete
    return found | {
        "chain_actors": tuple([fit.entry(who) for who in shown]),
        "chain_hash": None if cut else canonical.chain_hash(chain),
        "chain_truncated": True if cut or len(shown) < len(chain) else None,
    }


def _giver(read: dialects.Reading, fit: _Fit, persona: Persona) -> Pair | None:
    if read.delegator is None:
        return None
    home, name = fit.pair(read.delegator)
    return home, persona(home, name) if read.delegator == read.subject else name


def _allowed(read: dialects.Reading, fit: _Fit) -> tuple[str, ...] | None:
    if not read.may_act:
        return None
    return clean.texts([" ".join(fit.pair(who)) for who in read.may_act], fit.notes)


def _access(claims: Json, header: Json | None) -> str | None:
    """The delegation id of the access token that an ID token's `at_hash` is of.

    Both are the left half of its SHA-256, which algorithms that end in 256 use for the claim.
    """
    value = claims.get("at_hash")
    if not isinstance(value, str) or not _AT_HASH.fullmatch(value):
        return None
    if not str((header or {}).get("alg") or "").endswith("256"):
        return None
    return canonical.delegation_id(urlsafe_b64decode(value + "==").hex())


def _rar(claims: Json, notes: clean.Notes) -> dict[str, Any]:
    """Types and hash of `authorization_details` (RFC 9396); never their content."""
    details = claims.get("authorization_details")
    if not isinstance(details, list) or not details:
        return {}
    types = {d["type"] for d in details if isinstance(d, dict) and isinstance(d.get("type"), str)}
    found: dict[str, Any] = {"rar_types": clean.texts(sorted(types), notes)}
    try:
        found["rar_hash"] = canonical.canonical_hash(details)
    except ValueError:
        notes.note("refused", "authorization_details without a canonical form")
    return found
