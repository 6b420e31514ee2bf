"""Amazon Cognito: `token_use` says what a token is for; access tokens have no audience."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from grantline.dialects import answers, oauth, scope_names
from grantline.dialects.answers import Answer
from grantline.dialects.dialect import OIDC_SCOPES, Dialect
from grantline.dialects.reading import Claims, Json, Reading
from grantline.dialects.refusals import Refusal
from grantline.dialects.values import text

_CODE: Final = re.compile(r"[A-Z_]{1,64}", re.ASCII)
_TYPES: Final = {"access": "access_token", "id": "id_token"}


def _shaped(claims: Json) -> bool:
    return claims.get("token_use") in ("access", "id") and not claims.keys().isdisjoint(
        {"event_id", "origin_jti", "cognito:groups", "cognito:username"}
    )


def read(claims: Claims) -> Reading:
    """Groups authorise as scopes do; `origin_jti` is one login's, through all renewals."""
    found = oauth.read(claims)
    used = claims.text("token_use") or ""
    if used in _TYPES:
        found.type, found.evidence["type"] = _TYPES[used], "claim"
    if found.client is None and used == "id" and (clients := claims.texts("aud")):
        oauth.put_parties(found, claims, claims.text("sub"), clients[0])
    if (groups := claims.texts("cognito:groups")) is not None:
        names = map(scope_names.group, filter(None, groups))
        found.scopes = (*(found.scopes or ()), *names)
        found.evidence["scopes"] = "claim"
    if found.session is None:
        found.session = claims.text("origin_jti")
    return found


def answer(body: Json, now: float) -> Answer | None:
    """`InitiateAuth`: tokens, or the challenge that comes before them."""
    result = body.get("AuthenticationResult")
    if isinstance(result, Mapping):
        return Answer(
            token=text(result.get("AccessToken")),
            refresh_token=text(result.get("RefreshToken")),
            id_token=text(result.get("IdToken")),
            dialect="cognito",
            expires_at=answers.expiry({"expires_in": result.get("ExpiresIn")}, now),
        )
    if (challenge := text(body.get("ChallengeName"))) is not None:
        code = challenge.lower() if _CODE.fullmatch(challenge) else "other"
        return Answer(refusal=Refusal("challenge", code, code), dialect="cognito")
    return None


DIALECT: Final = Dialect(
    "cognito",
    "docs.aws.amazon.com/cognito: user pool access and ID tokens, InitiateAuth",
    read=read,
    answer=answer,
    issuers=re.compile(r"https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[^/]+"),
    shaped=_shaped,
    first=frozenset({"token_use"}),
    # A custom scope bears its resource server's name (`server/scope`): one name, one meaning.
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES | {"aws.cognito.signin.user.admin"},
    actors="none",
)
