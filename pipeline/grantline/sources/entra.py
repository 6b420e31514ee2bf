"""Microsoft Entra ID: sign-ins (each brings a token) and what administrators and people end.

Graph's `signIn` and `directoryAudit` (learn.microsoft.com, also in `value`), the records of diagnostic
settings (`records`, `properties`), and Log Analytics' rows, whose names begin with a capital.
`uniqueTokenIdentifier` is the `uti` of the token, `sessionId` its `sid`; `userId` is its `oid`, `appId` who
acts. People go by object id, never by `userPrincipalName`. A sign-in does not say what the token was
exchanged for, so an agent's in a person's name is a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from grantline.model.hop import DELEGATE, GRANT, REVOKE, Hop
from grantline.sources.facts import (
    Event,
    at,
    inside,
    instant,
    made,
    need,
    need_issuer,
    scopes,
    text,
)
from grantline.sources.source import Json, Origin, Source

_NAME: Final = "entra"
_ENDS: Final = frozenset(
    {
        "revoke sign in sessions", "update stsrefreshtokenvalidfrom timestamp", "disable account",
        "delete user", "hard delete user",
    }
)  # fmt: skip
"""`activityDisplayName`, in lower case and without hyphens. The second goes with the first."""
_NONE: Final = frozenset({"", "notagentic", "none", "unknownfuturevalue"})
_ABSENT: Final = "00000000-0000-0000-0000-000000000000"


def unwrap(document: Any) -> Iterable[Any] | None:
    """One record, a list, a page of Graph's (`value`), or a blob of diagnostic settings (`records`)."""
    if isinstance(document, list):
        return inside(unwrap, document)
    if not isinstance(document, Mapping):
        return None
    for name in ("value", "records"):
        if isinstance(inner := document.get(name), list):
            return inner
    return [document]


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One sign-in or audit entry; refused sign-ins of people, and other activities, are passed over."""
    said = _plain(record)
    if "activityDisplayName" in said or "activityDateTime" in said:
        return _ended(said, origin)
    if text(said.get("uniqueTokenIdentifier")) is None and "appId" not in said:
        need(said, "activityDisplayName")  # neither of the two: say so by its name
    return _signed_in(said, origin)


def _plain(record: Json) -> dict[str, Any]:
    """One spelling of the three: Graph's."""
    inner = record.get("properties")
    # Log Analytics' `TenantId` is the workspace's: no tenant, and not taken for one.
    said = {name: value for name, value in record.items() if name != "TenantId"}
    said |= inner if isinstance(inner, Mapping) else {}
    plain = {name[:1].lower() + name[1:]: _parsed(value) for name, value in said.items() if name}
    if "aADTenantId" in plain:
        plain["tenantId"] = plain["aADTenantId"]
    if "activityDateTime" in plain and "operationName" in plain:
        plain.setdefault("activityDisplayName", plain["operationName"])
    return plain


def _parsed(value: Any) -> Any:
    """Log Analytics' exports hold objects as text."""
    if isinstance(value, str) and value[:1] in ("{", "[") and len(value) <= 65_536:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _signed_in(said: Json, origin: Origin) -> Sequence[Hop]:
    """A token given to an application, or to an agent, which may act for a person."""
    agent = _is_agent(said.get("agent"))
    principal, app = _id(said.get("servicePrincipalId")), _id(said.get("appId"))
    person = _id(said.get("userId"))
    delegated = agent and person is not None
    code = _code(said)
    failed = code not in (None, "0")
    jti = text(said.get("uniqueTokenIdentifier"))
    if (failed and not agent) or (jti is None and not failed):
        return ()
    issuer = _issuer(said, origin, "resourceTenantId", "tenantId", "homeTenantId")
    reason = text(at(said, "status", "failureReason")) or text(said.get("resultDescription"))
    subject = origin.persons.name(issuer, person) if person else principal or app
    resource = _id(said.get("resourceId")) or _id(said.get("resourceIdentity"))
    return [
        made(
            DELEGATE if delegated else GRANT, _event(said, "createdDateTime", origin),
            method=None if person else "client_credentials", token_issuer=issuer, token_jti=jti,
            token_type="access_token", token_dialect=_NAME, session_id=_id(said.get("sessionId")),
            audiences=(resource,) if resource else None, requested_scopes=_scopes(said),
            subject_id=subject, subject_issuer=issuer,
            subject_type="user" if person else "ai_agent" if agent else "service",
            actor_id=app or principal, actor_issuer=issuer, actor_client_id=app,
            actor_type="ai_agent" if agent else None,
            decision_outcome="deny" if failed else "allow",
            decision_reason=(reason or code) if failed else None,
            error_type=code if failed else None, failed=failed,
        )
    ]  # fmt: skip


def _ended(said: Json, origin: Origin) -> Sequence[Hop]:
    """All that a person gave so far: Entra moves the time from which tokens are good."""
    name = (text(said.get("activityDisplayName")) or "").lower().replace("-", " ")
    result = (text(said.get("result")) or "success").lower()
    if name not in _ENDS or result not in ("success", "0"):
        return ()
    issuer = _issuer(said, origin, "tenantId")
    event = _event(said, "activityDateTime", origin)
    by = _id(at(said, "initiatedBy", "user", "id"))
    app = _id(at(said, "initiatedBy", "app", "appId"))
    found = said.get("targetResources")
    people = [
        person
        for one in (found if isinstance(found, list) else [])
        if (text(at(one, "type")) or "").lower() == "user" and (person := _id(at(one, "id")))
    ]
    return [
        made(
            REVOKE, event._replace(identity=f"{event.identity} {person}"),
            revocation_target="subject",
            revocation_reason="user_request" if by == person else "admin",
            subject_id=origin.persons.name(issuer, person), subject_issuer=issuer,
            token_issuer=issuer, delegator_id=origin.persons.name(issuer, by) if by else app,
        )
        for person in people
    ]  # fmt: skip


def _issuer(said: Json, origin: Origin, *tenants: str) -> str:
    """The tenant's, in the form of version 2.0; the two forms are one in comparisons."""
    if origin.issuer is not None:
        return origin.issuer
    tenant = next((found for name in tenants if (found := _id(said.get(name)))), None)
    if tenant is None:
        return need_issuer(origin, "this record of Entra")
    return f"https://login.microsoftonline.com/{tenant}/v2.0"


def _is_agent(said: Any) -> bool:
    """`agent.agentType` (beta), of an agent identity, its user, or its blueprint."""
    return (text(at(said, "agentType")) or "").lower() not in _NONE


def _code(said: Json) -> str | None:
    code = text(at(said, "status", "errorCode"))
    return code if code is not None else text(said.get("resultType"))


def _scopes(said: Json) -> tuple[str, ...] | None:
    """`Oauth Scope Info` is what was asked for: a JSON list, as text."""
    found = said.get("authenticationProcessingDetails")
    for one in found if isinstance(found, list) else []:
        if text(at(one, "key")) == "Oauth Scope Info":
            return scopes(_parsed(at(one, "value")))
    return None


def _id(value: Any) -> str | None:
    found = text(value)
    return None if found == _ABSENT else found


def _event(said: Json, field: str, origin: Origin) -> Event:
    when = said.get(field) or said.get("time") or said.get("timeGenerated")
    return Event(_NAME, need(said, "id"), instant(when, field), origin)


SOURCE: Final = Source(
    _NAME,
    "Entra's sign-ins (id, createdDateTime, appId) and audits (activityDisplayName, targetResources)",
    proven=False,
    unwrap=unwrap,
    read=read,
)
