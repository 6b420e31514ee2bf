"""One POST over HTTP, as every destination on the web is told.

It speaks http and https only, checks certificates, follows no redirect (an alert holds names and
must not wander to another host), keeps no cookies and reads no `.netrc`. Neither the URL's path,
query and user nor a key appears in an error or a log line: each of them can be the secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import requests
from requests.auth import HTTPBasicAuth

from grantline.notify.printable import printable
from grantline.ports import Refused, Retry

DEFAULT_TIMEOUT_SECONDS: Final = 10.0
_PASSES: Final = frozenset({408, 409, 425, 429})
"""Client errors that pass by themselves (RFC 9110, RFC 8470, RFC 6585)."""
_THE_ALERT: Final = frozenset({400, 413, 422})
"""Client errors that can be about this alert and no other: it cannot be read, is too large, or
makes no sense to the receiver. Every other one is about the address, the key or the receiver."""
_WHO = "check GRANTLINE_WEBHOOK_KEY, and the user and password in GRANTLINE_WEBHOOK_URL"
_MENDED: Final = "(and start this process again if you change it: what waits is kept)"
_LONGEST_ANSWER: Final = 65_536
_SAID: Final = 300
"""Characters of a refusal that are logged."""
_READ_ANSWER: Final = 4_096
"""Bytes of a declared answer worth reading, so that the connection can be used again."""


class Endpoint(NamedTuple):
    """A checked address. `where` is the only part of it that may be shown."""

    url: str
    user: tuple[str, str] | None
    where: str


def endpoint(url: str, address: str = "GRANTLINE_WEBHOOK_URL") -> Endpoint:
    """Takes `url` apart. Raises `ValueError`, which names the fault and the setting (`address`), and
    never repeats the URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{address} cannot be read: write https://host[:port]/path") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{address} must begin with https:// or http://")
    if not host or not url.isprintable() or " " in url:
        raise ValueError(f"{address} needs a host, and no spaces or control characters")
    bare = f"[{host}]" if ":" in host else host
    place = bare if port is None else f"{bare}:{port}"
    user = None
    if parts.username is not None:
        user = (unquote(parts.username), unquote(parts.password or ""))
    clean = urlunsplit(SplitResult(parts.scheme, place, parts.path or "/", parts.query, ""))
    try:
        requests.Request("POST", clean).prepare()
    except requests.RequestException:
        raise ValueError(f"{address} has a host name that cannot exist") from None
    return Endpoint(clean, user, f"{parts.scheme}://{place}")


class Poster:
    """POSTs to one address. Any 2xx answer means taken; what else one means is said in prose."""

    def __init__(
        self,
        url: str,
        *,
        address: str = "GRANTLINE_WEBHOOK_URL",
        who: str = _WHO,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`address` is the setting that names it, `who` what to check where it knows us not;
        `timeout_seconds` bounds connecting and each wait for the answer; `now` gives Unix seconds.
        Raises `ValueError` for an unusable URL.
        """
        self._to = endpoint(url, address)
        self._check_address = f"check the address in {address}"
        self._who = who
        self._timeout = timeout_seconds
        self._now = now
        self._session = _session(self._to.user)
        # At DEBUG it logs the path of every request.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

    @property
    def where(self) -> str:
        """The part of the address that may be shown."""
        return self._to.where

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Returns once it is taken. Raises `Retry` and `Refused` as `ports.Notifier` has it."""
        answer = self._sent(body, headers)
        try:
            self._judge(answer)
        finally:
            _let_go(answer)

    def ask(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The same; and what was answered, cut. Raises `Retry` as well where that cannot be read."""
        answer = self._sent(body, headers)
        try:
            self._judge(answer)
            return next(answer.iter_content(_LONGEST_ANSWER), b"")
        except requests.RequestException as why:
            raise self._trouble(why) from None
        finally:
            answer.close()

    def _sent(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.post(
                self._to.url,
                data=body,
                headers=dict(headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as why:
            # `from None`: the text of the original repeats the URL.
            raise self._trouble(why) from None

    def _judge(self, answer: requests.Response) -> None:
        status = answer.status_code
        if 200 <= status < 300:
            return
        said = f"{self._to.where} answered {status}"
        if status in _THE_ALERT:
            raise Refused(said + _said(answer))
        if 300 <= status < 400:
            raise Retry(
                f"{said}, a redirect, which is not followed: {self._check_address} {_MENDED}",
                mend=True,
            )
        if 400 <= status < 500 and status not in _PASSES:
            raise Retry(
                f"{said}: {self._who if status in {401, 403} else self._check_address} {_MENDED}",
                mend=True,
            )
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
            return Retry(f"{where}: {said} {self._check_address} {_MENDED}", mend=True)
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


def _said(answer: requests.Response) -> str:
    """The beginning of a short, declared answer in words, which tells why it was refused."""
    length = answer.headers.get("Content-Length", "")
    kind = answer.headers.get("Content-Type", "text/plain").partition(";")[0]
    if not (length.isascii() and length.isdigit() and 0 < int(length) <= _READ_ANSWER):
        return ""
    if kind not in {"text/plain", "application/json", "application/problem+json"}:
        return ""
    try:
        return ": " + printable(answer.content.decode("utf-8", "replace"), limit=_SAID)
    except requests.RequestException:
        return ""


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
