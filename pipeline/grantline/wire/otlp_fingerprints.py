"""Fingerprints of tokens, in whatever spelling they come."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from grantline.wire.otlp_plain import Mended, Refused, Wrong

_FINGERPRINT = re.compile(r"(sha256:|hmac-sha256:[^:\s]{1,128}:)([A-Za-z0-9+/_-]{43,64}=?)")
_CANONICAL = re.compile(r"sha256:[0-9a-f]{64}")
_SHA256 = re.compile(r"sha-?256[:=]", re.IGNORECASE)
_DIGEST = re.compile(
    r"(?:(?:hmac-)?(?:md5|sha-?[0-9/_]{1,7}|blake[0-9a-z]{1,4})[:=].{0,256}|[0-9a-f]{32,128})",
    re.IGNORECASE | re.DOTALL,
)
"""What is a digest, if not one of ours."""
_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_URL_TO_STANDARD = str.maketrans("-_", "+/")


def fingerprint(value: Any) -> Any:
    """`sha256:<hex>` or `hmac-sha256:<kid>:<hex>` in lower-case hex; base64 digests are turned.

    Another digest is dropped. What is none may be the token itself: `Refused`.
    """
    if value.__class__ is not str:
        raise Wrong
    if not value or _CANONICAL.fullmatch(value):
        return value or None
    spelt = _SHA256.match(value)
    whole = value if spelt is None else f"sha256:{value[spelt.end() :]}"
    match = _FINGERPRINT.fullmatch(whole)
    digest = _hex(match[2]) if match else None
    if match is not None and digest is not None:
        made = match[1] + digest
        return made if spelt is None or spelt[0] == "sha256:" else Mended(made)
    if _DIGEST.fullmatch(value) or value.startswith("hmac-sha256:"):
        raise Wrong
    raise Refused("is no fingerprint; send sha256:<64 hex digits> or hmac-sha256:<kid>:<hex>")


def _hex(digest: str) -> str | None:
    if _HEX_DIGEST.fullmatch(digest):
        return digest.lower()
    if len(digest) not in (43, 44):
        return None
    standard = digest.translate(_URL_TO_STANDARD).ljust(44, "=")
    try:
        return base64.b64decode(standard, validate=True).hex()
    except binascii.Error:
        return None
