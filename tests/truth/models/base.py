"""What the modelled issuers have in common: JWTs, an exchange, a refresh, a revocation, a memory.

A model answers as its issuer was seen to (`tests/issuers/recorded`; `test_fit.py` holds it to
that) or, of issuers that cannot be run here, as its documentation says. Where issuers differ
there is an attribute or a method to override; each issuer is one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grantline.emit.testing import fake_token
from tests.issuers.answers import Answer

OK: Final = 200


@dataclass
class Issued:
    """A token as its issuer remembers it."""

    claims: dict[str, Any]
    client: str
    parent: Issued | None = None
    session: str | None = None
    granted: frozenset[str] = frozenset()
    """What the person let the client have: what its refresh token is good for."""
    revoked: bool = False


class Refused(Exception):
    """The issuer says no: an HTTP status and an OAuth error code."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class Model:
    """An OAuth issuer with JWT access tokens. Deterministic: one seed gives one run."""

    name = "model"
    url = "https://as.example.com"
    can: frozenset[str] = frozenset({"exchange", "refresh", "introspect", "revoke", "actor"})
    logs_scopes = True
    """Whether its audit log says which scopes were given."""
    logs_parents = True
    """Whether its audit log names the token that was exchanged."""
    logs_refreshes = True
    """Whether its audit log has a row for a refresh."""
    lifetime = 600
    exchanged_lifetime = 300
    rotates = True
    """A refresh token is good for once."""
    extra_scopes: tuple[str, ...] = ()
    """What people let clients have beside what these chains need."""
    longest = 4
    """Exchanges in a row that it gives honest parties."""
    cascades = False
    """A revoked token takes with it what came from it."""

    def __init__(self, seed: str, now: Callable[[], int]) -> None:
        """`now` gives seconds since the epoch."""
        self._seed, self._now = seed, now
        self._number = 0
        self.keys: dict[str, str] = {}
        """client -> thumbprint of the key that its tokens are bound to (RFC 9449)."""
        self.browser: str | None = None
        """The session of every login, where the same browser makes them all."""
        self.issued: dict[str, Issued] = {}
        self._refresh: dict[str, Issued] = {}
        self._spent: set[str] = set()

    def client_id(self, party: str) -> str:
        return party

    # What the parties ask.

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        held = self.granted_at_login(client, frozenset(scopes))
        claims = {**self.login_claims(client, user, held), **self.confirmation(client)}
        issued = Issued(claims, client, session=self.session(), granted=held)
        return self._answer(issued, refresh="refresh" in self.can)

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer:
        try:
            parent = self.living(subject_token)
            held = self.granted_at_exchange(client, parent, audience, frozenset(scopes))
        except Refused as no:
            return Answer(no.status, {"error": no.error})
        claims = self.exchange_claims(client, parent, audience, held) | self.confirmation(client)
        issued = Issued(claims, client, parent, parent.session)
        body = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        return self._answer(issued, body)

    def refresh(self, client: str, refresh_token: str, scopes: Sequence[str] = ()) -> Answer:
        old = self._refresh.get(refresh_token)
        if old is None or (self.rotates and refresh_token in self._spent):
            return Answer(400, {"error": "invalid_grant"})
        self._spent.add(refresh_token)
        held = self.granted_at_refresh(old, frozenset(scopes))
        claims = {**old.claims, **self.times(self.lifetime), **self.token_id(),
                  **self.scope_claim(held), **self.confirmation(client)}  # fmt: skip
        issued = Issued(claims, client, old.parent, old.session, old.granted)
        return self._answer(issued, refresh=True)

    def introspect(self, client: str, token: str) -> Mapping[str, Any]:
        found = self.issued.get(token)
        if found is None or not self.alive(found) or not self.may_introspect(client, found):
            return {"active": False}
        return {"active": True, **found.claims}

    def revoke(self, client: str, token: str) -> int:
        del client
        if (found := self.issued.get(token)) is not None:
            found.revoked = True
        elif (grant := self._refresh.get(token)) is not None:
            self.given_back(grant)
        return OK

    def given_back(self, grant: Issued) -> None:
        """A refresh token is revoked: the grant's tokens should go with it (RFC 7009 2.1)."""
        for issued in self.issued.values():
            if issued.session == grant.session:
                issued.revoked = True
        for token, issued in list(self._refresh.items()):
            if issued.session == grant.session:
                del self._refresh[token]

    def logout(self, client: str, login: Answer) -> int:
        del client
        session = self.issued[login.token].session
        for issued in self.issued.values():
            if issued.session == session:
                issued.revoked = True
        return 204

    def disown(self, login: Answer, client: str | None) -> None:
        """All that this token's person gave (this client) until now is dead, and what came of it."""
        person = self._person(self.issued[login.token])
        for issued in self.issued.values():
            if self._person(issued) == person and (client is None or client in self._line(issued)):
                issued.revoked = True

    @staticmethod
    def _person(issued: Issued) -> Any:
        """Entra's `sub` is another name at each audience."""
        return issued.claims.get("oid", issued.claims["sub"])

    def _line(self, issued: Issued) -> list[str]:
        """Its client, and those of what it came from."""
        above = self._line(issued.parent) if issued.parent else []
        return [issued.client, *above]

    # Where issuers differ.

    def login_claims(self, client: str, user: str, held: frozenset[str]) -> dict[str, Any]:
        audience = "worker" if client == "wide" else "planner"
        return {"iss": self.url, "sub": user, "aud": audience, **self.times(self.lifetime),
                **self.token_id(), "client_id": self.client_id(client),
                **self.scope_claim(held)}  # fmt: skip

    def exchange_claims(
        self, client: str, parent: Issued, audience: str, held: frozenset[str]
    ) -> dict[str, Any]:
        return {"iss": self.url, "sub": parent.claims["sub"], "aud": audience,
                **self.times(self.exchanged_lifetime), **self.token_id(),
                "client_id": self.client_id(client), **self.scope_claim(held),
                **({"may_act": {"sub": self.may_act}} if self.may_act else {}),
                **self.actor(client, parent)}  # fmt: skip

    may_act: str | None = None
    """The party that exchanged tokens name as the one who may act next."""

    def actor(self, client: str, parent: Issued) -> dict[str, Any]:
        """`act`, nested: the client that exchanged, and those before it (RFC 8693 4.1)."""
        before = parent.claims.get("act")
        return {"act": {"sub": self.client_id(client), **({"act": before} if before else {})}}

    def granted_at_login(self, client: str, asked: frozenset[str]) -> frozenset[str]:
        del client
        return asked

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        """The scopes of the new token; raises `Refused`."""
        del client, audience
        if asked - self.scopes(parent):
            raise Refused(400, "invalid_scope")
        return asked

    def granted_at_refresh(self, old: Issued, asked: frozenset[str]) -> frozenset[str]:
        return (asked & old.granted) or old.granted

    def may_introspect(self, client: str, issued: Issued) -> bool:
        del client, issued
        return True

    def scope_claim(self, held: frozenset[str]) -> dict[str, Any]:
        return {"scope": " ".join(sorted(held))}

    def scopes(self, issued: Issued) -> frozenset[str]:
        return frozenset(issued.claims.get("scope", "").split())

    def confirmation(self, client: str) -> dict[str, Any]:
        """`cnf`, where the client proved a key when it asked."""
        return {"cnf": {"jkt": self.keys[client]}} if client in self.keys else {}

    def token_id(self) -> dict[str, Any]:
        return {"jti": self.mint("jti")}

    def header(self) -> dict[str, Any]:
        return {"typ": "at+jwt"}

    # Mechanics.

    def times(self, lifetime: int) -> dict[str, Any]:
        now = self._now()
        return {"iat": now, "exp": now + lifetime}

    def mint(self, what: str) -> str:
        """An id that nobody else has, the same in every run of the seed."""
        self._number += 1
        text = f"{self._seed} {self.name} {what} {self._number}"
        return f"{what}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"

    def session(self) -> str:
        return self.browser or self.mint("sid")

    def living(self, token: str) -> Issued:
        found = self.issued.get(token)
        if found is None or not self.alive(found):
            raise Refused(400, "invalid_request")
        return found

    def alive(self, issued: Issued) -> bool:
        if issued.revoked or issued.claims["exp"] <= self._now():
            return False
        return not self.cascades or issued.parent is None or self.alive(issued.parent)

    def _answer(
        self,
        issued: Issued,
        body: Mapping[str, Any] | None = None,
        *,
        refresh: bool = False,
        header: Mapping[str, Any] | None = None,
    ) -> Answer:
        token = fake_token(header or self.header(), **issued.claims)
        self.issued[token] = issued
        said = {"access_token": token, "token_type": "Bearer", **(body or {}),
                "expires_in": issued.claims["exp"] - self._now()}  # fmt: skip
        if refresh:
            said["refresh_token"] = self.mint("refresh")
            self._refresh[said["refresh_token"]] = issued
        if (held := self.scopes(issued)) or "scope" in issued.claims:
            said["scope"] = " ".join(sorted(held))
        return Answer(OK, said)
