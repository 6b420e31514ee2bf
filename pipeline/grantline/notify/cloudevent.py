"""A page as a CloudEvents 1.0 event in structured JSON mode.

Source: CloudEvents 1.0.2 section 3 (attributes), JSON event format section 3, and the severity
extension. `source` and `id` together name one message about one incident, so a receiver may drop a
second copy; `subject` is the incident, the same from its first message to its last.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from grantline.model.finding import Severity
from grantline.model.page import Page

CONTENT_TYPE: Final = "application/cloudevents+json"
DATA_SCHEMA: Final = "https://grantline.dev/schemas/page/"
TYPE: Final = "dev.grantline.incident."
_OTEL_SEVERITY: Final = {1: 9, 2: 10, 3: 13, 4: 17, 5: 21}
"""OCSF severity -> OpenTelemetry SeverityNumber, as the severity extension has it."""


def event(page: Page, source: str) -> dict[str, Any]:
    """The event as a JSON object; `source` is a URI reference that names this installation."""
    return {
        "specversion": "1.0",
        "id": page.dedup_key,
        "source": source,
        "type": f"{TYPE}{page.event}.v1",
        "subject": page.key,
        "time": page.as_of,
        "datacontenttype": "application/json",
        "dataschema": DATA_SCHEMA + page.version,
        "severitytext": page.severity.upper(),
        "severitynumber": _OTEL_SEVERITY[Severity[page.severity.upper()]],
        "data": msgspec.to_builtins(page),
    }


def encode(page: Page, source: str) -> bytes:
    """The event as UTF-8 JSON; escapes keep it ASCII, whatever a name holds."""
    return json.dumps(event(page, source), separators=(",", ":")).encode("ascii")
