"""Spring Authorization Server, fetched by Maven and compiled by javac: RFC 8693 with `act`.

The lab's application (`spring_lab/App.java`) adds clients and people, and nothing else: claims, checks
and lifetimes are the product's. An exchange bears the client's own token as actor token, which is
what makes it a delegation there. The audience of every token is the client it was given to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from grantline.embedded import free_port
from tests.issuers import running
from tests.issuers.answers import Answer
from tests.issuers.oauth import ACCESS_TOKEN, EXCHANGE, Endpoints

VERSION: Final = "1.5.3"
_HERE: Final = Path(__file__).parent / "spring_lab"
_PATHS: Final = {name: f"/oauth2/{name}" for name in ("authorize", "token", "introspect", "revoke")}


class Spring:
    """A running Spring Authorization Server."""

    name = f"Spring Authorization Server {VERSION}"
    can = frozenset({"exchange", "refresh", "introspect", "revoke", "brief", "actor", "code"})

    def __init__(self, base: str) -> None:
        self.url = base
        self._at = Endpoints(base, _PATHS)
        self._own: dict[str, str] = {}

    def client_id(self, party: str) -> str:
        return party

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Answer:
        return self._at.login(client, user, scopes)

    def exchange(
        self, client: str, subject_token: str, audience: str, scopes: Sequence[str]
    ) -> Answer:
        return self._at.token(
            client, grant_type=EXCHANGE, subject_token=subject_token, subject_token_type=ACCESS_TOKEN,
            actor_token=self._actor(client), actor_token_type=ACCESS_TOKEN, audience=audience,
            scope=" ".join(scopes),
        )  # fmt: skip

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

    def _actor(self, client: str) -> str:
        if client not in self._own:
            self._own[client] = self._at.token(client, grant_type="client_credentials").token
        return self._own[client]


@contextmanager
def start() -> Iterator[Spring]:
    """A running server; raises `NotThere` where Java, Maven or a JDK cannot be had."""
    running.need("javac", "a JDK 17 or later")
    home = running.had(f"spring-{VERSION}", _fetch)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    classes = home / "classes"
    if not classes.is_dir() or _stale(classes):
        running.run("javac", "-cp", f"{home}/lib/*", "-d", str(classes), str(_HERE / "App.java"))
    command = [
        "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{home}/lib/*", "lab.App",
        f"--server.port={port}", "--server.address=127.0.0.1", "--spring.main.banner-mode=off",
        f"--spring.security.oauth2.authorizationserver.issuer={base}",
    ]  # fmt: skip
    with running.served(command, f"{base}/.well-known/oauth-authorization-server"):
        yield Spring(base)


def _stale(classes: Path) -> bool:
    return (_HERE / "App.java").stat().st_mtime > (classes / "lab" / "App.class").stat().st_mtime


def _fetch(folder: Path) -> None:
    running.run(
        "mvn", "--batch-mode", "--quiet", f"--file={_HERE / 'pom.xml'}",
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
        f"-DoutputDirectory={folder / 'lib'}",
    )  # fmt: skip
