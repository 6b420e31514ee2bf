"""Keycloak 26.7, as it was seen: no `act`, the exchanger's own scopes, no cascade, sessions.

It widens: an exchange gives what the exchanging client may have, whatever the subject token had.
It refuses who is not in the audience, and audiences that are not the client's own. `profile` and
`email` come by themselves, and realm roles with every token. Refresh tokens may be used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.truth.models.base import Issued, Model, Refused

_IDENTITY: Final = frozenset({"profile", "email"})
# client -> who may receive its tokens, and the scopes it may ask for; as the lab's realm is set up.
_CLIENTS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "app": ("planner", frozenset({"calendar.read", "calendar.write", "mail.send", "crm.read"})),
    "planner": ("worker", frozenset({"calendar.read", "calendar.write", "mail.send", "crm.read"})),
    "worker": ("crm", frozenset({"calendar.read", "crm.read", "crm.export"})),
    "crm": ("", frozenset({"crm.read", "crm.export"})),
    "rogue": ("crm", frozenset({"crm.read", "crm.export"})),
    "wide": ("worker", frozenset({"crm.read", "crm.export"})),
    "brief": ("planner", frozenset({"calendar.read", "crm.read"})),
}


class Keycloak(Model):
    name = "keycloak"
    url = "https://sso.example.com/realms/lab"
    can = frozenset({"exchange", "refresh", "introspect", "revoke", "logout", "brief", "widens",
                     "roles", "code", "sessions"})  # fmt: skip
    logs_parents = False
    rotates = False
    exchanged_lifetime = 600
    longest = 2
    extra_scopes = ("calendar.read", "mail.send")
    roles: Mapping[str, tuple[str, ...]] = {}
    """client -> realm roles that its exchanged tokens gain; a misconfigured client's."""

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        own = self._claims(client, user, held, self.session())
        if client == "brief":
            own |= self.times(2)
        return {**own, "aud": [_CLIENTS[client][0], "account"]}

    def exchange_claims(
        self, client: str, parent: Issued, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        own = self._claims(client, parent.claims["sub"], held, parent.claims["sid"])
        return {**own, "aud": audience}

    def _claims(self, client: str, user: str, held: frozenset[str], sid: str) -> dict[str, Any]:
        realm = ["default-roles-lab", "offline_access", "uma_authorization"]
        return {"iss": self.url, "sub": user, "typ": "Bearer", "azp": client,
                **self.times(self.lifetime), **self.token_id(), "sid": sid,
                "realm_access": {"roles": [*realm, *self.roles.get(client, ())]},
                "resource_access": {}, **self.scope_claim(held)}  # fmt: skip

    def granted_at_login(self, client: str, asked: frozenset[str]) -> frozenset[str]:
        return (asked & _CLIENTS[client][1]) | _IDENTITY | {"openid"}

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        own_audience, may_have = _CLIENTS[client]
        named = parent.claims["aud"]
        if client != parent.client and client not in ([named] if isinstance(named, str) else named):
            raise Refused(403, "access_denied")
        if audience != own_audience:
            raise Refused(400, "invalid_request")
        return (asked & may_have) | _IDENTITY

    def may_introspect(self, client: str, issued: Issued) -> bool:
        named = issued.claims["aud"]
        return client in ([named] if isinstance(named, str) else named)

    def header(self) -> dict[str, Any]:
        return {"typ": "JWT"}
