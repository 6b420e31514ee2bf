"""Ory Hydra from its Go module, with SQLite in memory: opaque tokens, rotation, no exchange.

Hydra has no login page: the lab is its login and consent application, and says yes through the
admin API. Building it takes minutes and needs a C compiler (SQLite).
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from grantline.embedded import free_port
from tests.issuers import running
from tests.issuers.answers import Answer
from tests.issuers.oauth import REDIRECT, Endpoints

VERSION: Final = "2.3.0"
_HERE: Final = Path(__file__).parent / "hydra_lab"
_PATHS: Final = {"authorize": "/oauth2/auth", "token": "/oauth2/token", "revoke": "/oauth2/revoke",
                 "introspect": "/"}  # fmt: skip
_SCOPES: Final = "offline calendar.read calendar.write mail.send crm.read crm.export"


class Hydra:
    """A running Hydra."""

    name = f"Ory Hydra {VERSION}"
    can = frozenset({"refresh", "introspect", "revoke", "brief", "code"})

    def __init__(self, base: str, admin: str) -> None:
        self.url = base
        self._at = Endpoints(base, _PATHS)
        self._admin = admin
        for client in ("app", "planner", "worker", "crm", "rogue", "brief"):
            made = {
                "client_id": client, "client_secret": f"{client}-secret", "scope": _SCOPES,
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"], "redirect_uris": [REDIRECT],
                "token_endpoint_auth_method": "client_secret_post",
            }  # fmt: skip
            if client == "brief":
                made["authorization_code_grant_access_token_lifespan"] = "2s"
            requests.post(f"{admin}/admin/clients", json=made, timeout=20).raise_for_status()

    def client_id(self, party: str) -> str:
        return party

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        held = ["offline", *scopes]
        browser = requests.Session()
        asked = {"response_type": "code", "client_id": client, "redirect_uri": REDIRECT,
                 "scope": " ".join(held), "state": secrets.token_urlsafe(16)}  # fmt: skip
        page = browser.get(f"{self.url}/oauth2/auth", params=asked, allow_redirects=False,
                           timeout=20)  # fmt: skip
        for _ in range(8):
            target = urljoin(page.url, page.headers.get("location", ""))
            said = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
            if target.startswith(REDIRECT):
                return self._at.token(
                    client, grant_type="authorization_code", code=said.get("code", ""),
                    redirect_uri=REDIRECT,
                )  # fmt: skip
            for kind in ("login", "consent"):
                if challenge := said.get(f"{kind}_challenge"):
                    target = self._accept(kind, challenge, user, held)
            page = browser.get(target, allow_redirects=False, timeout=20)
        return Answer(400, {"error": "too_many_pages"})

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer:
        raise NotImplementedError

    def refresh(self, client: str, refresh_token: str, scopes: Sequence[str] = ()) -> Answer:
        more = {"scope": " ".join(scopes)} if scopes else {}
        return self._at.token(
            client, grant_type="refresh_token", refresh_token=refresh_token, **more
        )

    def introspect(self, client: str, token: str) -> Mapping[str, Any]:
        del client  # who reaches the admin port may ask
        asked = requests.post(
            f"{self._admin}/admin/oauth2/introspect", data={"token": token}, timeout=20
        )
        answer: dict[str, Any] = asked.json()
        return answer

    def revoke(self, client: str, token: str) -> int:
        return self._at.post("revoke", client, token=token).status_code

    def logout(self, client: str, login: Answer) -> int:
        raise NotImplementedError

    def _accept(self, kind: str, challenge: str, user: str, scopes: Sequence[str]) -> str:
        """The person says yes; where the browser goes on."""
        said = {"subject": user} if kind == "login" else {"grant_scope": list(scopes)}
        answer = requests.put(
            f"{self._admin}/admin/oauth2/auth/requests/{kind}/accept",
            params={f"{kind}_challenge": challenge}, json=said, timeout=20,
        )  # fmt: skip
        answer.raise_for_status()
        return str(answer.json()["redirect_to"])


@contextmanager
def start() -> Iterator[Hydra]:
    """A running Hydra; raises `NotThere` where it cannot be built."""
    program = running.had(f"hydra-{VERSION}", _build) / "hydra"
    port, admin = free_port(), free_port()
    base, admins = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
    settings = {
        "DSN": "memory", "SECRETS_SYSTEM": "fake-secret-of-a-lab-only", "URLS_SELF_ISSUER": base,
        "URLS_LOGIN": f"{base}/lab-login", "URLS_CONSENT": f"{base}/lab-consent",
        "SERVE_PUBLIC_HOST": "127.0.0.1", "SERVE_PUBLIC_PORT": str(port),
        "SERVE_ADMIN_HOST": "127.0.0.1", "SERVE_ADMIN_PORT": str(admin),
        "SQA_OPT_OUT": "true", "LOG_LEVEL": "error",
    }  # fmt: skip
    command = [str(program), "serve", "all", "--dev"]
    with running.served(command, f"{admins}/health/ready", env=settings):
        yield Hydra(base, admins)


def _build(folder: Path) -> None:
    for name in ("main.go", "go.mod"):
        shutil.copy(_HERE / name, folder / name)
    running.run("go", "mod", "tidy", cwd=folder)
    running.run("go", "build", "-tags", "sqlite,json1", "-o", "hydra", ".", cwd=folder)
