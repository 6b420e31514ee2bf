"""Redirects that a client follows by itself: it copies every header to where it is led, and its
instrumentation makes no span of that. What was written for a host of ours must not go on to a stranger.

httpx and urllib3 come by the propagator again for each step. requests and aiohttp do not: from the first
header that is written for them, each step of theirs is looked at, at the places where requests itself takes
`Authorization` away and where aiohttp tells whoever traces it. For a client that cannot be looked at,
nothing is written at all.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span

from grantline.emit import baggage
from grantline.emit.baggage import HEADER

MayHear = Callable[[str, Context], bool]
"""Whether a URL may be told what is current in a context."""

_INSTRUMENTATIONS: Final = "opentelemetry.instrumentation."
_BLIND: Final = frozenset({"urllib", "tornado"})
"""Instrumentations of clients that follow redirects inside of one call, and are not looked at."""
_lock: Final = threading.Lock()
_theirs: Final[dict[tuple[type[Any], str], Any]] = {}
"""The methods of requests and aiohttp in whose places ours stand."""


def seen_to(carrier: Any, span: Span, may_hear: MayHear) -> bool:
    """Whether what is written into `carrier` stays in the house when the client of `span` is led elsewhere.
    `may_hear` is asked for the places it is led to.
    """
    client = _client(carrier, span)
    try:
        if client == "requests":
            return _watch_requests(may_hear)
        if client == "aiohttp_client":
            return _watch_aiohttp(may_hear)
    except (ImportError, AttributeError):
        return False  # another release than those we know
    return client not in _BLIND


def let_go() -> None:
    """The last emitter has ended: both have their own back."""
    with _lock:
        for (owner, name), method in _theirs.items():
            setattr(owner, name, method)
        _theirs.clear()


def _client(carrier: Any, span: Span) -> str:
    """The client by what it keeps its headers in, or by the name of its instrumentation."""
    module = type(carrier).__module__.partition(".")[0]
    if module in {"requests", "multidict"}:
        return "requests" if module == "requests" else "aiohttp_client"
    scope = getattr(span, "instrumentation_scope", None)
    return str(getattr(scope, "name", "")).removeprefix(_INSTRUMENTATIONS)


def _watch_requests(may_hear: MayHear) -> bool:
    """Two methods, each called at each step: those who keep their `Authorization` replace one of them."""
    from requests.sessions import SessionRedirectMixin  # noqa: PLC0415 - it is loaded

    def watched(theirs: Any) -> Any:
        @functools.wraps(theirs)
        def ours(self: Any, prepared_request: Any, response: Any) -> Any:
            _look(prepared_request.headers, lambda: str(prepared_request.url), may_hear)
            return theirs(self, prepared_request, response)

        return ours

    _put(SessionRedirectMixin, "rebuild_method", watched)
    _put(SessionRedirectMixin, "rebuild_auth", watched)
    return True


def _watch_aiohttp(may_hear: MayHear) -> bool:
    """Each step is announced to whoever traces the call, with the headers that it will take along."""
    from aiohttp.tracing import Trace  # noqa: PLC0415 - it is loaded

    def watched(theirs: Any) -> Any:
        @functools.wraps(theirs)
        async def ours(self: Any, method: str, url: Any, headers: Any, response: Any) -> None:
            said = response.headers.get("Location") or response.headers.get("URI") or ""
            _look(headers, lambda: str(url.join(type(url)(said))), may_hear)
            await theirs(self, method, url, headers, response)

        return ours

    _put(Trace, "send_request_redirect", watched)
    return True


def _put(owner: type[Any], name: str, watched: Callable[[Any], Any]) -> None:
    if (owner, name) in _theirs:
        return
    with _lock:
        if (owner, name) not in _theirs:
            theirs = getattr(owner, name)
            setattr(owner, name, watched(theirs))
            _theirs[owner, name] = theirs


def _look(headers: Any, led_to: Callable[[], str], may_hear: MayHear) -> None:
    """Takes our members out of `headers` that go to a stranger, or where nobody knows; all else stays."""
    text = headers.get(HEADER)
    if text is None or not baggage.read(text):
        return
    try:
        stays = may_hear(led_to(), get_current())
    except Exception:  # noqa: BLE001 - where it leads cannot be read
        stays = False
    if stays:
        return
    if left := baggage.merged(text, {}):
        headers[HEADER] = left
    else:
        del headers[HEADER]
