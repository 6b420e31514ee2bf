"""Auth0: scopes and permissions of one API; agents in `act` with their profile."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect, Json

_SUBJECT: Final = re.compile(r"auth0\|.+")


def _shaped(claims: Json) -> bool:
    """The connection `auth0|` before a user's id, or `gty` with a client that is its own user."""
    subject = claims.get("sub")
    if not isinstance(subject, str):
        return False
    return _SUBJECT.fullmatch(subject) is not None or (
        subject.endswith("@clients") and "gty" in claims
    )


DIALECT: Final = Dialect(
    "auth0",
    "auth0.com/docs: on-behalf-of token exchange, access token profiles, RBAC permissions",
    issuers=re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)?\.auth0\.com"),
    shaped=_shaped,
    scope_domain="resource",
)
