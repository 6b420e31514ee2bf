"""The delegation facts a token's claims tell: RFC 8693, Entra, Auth0 and Txn-Token dialects.

Nothing is verified here. Claims come from outside and are treated as hostile: 64 nested actors
at most, a subject that is not a string is no subject, and any JSON at all gives an answer
instead of an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from grantline.emit import canonical, clean
from grantline.emit.attributes import MAX_ACTORS, TOKEN_PLANS, Operation
from grantline.emit.bindings import binding
from grantline.emit.profiles import actor_type, subject_type

MAX_ACT: Final = 64
"""Nested `act` claims that are followed."""
UNKNOWN_ISSUER: Final = "-"

Json = Mapping[str, Any]
Pair = tuple[str, str]
Persona = Callable[[str, str], str]
"""(issuer, subject) -> what may be published for it."""

_TYPES: Final = {
    "at+jwt": "access_token",
    "txntoken+jwt": "txn_token",
    "oauth-id-jag+jwt": "id_jag",
}
_OF_ACCESS: Final = frozenset({"scope", "scp", "client_id", "azp", "appid", "roles"})
"""Claims that a token for access has, and an identity's has not."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What one token says, in the fields of `attributes.FIELDS`, clean and ready to emit."""

    fields: Mapping[str, Any]
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
    read = _Reader(claims, notes)
    issuer = read.issuer(claims)
    typ = str((header or {}).get("typ") or "").lower().removeprefix("application/")
    acts, deeper = _acts(claims)
    fields: dict[str, Any] = {
        "token_issuer": issuer,
        "token_type": _TYPES.get(typ) or _plain_type(claims),
        "token_jti": read.text("jti") or read.text("uti"),
        "token_issued_at": read.number("iat"),
        "token_expires_at": read.number("exp"),
        "transaction_id": read.text("txn"),
        "granted_scopes": read.scopes(),
        "audiences": read.texts("aud"),
        "token_may_act": _may_act(read, claims, issuer),
        "subject_type": subject_type(claims),
        **binding(claims, typ),
        **_rar(claims, notes),
        **_parties(read, claims, issuer, acts),
    }
    subject = fields["subject_id"]
    if subject:
        fields["subject_id"] = persona(issuer or UNKNOWN_ISSUER, subject)
        fields.update(_chain(read, fields, subject, issuer=issuer, acts=acts, deeper=deeper))
    return TokenFacts({name: value for name, value in fields.items() if value is not None})


class _Reader:
    """Typed reads from untrusted claims; what does not fit its type is not there."""

    def __init__(self, claims: Json, notes: clean.Notes) -> None:
        self.claims, self.notes = claims, notes

    def text(self, name: str, claims: Json | None = None) -> str | None:
        value = (self.claims if claims is None else claims).get(name)
        return clean.text(value, self.notes) if isinstance(value, str) and value else None

    def issuer(self, claims: Json) -> str | None:
        # White space would let one name pass for an issuer and a subject in `chain.actors`.
        value = self.text("iss", claims)
        return value if value and value.split() == [value] else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self.claims.get(name)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            return None
        return clean.texts([item for item in value if isinstance(item, str)], self.notes)

    def number(self, name: str) -> int | None:
        try:
            return clean.number(self.claims.get(name))
        except clean.Unfit:
            return None

    def scopes(self) -> tuple[str, ...] | None:
        """`scope` or `scp`, and Entra's application `roles`; `None` if the token has neither."""
        said = self.claims.get("scope", self.claims.get("scp"))
        roles = self.claims.get("roles")
        listed = said.split(" ") if isinstance(said, str) else said
        if not isinstance(listed, list) and not isinstance(roles, list):
            return None
        listed = listed if isinstance(listed, list) else []
        found = [scope for scope in listed if isinstance(scope, str) and scope != "/"]
        if isinstance(roles, list):
            found += [f"role:{role}" for role in roles if isinstance(role, str)]
        return clean.scopes(found, self.notes)


def _acts(claims: Json) -> tuple[list[Json], bool]:
    """The nested actors, current one first, and whether there are more than were followed."""
    acts: list[Json] = []
    act = claims.get("act")
    while isinstance(act, dict) and len(acts) < MAX_ACT:
        acts.append(act)
        act = act.get("act")
    return acts, isinstance(act, dict)


def _parties(read: _Reader, claims: Json, issuer: str | None, acts: list[Json]) -> dict[str, Any]:
    subject = read.text("sub")
    if claims.get("tid") and read.text("oid"):
        subject = read.text("oid")
    client = next((c for n in ("client_id", "azp", "appid", "req_wl") if (c := read.text(n))), None)
    current = acts[0] if acts else {}
    actor = (read.text("sub", current) or read.text("client_id", current)) if acts else client
    return {
        "subject_id": subject,
        "subject_issuer": issuer if subject else None,
        "actor_id": actor,
        "actor_issuer": (read.issuer(current) or issuer) if actor else None,
        "actor_type": actor_type(claims, current),
        "actor_client_id": read.text("client_id", current) or client,
    }


def _chain(
    read: _Reader,
    fields: Json,
    subject: str,
    *,
    issuer: str | None,
    acts: list[Json],
    deeper: bool,
) -> dict[str, Any]:
    """The actors root first; nothing at all if one of them has no usable name."""
    home = issuer or UNKNOWN_ISSUER
    chain: list[Pair] = [(home, fields["subject_id"])]
    for act in reversed(acts):
        name = read.text("sub", act) or read.text("client_id", act)
        if name is None:
            return {}
        chain.append((read.issuer(act) or home, name))
    actor = fields["actor_id"]
    if not acts and actor and actor != subject:
        chain.append((home, actor))  # the implicit actor: a code-flow token has no `act`
    shown = chain if len(chain) <= MAX_ACTORS else [chain[0], *chain[-(MAX_ACTORS - 1) :]]
    return {
        "chain_actors": clean.texts([f"{iss} {sub}" for iss, sub in shown], read.notes),
        "chain_hash": None if deeper else canonical.chain_hash(chain),
        "chain_truncated": True if deeper or len(shown) < len(chain) else None,
    }


def _may_act(read: _Reader, claims: Json, issuer: str | None) -> tuple[str, ...] | None:
    allowed = claims.get("may_act")
    entries = allowed if isinstance(allowed, list) else [allowed]
    named = [
        f"{read.issuer(entry) or issuer or UNKNOWN_ISSUER} {name}"
        for entry in entries[: clean.MAX_ITEMS]
        if isinstance(entry, dict)
        and (name := read.text("sub", entry) or read.text("client_id", entry))
    ]
    return clean.texts(named, read.notes) if named else None


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


def _plain_type(claims: Json) -> str:
    return "jwt" if _OF_ACCESS.isdisjoint(claims) else "access_token"
