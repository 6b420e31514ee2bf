"""The claims of a JWT, read and not verified: at most 16 kB, signed, and nothing else."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from grantline.emit import canonical

MAX_TOKEN: Final = 16 * 1024
"""Bytes of a token whose claims are read; of a larger one only the fingerprint is taken."""
_JWS_PARTS: Final = 3

Json = Mapping[str, Any]


def decode(token: str | bytes, unsigned: bool = False) -> tuple[Json, Json] | None:
    """Header and claims of a signed JWT (RFC 7519), unverified; `None` for anything else.

    An unsigned token (`alg: none`) is read only if `unsigned` is set, for tests: what it says
    is nobody's word (RFC 8725 section 3.2).
    """
    try:
        raw = canonical.credential(token)
        parts = raw.split(b".")
        if len(parts) != _JWS_PARTS or len(raw) > MAX_TOKEN:
            return None
        header, claims = _json(parts[0]), _json(parts[1])
    except (ValueError, RecursionError, binascii.Error):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    if not unsigned and (not parts[2] or str(header.get("alg", "none")).lower() == "none"):
        return None
    return header, claims


def header(raw: bytes) -> Json | None:
    """The header of a JWT alone: what it says that verified claims do not (`typ`)."""
    try:
        found = _json(raw.partition(b".")[0]) if len(raw) <= MAX_TOKEN and b"." in raw else None
    except (ValueError, RecursionError, binascii.Error):
        return None
    return found if isinstance(found, dict) else None


def _json(part: bytes) -> Any:
    text = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    # UTF-8, as RFC 7519 section 3 asks: to guess among encodings takes as long as to parse.
    return json.loads(text.decode("utf-8", "surrogatepass"))
