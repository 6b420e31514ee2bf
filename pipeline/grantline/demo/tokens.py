"""Visibly fake tokens: real claims, a signature that says it is none."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

ISSUER = "https://as.demo.example"
_SIGNATURE = base64.urlsafe_b64encode(b"this-is-a-fake-signature-of-the-grantline-demo").rstrip(
    b"="
)


class Issuer:
    """An authorization server that signs nothing: counts tokens and writes their claims."""

    def __init__(self) -> None:
        self._count = 0

    def token(
        self,
        subject: str,
        actors: tuple[str, ...],
        scope: str,
        audience: str | list[str],
        lifetime: float = 600,
    ) -> str:
        """A token for `actors` (the first was granted to, the last may act) on `subject`'s behalf.

        `lifetime` in seconds. Claims as RFC 9068 and RFC 8693 have them.
        """
        self._count += 1
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": subject,
            "client_id": actors[-1],
            "aud": audience,
            "scope": scope,
            "jti": f"demo-{self._count:04}",
            "iat": now,
            "exp": now + int(lifetime),
        }
        act: dict[str, Any] | None = None
        for actor in actors if len(actors) > 1 else ():
            act = {"iss": ISSUER, "sub": actor} | ({"act": act} if act else {})
        if act is not None:
            claims["act"] = act
        header = {"alg": "ES256", "kid": "demo", "typ": "at+jwt"}
        return b".".join((_part(header), _part(claims), _SIGNATURE)).decode()


def _part(content: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).rstrip(
        b"="
    )
