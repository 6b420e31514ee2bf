"""authgent-server from PyPI, in a virtual environment of its own: RFC 8693 with `act`, SQLite."""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests

from grantline.embedded import free_port
from tests.issuers import running
from tests.issuers.answers import Answer

VERSION: Final = "0.3.4"
_REDIRECT = "http://127.0.0.1/back"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_SCOPES = "calendar.read calendar.write mail.send crm.read crm.export"


class Authgent:
    """A running authgent-server. Its audiences are free text: whatever is asked for is written."""

    name = f"authgent-server {VERSION}"
    can = frozenset({"exchange", "refresh", "introspect", "revoke", "audience", "actor", "code",
                     "log-parents"})  # fmt: skip
    log = "authgent"

    def __init__(self, base: str) -> None:
        self.url = base
        self._http = requests.Session()
        self._clients: dict[str, tuple[str, str]] = {}
        for client in ("app", "planner", "worker", "crm", "rogue"):
            asked = {"client_name": client, "scope": _SCOPES, "redirect_uris": [_REDIRECT],
                     "grant_types": ["authorization_code", "refresh_token", _EXCHANGE]}  # fmt: skip
            made = self._http.post(f"{base}/register", json=asked, timeout=20)
            made.raise_for_status()
            self._clients[client] = (made.json()["client_id"], made.json()["client_secret"])

    def client_id(self, party: str) -> str:
        return self._clients[party][0]

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        """The authorization code grant with PKCE, approved at once; every person has one name."""
        del user
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        asked = {"response_type": "code", "client_id": self.client_id(client),
                 "redirect_uri": _REDIRECT, "scope": " ".join(scopes), "resource": "planner",
                 "code_challenge": challenge.decode().rstrip("="),
                 "code_challenge_method": "S256"}  # fmt: skip
        sent = self._http.get(
            f"{self.url}/authorize", params=asked, allow_redirects=False, timeout=20
        )
        code = parse_qs(urlsplit(sent.headers.get("location", "")).query).get("code", [""])[0]
        return self._token(
            client, grant_type="authorization_code", code=code, redirect_uri=_REDIRECT,
            code_verifier=verifier, resource="planner",
        )  # fmt: skip

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer:
        return self._token(
            client, grant_type=_EXCHANGE, subject_token=subject_token, subject_token_type=_ACCESS,
            audience=audience, scope=" ".join(scopes),
        )  # fmt: skip

    def refresh(self, client: str, refresh_token: str, scopes: Sequence[str] = ()) -> Answer:
        more = {"scope": " ".join(scopes)} if scopes else {}
        return self._token(client, grant_type="refresh_token", refresh_token=refresh_token, **more)

    def introspect(self, client: str, token: str) -> Mapping[str, Any]:
        answer: dict[str, Any] = self._post("introspect", client, token=token).json()
        return {name: value for name, value in answer.items() if value is not None}

    def revoke(self, client: str, token: str) -> int:
        return self._post("revoke", client, token=token).status_code

    def logout(self, client: str, login: Answer) -> int:
        raise NotImplementedError

    def rows(self) -> list[dict[str, Any]]:
        """The audit log, newest first."""
        found: list[dict[str, Any]] = self._http.get(
            f"{self.url}/audit", params={"limit": 200}, timeout=20
        ).json()["items"]
        return found

    def _token(self, client: str, **data: str) -> Answer:
        answer = self._post("token", client, **data)
        return Answer(answer.status_code, answer.json())

    def _post(self, path: str, client: str, **data: str) -> requests.Response:
        name, secret = self._clients[client]
        return self._http.post(
            f"{self.url}/{path}",
            data={"client_id": name, "client_secret": secret, **data},
            timeout=20,
        )


@contextmanager
def start() -> Iterator[Authgent]:
    """A running authgent-server; raises `NotThere` where it cannot be had."""
    home = running.virtualenv(f"authgent-{VERSION}", f"authgent-server=={VERSION}")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="grantline-authgent-") as folder:
        settings = {
            "AUTHGENT_SERVER_URL": base,
            "AUTHGENT_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/authgent.db",
            "AUTHGENT_TOKEN_RATE_LIMIT": "100000",
            "AUTHGENT_REGISTER_RATE_LIMIT": "100000",
        }
        command = [str(home / "bin" / "python"), "-m", "uvicorn", "--factory", "--log-level=error",
                   f"--port={port}", "--host=127.0.0.1", "authgent_server.app:create_app"]  # fmt: skip
        with running.served(command, f"{base}/health", env=settings):
            yield Authgent(base)
