"""PagerDuty as a destination: one alert an episode of an incident, from trigger to resolve.

Source: Events API v2 (developer.pagerduty.com/docs/events-api-v2/overview). The same `dedup_key`
again is the same alert, with what the newest event says; 202 means taken.
"""

from __future__ import annotations

import json
from typing import Any, Final

from grantline.model.finding import SeverityName
from grantline.model.page import Page
from grantline.notify.lines import lines
from grantline.notify.posting import DEFAULT_TIMEOUT_SECONDS, Poster

URL: Final = "https://events.pagerduty.com/v2/enqueue"
_SEVERITIES: Final[dict[SeverityName, str]] = {
    "info": "info",
    "low": "info",
    "medium": "warning",
    "high": "error",
    "critical": "critical",
}
_LONGEST_SUMMARY: Final = 1_024
_LONGEST_DETAIL: Final = 2_000
"""Characters of one line, so that the whole stays under the 512 KB that an event may have."""


class PagerDutyNotifier:
    """Sends each message to one service of PagerDuty; its key is in the body, and never shown."""

    def __init__(
        self,
        routing_key: str,
        *,
        name: str = "pagerduty",
        source: str = "grantline",
        url: str = URL,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """`source` names this installation where nobody told the accepting system. Raises
        `ValueError` for an unusable URL or key.
        """
        if not (routing_key.isascii() and routing_key.isalnum()):
            raise ValueError(
                "GRANTLINE_PAGERDUTY_KEY must be an integration's key: letters and digits"
            )
        self.name = name
        self._key = routing_key
        self._source = source
        self._poster = Poster(
            url,
            address="GRANTLINE_PAGERDUTY_URL",
            who="check GRANTLINE_PAGERDUTY_KEY",
            timeout_seconds=timeout_seconds,
        )

    def __repr__(self) -> str:
        return f"PagerDutyNotifier({self.name!r}, {self._poster.where!r})"

    def notify(self, page: Page) -> None:
        body = json.dumps(self._event(page), separators=(",", ":")).encode("ascii")
        self._poster.post(body, {"Content-Type": "application/json"})

    def _event(self, page: Page) -> dict[str, Any]:
        event = {"routing_key": self._key, "dedup_key": page.key, "client": "Grantline"}
        if page.over:
            return {**event, "event_action": "resolve"}
        if page.event == "acknowledged":
            return {**event, "event_action": "acknowledge"}
        return {**event, "event_action": "trigger", "payload": self._payload(page)}

    def _payload(self, page: Page) -> dict[str, Any]:
        told: dict[str, str] = {}
        for label, words in lines(page):
            told[label] = f"{told[label]}\n{words}" if label in told else words
        payload = {
            "summary": f"{page.reference} {page.claim}"[:_LONGEST_SUMMARY],
            "source": page.systems[0] if page.systems else self._source,
            "severity": _SEVERITIES[page.severity],
            "timestamp": page.first_seen,
            "group": page.root_id or page.subject,
            "class": page.rule,
            "custom_details": {
                **{label: words[:_LONGEST_DETAIL] for label, words in told.items()},
                "sql": page.sql,
                "message": page.dedup_key,
            },
        }
        return {**payload, "component": page.actors[0]} if page.actors else payload
