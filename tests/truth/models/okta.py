"""Okta, as documented: `cid`, `uid`, `scp` as a list; an authorization server for each resource.

Cross-app access: the identity provider gives an ID-JAG for an ID token, another issuer takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.issuers.answers import Answer
from tests.truth.models.base import Issued, Model


class Okta(Model):
    name = "okta"
    url = "https://tenant.okta.com/oauth2/default"
    can = frozenset(
        {"actor", "exchange", "refresh", "introspect", "revoke", "resources", "id_jag", "code"}
    )
    logs_parents = False

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        return self._claims(client, user, "https://planner.example.com", held)

    def exchange_claims(
        self, client: str, parent: Issued, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        return {**self._claims(client, parent.claims["sub"], audience, held),
                **self.actor(client, parent)}  # fmt: skip

    def _claims(
        self, client: str, user: str, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        return {"ver": 1, **self.token_id(), "iss": self.url, "aud": audience,
                **self.times(self.lifetime), "cid": client, "uid": f"00u{user}",
                "sub": user, "scp": sorted(held)}  # fmt: skip

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, parent, audience
        return asked

    def scopes(self, issued: Issued) -> frozenset[str]:
        held = issued.claims.get("scp", ())
        return frozenset(held.split() if isinstance(held, str) else held)

    def id_jag(self, client: str, login: Answer, audience: str, scopes: Sequence[str]) -> Answer:
        """The assertion for another issuer (draft-ietf-oauth-identity-assertion-authz-grant)."""
        parent = self.living(login.token)
        claims = {**self.token_id(), "iss": self.url, "aud": audience,
                  "sub": parent.claims["sub"], "client_id": client,
                  "scope": " ".join(scopes), **self.times(300)}  # fmt: skip
        kind = "urn:ietf:params:oauth:token-type:id-jag"
        issued = Issued(claims, client, parent)
        return self._answer(issued, {"issued_token_type": kind}, header={"typ": "oauth-id-jag+jwt"})
