"""authgent-server 0.3, as it was seen: `act` nested, audiences free text, no cascade, depth 5.

It refuses scopes that the subject token has not, but it exchanges any token for anybody, whoever
it is for. Its audit log names the parent's jti, no scope, and no
refresh. A replayed refresh token ends the family.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tests.issuers.answers import Answer
from tests.truth.models.base import Issued, Model, Refused

_MAX_DEPTH: Final = 5


class Authgent(Model):
    name = "authgent"
    url = "https://authgent.example.com"
    can = frozenset({"actor", "exchange", "refresh", "introspect", "revoke", "theft", "txn",
                     "refuses", "code"})  # fmt: skip
    logs_scopes = logs_refreshes = False
    lifetime = 900

    def client_id(self, party: str) -> str:
        return "agnt_" + hashlib.sha256(party.encode()).hexdigest()[:22]

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        return super().login_claims(client, f"user:{user}", held)

    def actor(self, client: str, parent: Issued) -> dict[str, Any]:
        before = parent.claims.get("act")
        own = {"sub": f"client:{self.client_id(client)}"}
        return {"act": {**own, **({"act": before} if before else {})}}

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, audience
        depth, act = 0, parent.claims.get("act")
        while act:
            depth, act = depth + 1, act.get("act")
        if depth >= _MAX_DEPTH:
            raise Refused(403, "delegation_depth_exceeded")
        if asked - self.scopes(parent):
            raise Refused(403, "scope_escalation")
        return asked

    def granted_at_refresh(self, old: Issued, asked: frozenset[str]) -> frozenset[str]:
        del asked
        return old.granted

    def given_back(self, grant: Issued) -> None:
        """It answers 200 and does nothing: its refresh tokens are no JWTs, and so not its own."""

    def living(self, token: str) -> Issued:
        if (found := self.issued.get(token)) is not None and found.revoked:
            raise Refused(401, "token_revoked")
        return super().living(token)

    def transaction(self, client: str, subject_token: str, scopes: frozenset[str]) -> Answer:
        """A transaction token: no jti, no actor, no word of the token it was made from."""
        parent = self.living(subject_token)
        claims = {"iss": self.url, "aud": self.url, "txn": self.mint("txn"),
                  "sub": parent.claims["sub"], "req_wl": f"client:{self.client_id(client)}",
                  "tctx": {"table": "orders"}, **self.times(120),
                  **self.scope_claim(scopes)}  # fmt: skip
        issued = Issued(claims, client, parent)
        kind = "urn:ietf:params:oauth:token-type:txn_token"
        return self._answer(issued, {"issued_token_type": kind, "token_type": "N_A"})

    def header(self) -> dict[str, Any]:
        return {"typ": "JWT"}
