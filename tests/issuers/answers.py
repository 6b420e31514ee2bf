"""What an issuer answers, and what it can be asked: the one face of servers, recordings and models."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

OK = 200


class NotThere(RuntimeError):
    """An issuer that this machine cannot have; the text says why."""


@dataclass(frozen=True)
class Answer:
    """One answer of a token endpoint (RFC 6749 5, RFC 8693 2.2)."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == OK and bool(self.token)

    @property
    def token(self) -> str:
        """The access token, or the session token of AWS STS; empty where there is none."""
        keys = self.body.get("Credentials") or {}
        return str(self.body.get("access_token") or keys.get("SessionToken") or "")

    @property
    def refresh(self) -> str | None:
        return self.body.get("refresh_token")

    @property
    def claims(self) -> dict[str, Any]:
        return claims(self.token)

    @property
    def scopes(self) -> frozenset[str]:
        """What the token may do: as it says itself, else as the response says."""
        said = self.claims.get("scope", self.body.get("scope", ""))
        return frozenset(said if isinstance(said, list) else str(said or "").split())

    def __str__(self) -> str:
        error = self.body.get("error")
        return f"{self.status} {error}" if error else str(self.status)


class Issuer(Protocol):
    """One authorization server. Clients are named by the parties' names: `app`, `planner` ..."""

    name: str
    url: str
    """The `iss` of its tokens."""
    can: frozenset[str]
    """What it can be asked: `exchange`, `refresh`, `introspect`, `revoke`, `logout`, `brief`
    (clients with lifetimes of a few seconds), `actor` (its tokens name who acts), `audience` (they are for
    the resource that was asked for), `log-parents` (its own log names the token that was exchanged).

    Where there is a reader of its log, it has two more: `log`, the reader's name, and `rows()`, the log's
    rows, newest first."""

    def client_id(self, party: str) -> str: ...

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        """`user` lets `client` in; its token is for `planner`, as far as the issuer says for whom."""
        ...

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer: ...

    def refresh(self, client: str, refresh_token: str, scopes: Sequence[str] = ()) -> Answer: ...

    def introspect(self, client: str, token: str) -> Mapping[str, Any]: ...

    def revoke(self, client: str, token: str) -> int:
        """The status of the answer (RFC 7009: 200 also where there was nothing to revoke)."""
        ...

    def logout(self, client: str, login: Answer) -> int: ...


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; nothing of an opaque token."""
    try:
        body = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def header(token: str) -> dict[str, Any]:
    """The header of a JWT; nothing of an opaque token."""
    return claims("." + token.split(".", 1)[0]) if token.count(".") == 2 else {}
