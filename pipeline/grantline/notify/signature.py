"""Signatures a receiver can check with a library it already has: Standard Webhooks, symmetric.

Source: the Standard Webhooks specification (standardwebhooks.com), scheme `v1`: HMAC-SHA256 over
`<id>.<timestamp>.<body>`, base64, key serialised as `whsec_` and base64 of 24 to 64 bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64


class Signer:
    """Signs request bodies with one key, which it never shows."""

    def __init__(self, key: str) -> None:
        """Raises `ValueError` for a key of another form; the error does not repeat the key."""
        self._key = _decoded(key)

    def headers(self, message_id: str, at_seconds: int, body: bytes) -> dict[str, str]:
        """The two headers that go with `webhook-id`; `at_seconds` is Unix time."""
        signed = f"{message_id}.{at_seconds}.".encode("ascii") + body
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return {
            "webhook-timestamp": str(at_seconds),
            "webhook-signature": "v1," + base64.b64encode(digest).decode("ascii"),
        }


def _decoded(key: str) -> bytes:
    try:
        raw = base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raw = b""
    if not (key.startswith(_PREFIX) and _SHORTEST <= len(raw) <= _LONGEST):
        raise ValueError(
            f"GRANTLINE_WEBHOOK_KEY must be '{_PREFIX}' followed by the base64 of {_SHORTEST} to "
            f"{_LONGEST} random bytes (`openssl rand -base64 32` makes one)"
        )
    return raw
