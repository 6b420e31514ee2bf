"""OAuth as the RFCs have it (8693, 9068, 7662): what is spoken where nothing else is known."""

from __future__ import annotations

from typing import Final

from grantline.dialects import scope_names
from grantline.dialects.dialect import Dialect
from grantline.dialects.profiles import profile
from grantline.dialects.reading import Claims, Json, Party, Reading, issuer, party
from grantline.dialects.token_types import by_claims
from grantline.dialects.values import member, texts

CLIENTS: Final = ("client_id", "azp", "appid", "cid", "req_wl")
"""Where the client is named: RFC 9068, OpenID Connect, Entra v1, Okta and UAA, transaction tokens."""
_MAX_ALLOWED: Final = 64


def read(claims: Claims) -> Reading:
    """A token's facts by the RFCs; what is malformed is left out, never guessed."""
    return read_as(claims, claims.text("sub"), claims.text(*CLIENTS))


def read_as(claims: Claims, subject: str | None, client: str | None) -> Reading:
    """The same, where an issuer has claims of its own for subject and client."""
    said = claims.said
    home = issuer(said)
    found = Reading(
        issuer=home,
        jti=claims.text("jti", "uti"),
        issued_at=claims.moment("iat"),
        expires_at=claims.moment("exp"),
        audiences=_audiences(claims),
        session=claims.text("sid"),
        transaction=claims.text("txn"),
        may_act=_may_act(said.get("may_act"), home),
    )
    found.type, found.evidence["type"] = by_claims(claims)
    put_scopes(found, claims)
    if client is None and found.type == "id_token" and found.audiences is not None:
        # OpenID Connect Core 2: an ID token is meant for its client, and names it as audience.
        client = found.audiences[0] if len(found.audiences) == 1 else None
    put_parties(found, claims, subject, client)
    return found


def put_scopes(found: Reading, claims: Claims) -> None:
    """Scopes, then what else authorises: roles of the issuer, of clients, and permissions."""
    said = claims.said
    scopes = claims.scopes("scope", "scp", "scopes")
    found.scoped = scopes is not None
    names = list(scopes or ())
    more = False
    if "roles" in said or "realm_access" in said:
        for listed in (said.get("roles"), member(said.get("realm_access"), "roles")):
            if (roles := texts(listed)) is not None:
                more = True
                names += map(scope_names.role, filter(None, roles))
    clients = said.get("resource_access")
    if isinstance(clients, dict):
        for client, held in clients.items():
            if (roles := texts(member(held, "roles"))) is not None and isinstance(client, str):
                more = True
                names += [scope_names.client_role(client, role) for role in roles if role]
    if (permissions := texts(said.get("permissions"))) is not None:
        more = True
        names += map(scope_names.permission, filter(None, permissions))
    if found.scoped or more:
        found.scopes = tuple(names)
        found.evidence["scopes"] = "claim"


def put_parties(found: Reading, claims: Claims, subject: str | None, client: str | None) -> None:
    """Subject, actor, delegator and chain: outermost `act` first, else the client is implied."""
    said, home = claims.said, found.issuer
    found.subject = (home, subject) if subject else None
    found.subject_type = profile(said.get("sub_profile"))
    found.client = client
    acts, deeper = claims.acts() if "act" in said else ((), False)
    named = [party(act, home) for act in acts]
    if acts:
        current = acts[0]
        found.client = _client(current) or client
        found.actor_type = profile(current.get("sub_profile")) or profile(
            current.get("client_profile")
        )
        found.actor = named[0]
        found.evidence["actor"] = "claim"
    elif client:
        found.actor = (home, client)
        found.evidence["actor"] = "implied"
    if found.subject is None:
        return
    chain: list[Party] = [found.subject]
    for who in reversed(named):
        if who is None:
            return
        chain.append(who)
    if not acts and client and client != subject:
        chain.append((home, client))  # a code-flow token has no `act`
    found.chain, found.chain_complete = tuple(chain), not deeper
    found.evidence["chain"] = "history" if len(acts) > 1 else found.evidence.get("actor", "claim")
    if acts:
        # Who acted before is the deepest `act` but one; the first actor had it of the subject.
        found.delegator = chain[-2]
        found.evidence["delegator"] = "history" if len(acts) > 1 else "claim"


def _client(current: Json) -> str | None:
    value = current.get("client_id")
    return value if isinstance(value, str) and value else None


def _audiences(claims: Claims) -> tuple[str, ...] | None:
    """`aud` as told, else the resource it was asked for (RFC 8707)."""
    found = claims.texts("aud")
    return found if found is not None else claims.texts("resource")


def _may_act(allowed: object, home: str | None) -> tuple[Party, ...]:
    if allowed is None:
        return ()
    entries = allowed if isinstance(allowed, list) else [allowed]
    named = (party(e, home) for e in entries[:_MAX_ALLOWED] if isinstance(e, dict))
    return tuple(who for who in named if who is not None)


DIALECT: Final = Dialect(
    "oauth",
    "RFC 8693 section 4, RFC 9068 section 2.2, RFC 7519 section 4",
    read=read,
    # The WLCG token profile's own words: "this is a superset of".
    implied_scopes={
        "storage.modify": frozenset({"storage.create"}),
        "storage.stage": frozenset({"storage.read"}),
    },
)
