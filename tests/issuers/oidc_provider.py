"""oidc-provider from npm, on Node: opaque access tokens, rotating refresh tokens, no exchange."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from grantline.embedded import free_port
from tests.issuers import running
from tests.issuers.answers import Answer
from tests.issuers.oauth import Endpoints

VERSION: Final = "9.13.3"
_HERE: Final = Path(__file__).parent / "oidc_lab"
_PATHS: Final = {"authorize": "/auth", "token": "/token", "introspect": "/token/introspection",
                 "revoke": "/token/revocation"}  # fmt: skip


class OidcProvider:
    """A running oidc-provider."""

    name = f"oidc-provider {VERSION}"
    can = frozenset({"refresh", "introspect", "revoke", "brief", "code"})

    def __init__(self, base: str) -> None:
        self.url = base
        self._at = Endpoints(base, _PATHS)

    def client_id(self, party: str) -> str:
        return party

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        return self._at.login(client, user, ["openid", *scopes])

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
        answer: dict[str, Any] = self._at.post("introspect", client, token=token).json()
        return answer

    def revoke(self, client: str, token: str) -> int:
        return self._at.post("revoke", client, token=token).status_code

    def logout(self, client: str, login: Answer) -> int:
        raise NotImplementedError


@contextmanager
def start() -> Iterator[OidcProvider]:
    """A running oidc-provider; raises `NotThere` where Node or npm cannot be had."""
    running.need("node", "Node 20 or later")
    home = running.had(f"oidc-provider-{VERSION}", _fetch)
    # Modules are found from where the program lies.
    shutil.copy(_HERE / "server.mjs", home / "server.mjs")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = ["node", str(home / "server.mjs"), str(port)]
    with running.served(command, f"{base}/.well-known/openid-configuration"):
        yield OidcProvider(base)


def _fetch(folder: Path) -> None:
    shutil.copy(_HERE / "package.json", folder / "package.json")
    running.run("npm", "install", "--no-fund", "--no-audit", "--silent", cwd=folder)
