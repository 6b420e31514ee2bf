"""Amazon Cognito: `token_use` says what a token is for; access tokens have no audience."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import OIDC_SCOPES, Dialect, Json


def _shaped(claims: Json) -> bool:
    return claims.get("token_use") in ("access", "id") and not claims.keys().isdisjoint(
        {"event_id", "origin_jti", "cognito:groups", "cognito:username"}
    )


DIALECT: Final = Dialect(
    "cognito",
    "docs.aws.amazon.com/cognito: user pool access and ID tokens, InitiateAuth",
    issuers=re.compile(r"https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[^/]+"),
    shaped=_shaped,
    # A custom scope bears its resource server's name (`server/scope`): one name, one meaning.
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES | {"aws.cognito.signin.user.admin"},
    actors="none",
)
