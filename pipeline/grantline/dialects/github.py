"""GitHub: opaque tokens that say by their prefix what they are; scopes with commas."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect

DIALECT: Final = Dialect(
    "github",
    "docs.github.com: authorizing OAuth apps, token formats, installation tokens, Actions OIDC",
    issuers=re.compile(
        r"https://(?:github\.com(?:/login/oauth)?|token\.actions\.githubusercontent\.com(?:/.+)?)"
    ),
    scope_domain="issuer",
    identity_scopes=frozenset({"read:user", "user:email"}),
    actors="none",
)
