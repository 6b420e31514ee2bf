"""Google: ID tokens, token exchange and impersonation, and the `tokeninfo` answer."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import OIDC_SCOPES, Dialect, Json

_CLIENT: Final = ".apps.googleusercontent.com"
_URL: Final = "https://www.googleapis.com/auth/"


def _shaped(claims: Json) -> bool:
    """Google names every client so, in `azp` (tokeninfo v3) or `issued_to` (v1)."""
    named = claims.get("azp") or claims.get("issued_to")
    return isinstance(named, str) and named.endswith(_CLIENT)


DIALECT: Final = Dialect(
    "google",
    "developers.google.com: OpenID Connect, tokeninfo; cloud.google.com: STS, IAM credentials",
    issuers=re.compile(r"https://(?:accounts\.google\.com|sts\.googleapis\.com)"),
    shaped=_shaped,
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES | {f"{_URL}userinfo.email", f"{_URL}userinfo.profile"},
    actors="none",
)
