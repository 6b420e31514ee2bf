"""Google Cloud audit logs: service accounts impersonated, their keys made and ended, calls with both.

LogEntries whose `protoPayload` is an AuditLog (cloud.google.com: AuditLog, AuthenticationInfo,
"Audit logs for service accounts"), alone, in a list, from Pub/Sub (`message.data`), or as rows of BigQuery
(`protopayload_auditlog`); entries of other logs beside them are passed over. The log names no access
token. What has a name is a service account's key (`serviceAccountKeyName`), which stands for its
tokens, as an access key id does in CloudTrail. `serviceAccountDelegationInfo` names those who stand behind an
impersonated account: the nearest first, as real entries have it, so it is read backwards. Accounts of people go
under pseudonyms, since Google names them by their e-mail address; a service account's is no person's.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from grantline.dialects.google import ISSUER
from grantline.model.hop import DELEGATE, GRANT, REVOKE, SERVER, USE, Hop
from grantline.sources.facts import Event, at, inside, instant, made, need, scopes, seconds, text
from grantline.sources.source import Json, Origin, Source, Unreadable

_NAME: Final = "gcp"
_ACCOUNT: Final = re.compile(r"(?:.*/)?serviceAccounts/(?P<account>[^/]+)(?:/keys/(?P<key>[^/]+))?")
_ROBOT: Final = re.compile(r"[^@\s]+@[a-z0-9.-]+\.gserviceaccount\.com", re.IGNORECASE)
_LIFETIME: Final = re.compile(r"(\d{1,6})s")
_REFUSED: Final = {"7": "PERMISSION_DENIED", "16": "UNAUTHENTICATED"}
"""google.rpc.Code of a call that was not let in; with any other code it was, and failed."""


def unwrap(document: Any) -> Iterable[Any] | None:
    """An entry, a list of them, `entries` of `entries.list`, or a Pub/Sub push message."""
    if isinstance(document, list):
        return inside(unwrap, document)
    if not isinstance(document, Mapping):
        return None
    for name in ("entries", "receivedMessages"):
        if isinstance(several := document.get(name), list):
            return inside(unwrap, several)
    data = at(document, "message", "data")
    return [_message(data)] if isinstance(data, str) else [document]


def _message(data: str) -> Any:
    try:
        return json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One entry. Calls that nobody stands behind, and that no key is named for, are passed over."""
    payload = record.get("protoPayload", record.get("protopayload_auditlog"))
    if not isinstance(payload, Mapping):
        if "logName" in record and ("textPayload" in record or "jsonPayload" in record):
            return ()
        raise Unreadable("protoPayload is missing", "missing_attribute")
    method = need(payload, "methodName").rpartition(".")[2]
    who = payload.get("authenticationInfo")
    event = Event(
        _NAME, need(record, "insertId"), instant(record.get("timestamp"), "timestamp"), origin
    )
    tell = _METHODS.get(method, _used)
    hop = tell(payload, who if isinstance(who, Mapping) else {}, event)
    return [] if hop is None else [hop]


def _impersonated(payload: Json, who: Json, event: Event) -> Hop | None:
    """`GenerateAccessToken`, `GenerateIdToken`, `SignJwt`: the account that is named acts for the caller.
    The accounts of `delegates` stand between, the caller's neighbour first.
    """
    target = _target(payload)
    if target is None:
        return _used(payload, who, event)
    request = payload.get("request")
    between = at(request, "delegates")
    found = [_account(one) for one in between] if isinstance(between, list) else []
    named = [*_behind(who, event), *filter(None, (_caller(who, event), *found))]
    behind = list(dict.fromkeys(name for name in named if name != target))
    lasts = _LIFETIME.fullmatch(text(at(request, "lifetime")) or "")
    audience = text(at(request, "audience"))
    identity = payload.get("methodName") == "GenerateIdToken"
    return made(
        DELEGATE, event, method="impersonation", kind=SERVER, **_parent(who),
        presenter_id=_caller(who, event), delegator_id=behind[-1] if behind else None,
        delegator_issuer=ISSUER, subject_id=behind[0] if behind else None, subject_issuer=ISSUER,
        actor_id=target, actor_issuer=ISSUER, chain_actors=_chain([*behind, target]),
        token_issuer=ISSUER, token_dialect="google",
        token_type="id_token" if identity else "access_token",
        token_expires_at=seconds(event.time) + int(lasts[1]) if lasts else None,
        granted_scopes=scopes(at(request, "scope")), audiences=(audience,) if audience else None,
        **_outcome(payload),
    )  # fmt: skip


def _key_made(payload: Json, who: Json, event: Event) -> Hop | None:
    """`CreateServiceAccountKey`: a credential that lasts until somebody deletes it."""
    target, key = _target(payload), _key(text(at(payload, "response", "name")))
    if target is None:
        return None
    parent, caller = _parent(who), _caller(who, event)
    # Whoever signed in with no key of an account has authority that no record tells of: it enters here.
    return made(
        DELEGATE if parent else GRANT, event, method="static_secret", kind=SERVER, **parent,
        presenter_id=caller, delegator_id=caller, subject_id=caller, subject_issuer=ISSUER,
        action_name="iam:CreateServiceAccountKey", action_risk="high",
        token_issuer=ISSUER, token_jti=key, token_type="api_key", token_dialect="google",
        actor_id=target, actor_issuer=ISSUER, **_outcome(payload),
    )  # fmt: skip


def _key_ended(payload: Json, who: Json, event: Event) -> Hop | None:
    """`DeleteServiceAccountKey`, `DisableServiceAccountKey`. Tokens got with it last their hour."""
    name = text(payload.get("resourceName")) or text(at(payload, "request", "name"))
    key = _key(name)
    if key is None:
        return None
    return made(
        REVOKE, event, revocation_target="token", revocation_reason="admin",
        revocation_cascade=False, token_issuer=ISSUER, token_jti=key,
        actor_id=_caller(who, event), **_outcome(payload),
    )  # fmt: skip


def _account_ended(payload: Json, who: Json, event: Event) -> Hop | None:
    """`DisableServiceAccount`, `DeleteServiceAccount`: all that the account was given."""
    target = _target(payload)
    if target is None:
        return None
    return made(
        REVOKE, event, revocation_target="agent", revocation_reason="admin", actor_id=target,
        actor_issuer=ISSUER, token_issuer=ISSUER, delegator_id=_caller(who, event),
        **_outcome(payload),
    )  # fmt: skip


def _used(payload: Json, who: Json, event: Event) -> Hop | None:
    """Any other call, of an account that somebody stands behind, or with a key."""
    behind, key = _behind(who, event), _key(text(who.get("serviceAccountKeyName")))
    caller = _caller(who, event)
    if caller is None or not (behind or key):
        return None
    service, method = need(payload, "serviceName"), need(payload, "methodName")
    return made(
        USE, event, kind=SERVER, service=service, server_address=service,
        action_name=f"{service.partition('.')[0]}:{method.rpartition('.')[2]}",
        presenter_id=caller, token_dialect="google", token_issuer=ISSUER,
        # Behind an impersonated account, a key is the one that its impersonator had.
        token_jti=None if behind else key,
        subject_id=behind[0] if behind else None, subject_issuer=ISSUER if behind else None,
        chain_actors=_chain([*behind, caller]) if behind else None, **_outcome(payload),
    )  # fmt: skip


def _behind(who: Json, event: Event) -> list[str]:
    """Who stands behind the caller, the first of them first."""
    found = who.get("serviceAccountDelegationInfo")
    named = [_named(one, event) for one in (found if isinstance(found, list) else [])]
    return [name for name in reversed(named) if name]


def _named(one: Any, event: Event) -> str | None:
    email = at(one, "firstPartyPrincipal", "principalEmail")
    return _party(at(one, "principalSubject"), email, event)


def _caller(who: Json, event: Event) -> str | None:
    return _party(who.get("principalSubject"), who.get("principalEmail"), event)


def _party(subject: Any, email: Any, event: Event) -> str | None:
    """A service account by its address; a workload by its pool's name; a person under a pseudonym."""
    name = text(email) or (text(subject) or "").removeprefix("serviceAccount:")
    if not name:
        return None
    if _ROBOT.fullmatch(name):
        return name
    return event.origin.persons.name(ISSUER, name.removeprefix("user:"))


def _chain(names: list[str]) -> tuple[str, ...]:
    return tuple(f"{ISSUER} {name}" for name in names)


def _parent(who: Json) -> dict[str, str]:
    """The key that the caller signed with."""
    key = _key(text(who.get("serviceAccountKeyName")))
    return {"token_parent_jti": key, "token_parent_issuer": ISSUER} if key else {}


def _target(payload: Json) -> str | None:
    """The service account that a call is about."""
    for name in (at(payload, "request", "name"), payload.get("resourceName")):
        if found := _account(name):
            return found
    return None


def _account(name: Any) -> str | None:
    found = _ACCOUNT.fullmatch(text(name) or "")
    return found["account"] if found else None


def _key(name: str | None) -> str | None:
    """A key's id, which is unique, of its full name."""
    found = _ACCOUNT.fullmatch(name or "")
    return found["key"] if found else None


def _outcome(payload: Json) -> dict[str, Any]:
    code = text(at(payload, "status", "code"))
    rights = payload.get("authorizationInfo")
    lacks = [
        text(at(one, "permission"))
        for one in (rights if isinstance(rights, list) else [])
        if at(one, "granted") is False
    ]
    denied = _REFUSED.get(code or "") or ("PERMISSION_DENIED" if lacks else None)
    failed = code not in (None, "0")
    return {
        "decision_outcome": "deny" if denied else "allow",
        "decision_reason": denied and next(filter(None, lacks), denied),
        "error_type": denied or (code if failed else None),
    }


_METHODS: Final[dict[str, Callable[[Json, Json, Event], Hop | None]]] = {
    "GenerateAccessToken": _impersonated,
    "GenerateIdToken": _impersonated,
    "SignJwt": _impersonated,
    "CreateServiceAccountKey": _key_made,
    "DeleteServiceAccountKey": _key_ended,
    "DisableServiceAccountKey": _key_ended,
    "DeleteServiceAccount": _account_ended,
    "DisableServiceAccount": _account_ended,
}

SOURCE: Final = Source(
    _NAME,
    "Google Cloud audit log entries: insertId, timestamp, protoPayload.methodName",
    proven=False,
    unwrap=unwrap,
    read=read,
)
