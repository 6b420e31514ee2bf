"""Entra's sign-ins and audits, in each of their spellings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grantline.model.hop import Hop
from grantline.sources import SOURCES, Origin, Taken, read

TENANT = "99990000-0000-4000-8000-000000000000"
ISSUER = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ALICE = "aaaa0000-0000-4000-8000-000000000001"
RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "schemas/examples/sources/entra.json").read_text()
)


def _read(records: Any, issuer: str | None = None) -> Taken:
    return read(SOURCES["entra"], json.dumps(records).encode(), Origin(issuer))


def _hop(number: int, **changes: Any) -> Hop:
    [hop] = _read([{**RECORDS[number], **changes}]).hops
    return hop


def test_a_sign_in_names_the_token_by_its_uti_and_the_person_by_object_id() -> None:
    hop = _hop(0)
    assert (hop.operation, hop.token_issuer, hop.token_jti) == ("grant", ISSUER, "fakeUti01")
    assert (hop.subject_id, hop.actor_id) == (ALICE, "bbbb0000-0000-4000-8000-000000000001")
    assert hop.session_id == "005f-fake-session"
    assert hop.requested_scopes == ("Calendars.Read", "User.Read")
    assert hop.granted_scopes is None  # what was granted is not said


def test_an_agent_in_a_persons_name_is_a_delegation() -> None:
    hop = _hop(1)
    assert (hop.operation, hop.subject_id, hop.actor_type) == ("delegate", ALICE, "ai_agent")
    assert hop.actor_id == "dddd0000-0000-4000-8000-000000000001"  # and not its blueprint
    alone = _hop(1, userId=None, servicePrincipalId="sp-1")
    assert (alone.operation, alone.subject_id, alone.subject_type) == ("grant", "sp-1", "ai_agent")


def test_an_application_alone_is_its_own_subject() -> None:
    hop = _hop(2)
    assert (hop.method, hop.subject_type) == ("client_credentials", "service")
    assert hop.subject_id == "ffff0000-0000-4000-8000-000000000001"


def test_a_refused_agent_is_told_and_a_mistyped_password_is_not() -> None:
    refused = _hop(3)
    assert refused.refused
    assert refused.error_type == "53003"
    assert _read([RECORDS[4]]).passed_over == 1


def test_revoking_sign_in_sessions_ends_what_the_person_gave_whoever_did_it() -> None:
    hop = _hop(5)
    assert (hop.revocation_target, hop.subject_id, hop.subject_issuer) == ("subject", ALICE, ISSUER)
    assert (hop.actor_id, hop.revocation_reason) == (None, "admin")
    own = _hop(5, initiatedBy={"user": {"id": ALICE}})
    assert own.revocation_reason == "user_request"
    assert _read([{**RECORDS[5], "result": "failure"}]).passed_over == 1


def test_diagnostic_records_and_log_analytics_rows_are_read_as_graphs_are() -> None:
    wanted = _read(RECORDS).hops
    blob = {
        "records": [
            {"time": "2026-03-17T09:00:00Z", "category": "SignInLogs", "properties": one}
            for one in RECORDS
        ]
    }
    assert _read(blob).hops == wanted
    rows = [
        {
            "TenantId": "a workspace, no tenant",
            **{
                name[0].upper() + name[1:]: json.dumps(one) if isinstance(one, dict | list) else one
                for name, one in record.items()
                if name not in ("tenantId", "status", "activityDisplayName")
            },
            "AADTenantId": TENANT,
            "ResultType": str(record.get("status", {}).get("errorCode", 0)),
            **({"OperationName": record["activityDisplayName"]} if number > 4 else {}),
        }
        for number, record in enumerate(RECORDS)
    ]
    named = [
        (hop.span_id, hop.token_issuer, hop.refused, hop.subject_id) for hop in _read(rows).hops
    ]
    assert named == [(h.span_id, h.token_issuer, h.refused, h.subject_id) for h in wanted]
    assert _read({"value": RECORDS}).hops == wanted


def test_an_audit_without_a_tenant_needs_an_issuer() -> None:
    bare = {name: value for name, value in RECORDS[5].items() if name != "tenantId"}
    [(_, why)] = _read([bare]).rejected
    assert why.reason == "missing_attribute"
    assert _read([bare], ISSUER).hops[0].token_issuer == ISSUER


def test_nobody_is_named_by_an_e_mail_address() -> None:
    assert "@" not in repr(_read(RECORDS).hops)
