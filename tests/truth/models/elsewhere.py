"""Another organisation's issuer: it takes assertions (RFC 7523, ID-JAG) and has scopes of its own."""

from __future__ import annotations

from collections.abc import Sequence

from tests.issuers.answers import Answer
from tests.truth.models.base import Issued, Model


class Elsewhere(Model):
    name = "elsewhere"
    url = "https://auth.chat.example"

    def assertion(self, client: str, jag: Answer, scopes: Sequence[str]) -> Answer:
        claims = {"iss": self.url, "sub": jag.claims["sub"], "aud": "https://chat.example.com",
                  "client_id": client, **self.token_id(), **self.times(86_400),
                  **self.scope_claim(frozenset(scopes))}  # fmt: skip
        return self._answer(Issued(claims, client))
