"""Prometheus' Alertmanager as a destination: one alert an episode of an incident.

Source: Alertmanager's API v2 (`api/v2/openapi.yaml`). An alert is its labels, so what changes is in the
annotations; a severity that changed ends the alert of the old one in the same post. `incident` is a label:
there are as many values as there are open incidents, and no more.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from grantline.model.finding import SeverityName
from grantline.model.page import Page
from grantline.notify.lines import lines
from grantline.notify.posting import DEFAULT_TIMEOUT_SECONDS, Poster

PATH: Final = "/api/v2/alerts"
_SHOWN: Final = 2_000


class AlertmanagerNotifier:
    """Posts each message to one Alertmanager."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "alertmanager",
        source: str = "grantline",
        lasts_seconds: float = 25 * 3_600,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """`url` without the API's path. `lasts_seconds`: how long an alert stands without another
        message; longer than silence may last before the incident is told to be over. Raises
        `ValueError` for an unusable URL.
        """
        self.name = name
        self._source = source
        self._lasts = timedelta(seconds=lasts_seconds)
        self._poster = Poster(
            url.rstrip("/") + PATH,
            address="GRANTLINE_ALERTMANAGER_URL",
            who="check the user and password in GRANTLINE_ALERTMANAGER_URL",
            timeout_seconds=timeout_seconds,
        )

    def __repr__(self) -> str:
        return f"AlertmanagerNotifier({self.name!r}, {self._poster.where!r})"

    def notify(self, page: Page) -> None:
        body = json.dumps(self._alerts(page), separators=(",", ":")).encode("ascii")
        self._poster.post(body, {"Content-Type": "application/json"})

    def _alerts(self, page: Page) -> list[dict[str, Any]]:
        alerts = [self._alert(page, page.severity, over=page.over)]
        if page.severity_before is not None:
            alerts.append(self._alert(page, page.severity_before, over=True))
        return alerts

    def _alert(self, page: Page, severity: SeverityName, *, over: bool) -> dict[str, Any]:
        now = datetime.fromisoformat(page.as_of)
        end = now if over else now + self._lasts
        labels = {
            "alertname": page.rule,
            "severity": severity,
            "incident": page.key,
            "kind": page.kind,
            "source": self._source,
        }
        annotations: dict[str, str] = {}
        for label, words in lines(page):
            name = label.replace(" ", "_")
            shown = words[:_SHOWN]
            annotations[name] = f"{annotations[name]}\n{shown}" if name in annotations else shown
        return {
            "labels": labels,
            "annotations": {
                "summary": page.title,
                **annotations,
                "sql": ";\n".join(page.sql)[:_SHOWN],
            },
            # A clock elsewhere may be fast; an alert that ends before it starts is refused.
            "startsAt": min(page.first_seen, page.as_of),
            "endsAt": end.isoformat(timespec="seconds"),
        }
