"""Any HTTP endpoint as a destination: a CloudEvents POST, signed, with a key to drop copies by.

It speaks http and https only, checks certificates, follows no redirect (an alert holds names and
must not wander to another host), keeps no cookies and reads no `.netrc`. Neither the URL's path,
query and user nor a key appears in an error or a log line: each of them can be the secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import requests
from requests.auth import HTTPBasicAuth

from grantline.model.page import Page
from grantline.notify.cloudevent import CONTENT_TYPE, encode
from grantline.notify.signature import Signer
from grantline.ports import Refused, Retry

DEFAULT_TIMEOUT_SECONDS: Final = 10.0
_PASSES: Final = frozenset({408, 409, 425, 429})
"""Client errors that pass by themselves (RFC 9110, RFC 8470, RFC 6585)."""
_THE_ALERT: Final = frozenset({400, 413, 422})
"""Client errors that can be about this alert and no other: it cannot be read, is too large, or
makes no sense to the receiver. Every other one is about the address, the key or the receiver."""
_WHO = "check GRANTLINE_WEBHOOK_KEY, and the user and password in GRANTLINE_WEBHOOK_URL"
_WHERE = "check the address in GRANTLINE_WEBHOOK_URL"
_MENDED: Final = "(and start this process again if you change it: what waits is kept)"
_READ_ANSWER: Final = 4_096
"""Bytes of a declared answer worth reading, so that the connection can be used again."""


class Endpoint(NamedTuple):
    """A checked address. `where` is the only part of it that may be shown."""

    url: str
    user: tuple[str, str] | None
    where: str


def endpoint(url: str) -> Endpoint:
    """Takes `url` apart. Raises `ValueError`, which names the fault and never repeats the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "GRANTLINE_WEBHOOK_URL cannot be read: write https://host[:port]/path"
        ) from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("GRANTLINE_WEBHOOK_URL must begin with https:// or http://")
    if not host or not url.isprintable() or " " in url:
        raise ValueError("GRANTLINE_WEBHOOK_URL needs a host, and no spaces or control characters")
    bare = f"[{host}]" if ":" in host else host
    place = bare if port is None else f"{bare}:{port}"
    user = None
    if parts.username is not None:
        user = (unquote(parts.username), unquote(parts.password or ""))
    clean = urlunsplit(SplitResult(parts.scheme, place, parts.path or "/", parts.query, ""))
    try:
        requests.Request("POST", clean).prepare()
    except requests.RequestException:
        raise ValueError("GRANTLINE_WEBHOOK_URL has a host name that cannot exist") from None
    return Endpoint(clean, user, f"{parts.scheme}://{place}")


class WebhookNotifier:
    """POSTs each message about an incident to one URL. Any 2xx answer means taken."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "webhook",
        key: str | None = None,
        source: str = "/grantline",
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`key` signs (see `signature`); `source` is the CloudEvents source; `timeout_seconds`
        bounds connecting and each wait for the answer; `now` gives Unix seconds. Raises
        `ValueError` for an unusable URL or key.
        """
        self.name = name
        self._to = endpoint(url)
        self._signer = Signer(key) if key is not None else None
        self._source = source
        self._timeout = timeout_seconds
        self._now = now
        self._session = _session(self._to.user)
        # At DEBUG it logs the path of every request.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

    def __repr__(self) -> str:
        return f"WebhookNotifier({self.name!r}, {self._to.where!r})"

    def notify(self, page: Page) -> None:
        body = encode(page, self._source)
        try:
            answer = self._session.post(
                self._to.url,
                data=body,
                headers=self._headers(page, body),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as why:
            # `from None`: the text of the original repeats the URL.
            raise self._trouble(why) from None
        try:
            self._judge(answer)
        finally:
            _let_go(answer)

    def _headers(self, page: Page, body: bytes) -> dict[str, str]:
        key = page.dedup_key
        headers = {"Content-Type": CONTENT_TYPE, "Idempotency-Key": key, "webhook-id": key}
        if self._signer is not None:
            headers |= self._signer.headers(key, int(self._now()), body)
        return headers

    def _judge(self, answer: requests.Response) -> None:
        status = answer.status_code
        if 200 <= status < 300:
            return
        said = f"{self._to.where} answered {status}"
        if status in _THE_ALERT:
            raise Refused(said)
        if 300 <= status < 400:
            raise Retry(f"{said}, a redirect, which is not followed: {_WHERE} {_MENDED}", mend=True)
        if 400 <= status < 500 and status not in _PASSES:
            raise Retry(f"{said}: {_WHO if status in {401, 403} else _WHERE} {_MENDED}", mend=True)
        raise Retry(said, after_seconds=self._asked(answer.headers.get("Retry-After")))

    def _asked(self, value: str | None) -> float | None:
        """`Retry-After` in seconds (RFC 9110 section 10.2.3); None where it says nothing."""
        text = (value or "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._now())
        except (ValueError, OverflowError):
            return None

    def _trouble(self, why: requests.RequestException) -> Retry:
        where = self._to.where
        if isinstance(why, requests.Timeout):
            return Retry(f"{where}: no answer within {self._timeout:g} s")
        if isinstance(why, requests.exceptions.SSLError):
            said = "its TLS certificate or handshake was not accepted: have that mended there, or"
            return Retry(f"{where}: {said} {_WHERE} {_MENDED}", mend=True)
        reason = getattr(why.args[0], "reason", None) if why.args else None
        return Retry(f"{where}: cannot be reached ({type(reason or why).__name__})")


def _session(user: tuple[str, str] | None) -> requests.Session:
    session = requests.Session()
    # An auth of our own also keeps requests from looking into .netrc.
    session.auth = HTTPBasicAuth(*user) if user else _unchanged
    session.headers["User-Agent"] = "grantline"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _let_go(answer: requests.Response) -> None:
    """Reads a short answer, so that the connection lives on; closes any other unread."""
    length = answer.headers.get("Content-Length", "")
    try:
        if length.isascii() and length.isdigit() and int(length) <= _READ_ANSWER:
            _ = answer.content
    except requests.RequestException:
        pass  # the status has been judged; only the connection is lost
    finally:
        answer.close()
