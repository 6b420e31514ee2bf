"""Auth0: scopes and permissions of one API; agents in `act` with their profile."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Reading

_USERS: Final = ("auth0|", "google-oauth2|", "samlp|", "waad|", "windowslive|")
"""How connections are called that bear no common word (auth0.com/docs: identity provider names)."""
_CLIENTS: Final = "@clients"


def _shaped(claims: Json) -> bool:
    """A connection of Auth0's before a user's id, or `gty` with a client that is its own user."""
    subject = claims.get("sub")
    if not isinstance(subject, str):
        return False
    return subject.startswith(_USERS) or ("gty" in claims and subject.endswith(_CLIENTS))


def read(claims: Claims) -> Reading:
    """As the RFCs have it; a client that acts for itself is `<client>@clients`."""
    found = oauth.read(claims)
    subject = claims.text("sub") or ""
    if found.subject_type is None and subject.endswith(_CLIENTS):
        found.subject_type = "service"
    return found


DIALECT: Final = Dialect(
    "auth0",
    "auth0.com/docs: on-behalf-of token exchange, access token profiles, RBAC permissions",
    read=read,
    issuers=re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)?\.auth0\.com"),
    shaped=_shaped,
    first=frozenset({"sub"}),
    scope_domain="resource",
)
