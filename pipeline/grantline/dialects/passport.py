"""Laravel Passport, and others of its JSON: `scopes` as a list, times as text with fractions."""

from __future__ import annotations

from typing import Final

from grantline.dialects.dialect import Dialect, Json


def _shaped(claims: Json) -> bool:
    """A list `scopes` and no issuer: the client is the audience, and times may be text."""
    return "iss" not in claims and isinstance(claims.get("scopes"), list) and "jti" in claims


DIALECT: Final = Dialect(
    "passport",
    "laravel/passport#1395, lcobucci/jwt#604",
    shaped=_shaped,
    scope_domain="issuer",
    actors="none",
)
