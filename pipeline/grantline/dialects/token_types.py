"""What kind of credential a token is, from its header, its claims, its looks or its answer."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.reading import Claims, Evidence

_BY_HEADER: Final = {
    "at+jwt": "access_token",
    "txntoken+jwt": "txn_token",
    "oauth-id-jag+jwt": "id_jag",
}
_TYPE: Final = re.compile(r"urn:ietf:params:oauth:token-type:([a-z0-9_-]{1,32})", re.ASCII)
_OF_ACCESS: Final = ("scope", "scp", "scopes", "client_id", "cid", "azp", "appid", "roles")
"""Claims that a token for access has, and an identity's has not; `azp` both may have."""
_OF_IDENTITY: Final = ("nonce", "at_hash", "c_hash", "s_hash")
"""OpenID Connect Core 2 and 3.3.2.11, and FAPI's `s_hash`: in ID tokens alone."""
_OF_GRANTED: Final = ("scope", "scp", "scopes", "roles")


def by_claims(claims: Claims) -> tuple[str, Evidence]:
    """The type of a JWT, and whether its header says so (`claim`) or only its looks (`shape`)."""
    if (told := _BY_HEADER.get(claims.typ)) is not None:
        return told, "claim"
    said = claims.said
    granted = any(said.get(name) is not None for name in _OF_GRANTED)
    if not granted and any(name in said for name in _OF_IDENTITY):
        return "id_token", "shape"
    if granted or any(name in said for name in _OF_ACCESS):
        return "access_token", "shape"
    subject = claims.text("sub") or ""
    return ("svid" if subject.startswith("spiffe://") else "jwt"), "shape"


def by_urn(value: object) -> str | None:
    """The type that `issued_token_type` or `subject_token_type` names (RFC 8693 section 3)."""
    found = _TYPE.fullmatch(value) if isinstance(value, str) else None
    # The registry of the convention writes them with underscores (id_jag, txn_token).
    return found[1].replace("-", "_") if found else None
