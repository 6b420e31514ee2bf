"""Records of incidents made by hand, for the tests of whoever reads them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from grantline.alerts.decide import Alerting
from grantline.alerts.group import incident_id, key_of
from grantline.alerts.handling import Handling
from grantline.alerts.incident import summarise
from grantline.alerts.member import member_of
from grantline.alerts.record import Kept, record_of
from grantline.model.incident import IncidentRecord
from tests.findings import finding
from tests.pages import NOW_MS


def record(name: str = "one", revision: int = 0, **changed: Any) -> IncidentRecord:
    """That of an incident of one finding, with fields of the record `changed`."""
    lead = finding(name)
    key = key_of(lead)
    where = incident_id(key)
    kept = Kept(
        key=key, handling=Handling(), told={}, changed_ms=NOW_MS, born_ms=0, episode=0,
        revision=revision,
    )  # fmt: skip
    incident = summarise(where, key, [member_of(lead, where)])
    made = record_of(incident, lead, kept, Alerting(destinations=("pager",)), NOW_MS)
    return replace(made, **changed)
