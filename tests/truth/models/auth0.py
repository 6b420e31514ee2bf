"""Auth0's on-behalf-of exchange, as documented: `act` nested with the first client in it, scopes
from the person's rights at the next API, no jti in the default token profile."""

from __future__ import annotations

from typing import Any

from tests.truth.models.base import Issued, Model


class Auth0(Model):
    name = "auth0"
    url = "https://tenant.auth0.example/"
    can = frozenset(
        {"exchange", "refresh", "introspect", "revoke", "resources", "nameless", "code"}
    )
    logs_parents = False

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        return {**super().login_claims(client, f"auth0|{user}", held),
                "aud": ["https://planner.example.com", f"{self.url}userinfo"]}  # fmt: skip

    def actor(self, client: str, parent: Issued) -> dict[str, Any]:
        before = parent.claims.get("act") or {"sub": self.client_id(parent.client)}
        return {"act": {"sub": self.client_id(client), "act": before}}

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, parent, audience
        return asked

    def token_id(self) -> dict[str, Any]:
        return {"nonce_": self.mint("n")}  # no jti; something that makes two tokens two
