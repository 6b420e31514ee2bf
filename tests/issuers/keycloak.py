"""Keycloak 26.7 from its Maven zip: `start-dev` with a database in memory, one realm, `lab`.

Standard token exchange (V2) is on by default for clients that ask for it.
"""

from __future__ import annotations

import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests

from grantline.embedded import free_port
from tests.issuers import running
from tests.issuers.answers import Answer

VERSION: Final = "26.7.3"
_ADMIN = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin"}
_REDIRECT = "http://127.0.0.1/back"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_SCOPES = ("calendar.read", "calendar.write", "mail.send", "crm.read", "crm.export")

# client -> who may receive its tokens, and the scopes it may ask for. Those of an exchange are
# the client's own, whatever the subject token had: that is how Keycloak widens.
_CLIENTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "crm": ((), ("crm.read", "crm.export")),
    "worker": (("crm",), ("calendar.read", "crm.read", "crm.export")),
    "planner": (("worker",), ("calendar.read", "calendar.write", "mail.send", "crm.read")),
    "rogue": (("crm",), ("crm.read", "crm.export")),
    "app": (("planner",), ("calendar.read", "calendar.write", "mail.send", "crm.read")),
    "brief": (("planner",), ("calendar.read", "crm.read")),
}
BRIEF_SECONDS: Final = 2


class Keycloak:
    """A running Keycloak."""

    name = f"Keycloak {VERSION}"
    can = frozenset({"exchange", "refresh", "introspect", "revoke", "logout", "brief", "audience",
                     "code"})  # fmt: skip
    log = "keycloak"

    def __init__(self, base: str) -> None:
        self._base = base
        self.url = f"{base}/realms/lab"
        self._http = requests.Session()
        self._admin = requests.Session()
        self._set_up()

    def client_id(self, party: str) -> str:
        return party

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        """The authorization code grant, through Keycloak's own login form."""
        browser = requests.Session()
        asked = {"response_type": "code", "client_id": client, "redirect_uri": _REDIRECT,
                 "scope": " ".join(["openid", *scopes]), "state": "s"}  # fmt: skip
        page = browser.get(f"{self.url}/protocol/openid-connect/auth", params=asked, timeout=20)
        form = re.search(r'action="([^"]+login-actions/authenticate[^"]*)"', page.text)
        if form is None:
            return Answer(page.status_code, {"error": "no_login_form"})
        # Its cookies are Secure, also on loopback, where a browser would send them all the same.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
        sent = requests.post(
            unescape(form[1]), data={"username": user, "password": "pw"},
            headers={"Cookie": cookies}, allow_redirects=False, timeout=20,
        )  # fmt: skip
        code = parse_qs(urlsplit(sent.headers.get("location", "")).query).get("code", [""])[0]
        return self._token(
            client, grant_type="authorization_code", code=code, redirect_uri=_REDIRECT
        )

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer:
        return self._token(
            client, grant_type=_EXCHANGE, subject_token=subject_token, subject_token_type=_ACCESS,
            requested_token_type=_ACCESS, audience=audience, scope=" ".join(scopes),
        )  # fmt: skip

    def refresh(self, client: str, refresh_token: str, scopes: Sequence[str] = ()) -> Answer:
        more = {"scope": " ".join(scopes)} if scopes else {}
        return self._token(client, grant_type="refresh_token", refresh_token=refresh_token, **more)

    def introspect(self, client: str, token: str) -> Mapping[str, Any]:
        answer: dict[str, Any] = self._post("token/introspect", client, token=token).json()
        return answer

    def revoke(self, client: str, token: str) -> int:
        return self._post("revoke", client, token=token).status_code

    def logout(self, client: str, login: Answer) -> int:
        return self._post("logout", client, refresh_token=login.refresh or "").status_code

    def rows(self) -> list[dict[str, Any]]:
        """The event log, newest first, as the admin API gives it."""
        self._sign_in()  # an administrator's token lives for a minute
        found: list[dict[str, Any]] = self._api("GET", "/realms/lab/events?max=500").json()
        return found

    def _token(self, client: str, **data: str) -> Answer:
        answer = self._post("token", client, **data)
        return Answer(answer.status_code, answer.json())

    def _post(self, path: str, client: str, **data: str) -> requests.Response:
        secret = {} if client in ("app", "brief") else {"client_secret": f"{client}-secret"}
        return self._http.post(
            f"{self.url}/protocol/openid-connect/{path}",
            data={"client_id": client, **secret, **data},
            timeout=20,
        )

    def _api(self, method: str, path: str, body: Any = None) -> requests.Response:
        answer = self._admin.request(method, f"{self._base}/admin{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer

    def _sign_in(self) -> None:
        token = requests.post(
            f"{self._base}/realms/master/protocol/openid-connect/token",
            data={"grant_type": "password", "client_id": "admin-cli", "username": "admin",
                  "password": "admin"}, timeout=20,
        ).json()["access_token"]  # fmt: skip
        self._admin.headers["Authorization"] = f"Bearer {token}"

    def _set_up(self) -> None:
        self._sign_in()
        self._api("POST", "/realms", {"realm": "lab", "enabled": True, "eventsEnabled": True,
                                      "accessTokenLifespan": 600})  # fmt: skip
        for scope in _SCOPES:
            self._api("POST", "/realms/lab/client-scopes", {
                "name": scope, "protocol": "openid-connect",
                "attributes": {"include.in.token.scope": "true"},
            })  # fmt: skip
        listed = self._api("GET", "/realms/lab/client-scopes").json()
        ids = {scope["name"]: scope["id"] for scope in listed}
        for client, (audiences, scopes) in _CLIENTS.items():
            self._api("POST", "/realms/lab/clients", _client(client, audiences))
            own = self._api("GET", f"/realms/lab/clients?clientId={client}").json()[0]["id"]
            for scope in scopes:
                path = f"/realms/lab/clients/{own}/optional-client-scopes/{ids[scope]}"
                self._api("PUT", path)
        for user in ("alice", "bob"):
            self._api("POST", "/realms/lab/users", {
                "username": user, "enabled": True, "email": f"{user}@example.org",
                "firstName": user, "lastName": "L", "emailVerified": True,
                "credentials": [{"type": "password", "value": "pw", "temporary": False}],
            })  # fmt: skip


def _client(name: str, audiences: Sequence[str]) -> dict[str, Any]:
    public = name in ("app", "brief")
    attributes = {"standard.token.exchange.enabled": str(not public).lower()}
    if name == "brief":
        attributes["access.token.lifespan"] = str(BRIEF_SECONDS)
    found: dict[str, Any] = {
        "clientId": name, "enabled": True, "protocol": "openid-connect", "publicClient": public,
        "standardFlowEnabled": public, "redirectUris": [_REDIRECT], "attributes": attributes,
        "protocolMappers": [_audience(audience) for audience in audiences],
    }  # fmt: skip
    return found if public else {**found, "secret": f"{name}-secret"}


def _audience(name: str) -> dict[str, Any]:
    return {
        "name": f"aud-{name}", "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": name, "access.token.claim": "true"},
    }  # fmt: skip


@contextmanager
def start() -> Iterator[Keycloak]:
    """A running Keycloak; raises `NotThere` where Java, Maven or the zip cannot be had."""
    running.need("java", "Java 17 or later")
    home = running.had(f"keycloak-{VERSION}", _fetch) / f"keycloak-{VERSION}"
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [str(home / "bin" / "kc.sh"), "start-dev", "--http-host=127.0.0.1",
               f"--http-port={port}", "--db=dev-mem", "--http-management-port", str(free_port())]  # fmt: skip
    environment = {**_ADMIN, "JAVA_OPTS_APPEND": "-Xmx512m -XX:TieredStopAtLevel=1"}
    with running.served(command, f"{base}/realms/master", env=environment):
        time.sleep(0.2)
        yield Keycloak(base)


def _fetch(folder: Path) -> None:
    running.run(
        "mvn", "--batch-mode", "--quiet",
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
        f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip",
        f"-DoutputDirectory={folder}",
    )  # fmt: skip
    packed = folder / f"keycloak-quarkus-dist-{VERSION}.zip"
    with zipfile.ZipFile(packed) as files:
        files.extractall(folder)
    packed.unlink()
    os.chmod(folder / f"keycloak-{VERSION}" / "bin" / "kc.sh", 0o755)  # noqa: PTH101
