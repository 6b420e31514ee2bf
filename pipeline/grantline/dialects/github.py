"""GitHub: opaque tokens that say by their prefix what they are; scopes with commas."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.github_scopes import SCOPES
from grantline.dialects.reading import Claims, Reading


def read(claims: Claims) -> Reading:
    """The ID token of a workflow: what runs is the subject, whoever started it (`actor`) is not."""
    found = oauth.read(claims)
    if claims.text("repository") and found.scopes is None:
        found.type, found.evidence["type"] = "id_token", "implied"
        found.subject_type = found.subject_type or "service"
    return found


DIALECT: Final = Dialect(
    "github",
    "docs.github.com: authorizing OAuth apps, token formats, installation tokens, Actions OIDC",
    read=read,
    issuers=re.compile(
        r"https://(?:github\.com(?:/login/oauth)?|token\.actions\.githubusercontent\.com(?:/.+)?)"
    ),
    scope_domain="issuer",
    identity_scopes=frozenset({"read:user", "user:email"}),
    implied_scopes=SCOPES,
    actors="none",
    hosted=True,
)
