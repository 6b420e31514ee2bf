"""A finding as a CloudEvents 1.0 event in structured JSON mode.

Source: CloudEvents 1.0.2 section 3 (attributes), JSON event format section 3, and the severity
extension. `source` and `id` together name one state of one finding, so a receiver may drop a
second copy.
"""

from __future__ import annotations

import json
from typing import Any, Final

from grantline.alerts.threshold import severity_of
from grantline.model.finding import Finding
from grantline.notify.identity import dedup_key

CONTENT_TYPE: Final = "application/cloudevents+json"
DATA_SCHEMA: Final = "https://grantline.dev/schemas/finding/"
TYPES: Final = {
    "open": "dev.grantline.finding.open.v1",
    "retracted": "dev.grantline.finding.retracted.v1",
}
"""Finding status -> event type. Severity and revision are in `data`."""
_OTEL_SEVERITY: Final = {1: 9, 2: 10, 3: 13, 4: 17, 5: 21}
"""OCSF severity -> OpenTelemetry SeverityNumber, as the severity extension has it."""


def event(finding: Finding, source: str) -> dict[str, Any]:
    """The event as a JSON object; `source` is a URI reference that names this installation."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": dedup_key(finding),
        "source": source,
        "type": TYPES[finding.status],
        "time": finding.last_seen,
        "datacontenttype": "application/json",
        "dataschema": DATA_SCHEMA + finding.version,
        "severitytext": finding.severity.upper(),
        "severitynumber": _OTEL_SEVERITY[severity_of(finding)],
    }
    if finding.root_id:
        attributes["subject"] = finding.root_id
    return {**attributes, "data": finding.model_dump(mode="json")}


def encode(finding: Finding, source: str) -> bytes:
    """The event as UTF-8 JSON; escapes keep it ASCII, whatever a name holds."""
    return json.dumps(event(finding, source), separators=(",", ":")).encode("ascii")
