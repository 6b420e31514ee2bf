"""Okta: `cid` is the client, `uid` the person, `scp` a list; cross-app access by ID-JAG."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import OIDC_SCOPES, Dialect
from grantline.dialects.reading import Claims, Json, Reading


def _shaped(claims: Json) -> bool:
    """`cid` beside a list `scp`: Okta's own access token."""
    return isinstance(claims.get("cid"), str) and isinstance(claims.get("scp"), list)


def read(claims: Claims) -> Reading:
    """`uid` before `sub`: in access tokens `sub` is the login, which is an e-mail address."""
    client = claims.text("cid", *oauth.CLIENTS)
    found = oauth.read_as(claims, claims.text("uid", "sub"), client)
    if found.subject_type is None and client is not None and claims.text("sub") == client:
        found.subject_type = "service"
    return found


DIALECT: Final = Dialect(
    "okta",
    "developer.okta.com: access token claims; cross app access (ID-JAG)",
    read=read,
    issuers=re.compile(
        r"https://[a-z0-9-]+\.(?:okta|oktapreview|okta-emea|okta-gov|trexcloud)\.(?:com|mil)"
        r"(?:/oauth2(?:/[^/]+)?)?"
    ),
    shaped=_shaped,
    first=frozenset({"cid"}),
    scope_domain="resource",
    identity_scopes=OIDC_SCOPES | {"device_sso", "groups"},
)
