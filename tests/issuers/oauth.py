"""What OAuth servers have in common on the wire: the token endpoint, and a browser at a login form."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.issuers.answers import Answer

REDIRECT: Final = "http://127.0.0.1/back"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
_SECONDS: Final = 20
_HOPS: Final = 12


class Endpoints:
    """The endpoints of one server, with clients that authenticate by `client_secret_post`."""

    def __init__(self, base: str, paths: Mapping[str, str]) -> None:
        """`paths`: of `authorize`, `token`, `introspect` and `revoke`."""
        self._http = requests.Session()
        self._urls = {name: urljoin(base, path) for name, path in paths.items()}

    def post(self, name: str, client: str, **data: str) -> requests.Response:
        own = {"client_id": client, "client_secret": f"{client}-secret"}
        return self._http.post(self._urls[name], data={**own, **data}, timeout=_SECONDS)

    def token(self, client: str, **data: str) -> Answer:
        answer = self.post("token", client, **data)
        return Answer(answer.status_code, answer.json())

    def login(self, client: str, user: str, scopes: Sequence[str], **more: str) -> Answer:
        """The authorization code grant with PKCE; every form on the way is filled in and sent."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": client, "redirect_uri": REDIRECT,
            "scope": " ".join(scopes), "state": secrets.token_urlsafe(12),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256", **more,
        }  # fmt: skip
        found = _code(self._urls["authorize"], asked, user)
        if "code" not in found:
            return Answer(400, {"error": found.get("error", ["no_code"])[0], "said": str(found)})
        return self.token(
            client, grant_type="authorization_code", code=found["code"][0],
            redirect_uri=REDIRECT, code_verifier=verifier,
        )  # fmt: skip


def _code(url: str, asked: Mapping[str, str], user: str) -> dict[str, list[str]]:
    """What comes back to the client's redirect URI."""
    browser = requests.Session()
    browser.headers["Accept"] = "text/html"
    page = browser.get(url, params=asked, allow_redirects=False, timeout=_SECONDS)
    for _ in range(_HOPS):
        if target := page.headers.get("location"):
            target = urljoin(page.url, target)
            if target.startswith(REDIRECT):
                return parse_qs(urlsplit(target).query)
            page = browser.get(target, allow_redirects=False, timeout=_SECONDS)
        else:
            action, fields = _form(page.text, user)
            if action is None:
                return {"error": [f"status {page.status_code}"]}
            page = browser.post(
                urljoin(page.url, action), data=fields, allow_redirects=False, timeout=_SECONDS
            )
    return {"error": ["too many pages"]}


def _form(html: str, user: str) -> tuple[str | None, dict[str, Any]]:
    """The page's first form that is posted: where it goes, and its fields with a person's answers."""
    form = re.search(r'<form[^>]*method="post".*?</form>', html, re.DOTALL | re.IGNORECASE)
    if form is None:
        return None, {}
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        said = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "name" in said:
            fields[said["name"]] = unescape(said.get("value", ""))
    for name in ("username", "login"):
        if name in fields:
            fields[name] = user
    if "password" in fields:
        fields["password"] = "pw"
    action = re.search(r'action="([^"]*)"', form[0])
    return unescape(action[1]) if action else "", fields
