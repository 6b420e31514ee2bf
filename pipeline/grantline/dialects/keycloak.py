"""Keycloak: roles of realm and clients, scopes of the realm, a standard exchange without `act`."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import OIDC_SCOPES, Dialect, Json


def _shaped(claims: Json) -> bool:
    return isinstance(claims.get("realm_access"), dict) or (
        isinstance(claims.get("resource_access"), dict) and isinstance(claims.get("azp"), str)
    )


DIALECT: Final = Dialect(
    "keycloak",
    "keycloak.org: token exchange; a run of 26.7.3 (../shared/data/keycloak)",
    issuers=re.compile(r"https?://[^/]+(?:/[^/]+)*/realms/[^/]+"),
    shaped=_shaped,
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES
    | {
        "acr",
        "basic",
        "microprofile-jwt",
        "organization",
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
