"""Entra ID's on-behalf-of flow, as documented: scopes of the resource asked for, no `act`, `uti`.

The new token's scopes are what the person consented to for the *next* resource: other names,
another audience, and no relation to the scopes of the token that was exchanged.
"""

from __future__ import annotations

from typing import Any, Final

from tests.truth.models.base import Issued, Model

_TENANT: Final = "72f988bf-0000-4000-8000-fakefakefake"


class Entra(Model):
    name = "entra"
    url = f"https://login.microsoftonline.com/{_TENANT}/v2.0"
    can = frozenset({"exchange", "introspect", "revoke", "resources", "code"})
    logs_parents = False

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        return self._claims(client, user, "api://planner", held)

    def exchange_claims(
        self, client: str, parent: Issued, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        return self._claims(client, parent.claims["oid"], audience, held)

    def _claims(
        self, client: str, user: str, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        return {"iss": self.url, "aud": audience, "sub": f"pairwise-{audience}-{user}",
                "oid": user, "tid": _TENANT, "ver": "2.0", "azp": client, "azpacr": "1",
                "uti": self.mint("uti"), "scp": " ".join(sorted(held)),
                **self.times(self.lifetime)}  # fmt: skip

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, parent, audience
        return asked

    def scopes(self, issued: Issued) -> frozenset[str]:
        return frozenset(issued.claims["scp"].split())

    def header(self) -> dict[str, Any]:
        return {"typ": "JWT"}
