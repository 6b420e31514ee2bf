"""Keycloak: roles of realm and clients, scopes of the realm, a standard exchange without `act`."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import OIDC_SCOPES, Dialect
from grantline.dialects.reading import Claims, Json, Reading

# The claim `typ`; the header says `JWT` of all of them.
_TYPES: Final = {
    "bearer": "access_token",
    "dpop": "access_token",
    "id": "id_token",
    "refresh": "refresh_token",
    "offline": "refresh_token",
}


def _shaped(claims: Json) -> bool:
    return isinstance(claims.get("realm_access"), dict) or (
        isinstance(claims.get("resource_access"), dict) and isinstance(claims.get("azp"), str)
    )


def read(claims: Claims) -> Reading:
    """Roles beside scopes. The exchanger is `azp` and the session stays; nobody before is named."""
    found = oauth.read(claims)
    if (told := _TYPES.get((claims.text("typ") or "").lower())) is not None:
        found.type, found.evidence["type"] = told, "claim"
    if (claims.text("preferred_username") or "").startswith("service-account-"):
        found.subject_type = found.subject_type or "service"
    return found


DIALECT: Final = Dialect(
    "keycloak",
    "keycloak.org: token exchange; a run of 26.7.3 (../shared/data/keycloak)",
    read=read,
    issuers=re.compile(r"https?://[^/]+(?:/[^/]+)*/realms/[^/]+"),
    shaped=_shaped,
    first=frozenset({"realm_access", "resource_access"}),
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES
    | {
        "acr",
        "basic",
        "microprofile-jwt",
        "organization",
        "role:offline_access",  # default roles of every user of a realm
        "role:uma_authorization",
        "roles",
        "service_account",
        "web-origins",
    },
    actors="none",
    # Seen: a token stays active when the one it was exchanged from is revoked, and a requester's
    # optional scopes are given though the subject token has them not.
    cascades=False,
    attenuates=False,
)
