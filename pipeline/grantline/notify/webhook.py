"""Any HTTP endpoint as a destination: a CloudEvents POST, signed, with a key to drop copies by."""

from __future__ import annotations

import time
from collections.abc import Callable

from grantline.model.page import Page
from grantline.notify.cloudevent import CONTENT_TYPE, encode
from grantline.notify.posting import DEFAULT_TIMEOUT_SECONDS, Poster
from grantline.notify.signature import Signer


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
        self._poster = Poster(url, timeout_seconds=timeout_seconds, now=now)
        self._signer = Signer(key) if key is not None else None
        self._source = source
        self._now = now

    def __repr__(self) -> str:
        return f"WebhookNotifier({self.name!r}, {self._poster.where!r})"

    def notify(self, page: Page) -> None:
        body = encode(page, self._source)
        self._poster.post(body, self._headers(page, body))

    def _headers(self, page: Page, body: bytes) -> dict[str, str]:
        key = page.dedup_key
        headers = {"Content-Type": CONTENT_TYPE, "Idempotency-Key": key, "webhook-id": key}
        if self._signer is not None:
            headers |= self._signer.headers(key, int(self._now()), body)
        return headers
