"""Google: ID tokens, token exchange and impersonation, and the `tokeninfo` answer."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import OIDC_SCOPES, Dialect
from grantline.dialects.reading import Claims, Json, Reading

ISSUER: Final = "https://accounts.google.com"
_CLIENT: Final = ".apps.googleusercontent.com"
_URL: Final = "https://www.googleapis.com/auth/"
# developers.google.com/workspace/gmail/api/auth/scopes; what goes on after a dot is included anyway.
_GMAIL: Final = {
    f"{_URL}gmail.modify": frozenset(
        f"{_URL}gmail.{name}" for name in ("readonly", "compose", "insert", "labels", "metadata")
    ),
    f"{_URL}gmail.compose": frozenset({f"{_URL}gmail.send"}),
    f"{_URL}gmail.readonly": frozenset({f"{_URL}gmail.metadata"}),
}


def _shaped(claims: Json) -> bool:
    """Google names every client so, in `azp` (tokeninfo v3) or `issued_to` (v1)."""
    named = claims.get("azp") or claims.get("issued_to")
    return isinstance(named, str) and named.endswith(_CLIENT)


def read(claims: Claims) -> Reading:
    """Both versions of `tokeninfo`, which name no issuer, and the JWTs, which are ID tokens."""
    client = claims.text("azp", "issued_to", "client_id")
    found = oauth.read_as(claims, claims.text("sub", "user_id"), client)
    if found.audiences is None:
        found.audiences = claims.texts("audience")
    if found.issuer is None and client is not None and client.endswith(_CLIENT):
        found.issuer, found.evidence["issuer"] = ISSUER, "implied"
        oauth.put_parties(found, claims, claims.text("sub", "user_id"), client)
    if found.issuer is not None and found.scopes is None:
        found.type, found.evidence["type"] = "id_token", "implied"
    return found


DIALECT: Final = Dialect(
    "google",
    "developers.google.com: OpenID Connect, tokeninfo; cloud.google.com: STS, IAM credentials",
    read=read,
    issuers=re.compile(r"https://(?:accounts\.google\.com|sts\.googleapis\.com)"),
    shaped=_shaped,
    first=frozenset({"azp", "issued_to"}),
    scope_domain="issuer",
    implied_scopes=_GMAIL,
    identity_scopes=OIDC_SCOPES | {f"{_URL}userinfo.email", f"{_URL}userinfo.profile"},
    actors="none",
    hosted=True,
)
