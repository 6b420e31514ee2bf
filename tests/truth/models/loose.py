"""An issuer that checks nothing: RFC 8693 asks for nothing. What it is asked for, it gives."""

from __future__ import annotations

from typing import Any

from tests.truth.models.base import Issued, Model


class Loose(Model):
    name = "loose"
    url = "https://loose.example.com"
    can = frozenset({"exchange", "refresh", "introspect", "revoke", "widens", "widens_refresh",
                     "theft", "deep", "self", "may_act", "code", "sessions"})  # fmt: skip

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        return {**super().login_claims(client, user, held), "sid": self.session()}

    def exchange_claims(
        self, client: str, parent: Issued, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        own = super().exchange_claims(client, parent, audience, held)
        return {**own, "sid": parent.claims["sid"]}

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, parent, audience
        return asked

    def granted_at_refresh(self, old: Issued, asked: frozenset[str]) -> frozenset[str]:
        return asked or old.granted

    def actor(self, client: str, parent: Issued) -> dict[str, Any]:
        del client, parent
        return {}  # as most servers: impersonation, the actor is the client
