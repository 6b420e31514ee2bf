"""The key a token is bound to, from its `cnf` claim (RFC 7800, 9449, 8705, WIMSE)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")
# RFC 7638 section 3.2, RFC 8037 section 2: the members a key's thumbprint is taken of.
_JWK_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}


def binding(claims: Mapping[str, Any], typ: str) -> dict[str, str]:
    """`token_binding_*` fields; a thumbprint that is not 32 base64url bytes is left out."""
    cnf = claims.get("cnf")
    if not isinstance(cnf, dict) or not cnf:
        return {"token_binding_type": "none"}
    if "jkt" in cnf:
        return _bound("dpop", cnf["jkt"])
    if "x5t#S256" in cnf:
        return _bound("mtls", cnf["x5t#S256"])
    return _bound("wimse" if typ == "wit+jwt" else "other", _jwk_thumbprint(cnf.get("jwk")))


def _bound(kind: str, thumbprint: object) -> dict[str, str]:
    found = {"token_binding_type": kind}
    if isinstance(thumbprint, str) and _THUMBPRINT.fullmatch(thumbprint):
        found["token_binding_thumbprint"] = thumbprint.rstrip("=")
    return found


def _jwk_thumbprint(jwk: object) -> str | None:
    """RFC 7638 thumbprint of a public key, `None` if it is not one we know."""
    members = _JWK_MEMBERS.get(str(jwk.get("kty"))) if isinstance(jwk, dict) else None
    if not members or not isinstance(jwk, dict):
        return None
    key = {name: jwk.get(name) for name in members}
    if not all(isinstance(value, str) and value.isascii() for value in key.values()):
        return None
    import rfc8785  # noqa: PLC0415 - what few agents need is not imported by all

    digest = hashlib.sha256(rfc8785.dumps(key)).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
