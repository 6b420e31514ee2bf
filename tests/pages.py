"""Pages made by hand, for the tests of whoever tells people."""

from __future__ import annotations

from typing import Any

from grantline.alerts.group import Key, incident_id, key_of
from grantline.alerts.incident import summarise
from grantline.alerts.member import member_of
from grantline.alerts.page import page_of
from grantline.model.finding import Finding
from grantline.model.page import Event, Page
from tests.findings import finding

NOW_MS = 1_795_465_000_000
"""Shortly after the times that `findings.finding` has."""


def page(name: str = "one", revision: int = 0, event: Event | None = None, **changed: Any) -> Page:
    """The page of an incident of one finding; `revision` is that of both."""
    return page_about(finding(name, revision, **changed), event=event)


def page_about(lead: Finding, *others: Finding, event: Event | None = None) -> Page:
    """The page of an incident of these findings, the first of which leads."""
    key: Key = key_of(lead)
    where = incident_id(key)
    incident = summarise(where, key, [member_of(each, where) for each in (lead, *others)])
    meant: Event = event or ("opened" if lead.status == "open" else "retracted")
    return page_of(incident, lead, meant, None, episode=0, revision=lead.revision, now_ms=NOW_MS)
