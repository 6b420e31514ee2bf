"""Laravel Passport, and others of its JSON: `scopes` as a list, times as text with fractions."""

from __future__ import annotations

from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Reading


def _shaped(claims: Json) -> bool:
    """A list `scopes` and no issuer: the client is the audience, and times may be text."""
    return "iss" not in claims and isinstance(claims.get("scopes"), list) and "jti" in claims


def read(claims: Claims) -> Reading:
    """The audience is the client's own id; of a client that acts for itself `sub` is empty."""
    clients = claims.texts("aud") or ()
    client = claims.text("client_id") or (clients[0] if len(clients) == 1 else None)
    found = oauth.read_as(claims, claims.text("sub"), client or None)
    found.type = "access_token"
    return found


DIALECT: Final = Dialect(
    "passport",
    "laravel/passport#1395, lcobucci/jwt#604",
    read=read,
    shaped=_shaped,
    first=frozenset({"scopes"}),
    scope_domain="issuer",
    actors="none",
)
