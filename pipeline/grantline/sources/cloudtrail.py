"""AWS CloudTrail: roles assumed, sessions federated, keys made and deleted, and every call with them.

A session's access key id is the name of its credential (`token_jti`, issuer `dialects.aws.ISSUER`), so
that calls, the session they were made in and the key that one was assumed with are one chain; the
session token, where a record holds it, is not looked at. An actor is the role (or user), whoever
holds its session; the session's own name is the instance. Records as in S3 (`Records`), from EventBridge
(`detail`), from CloudWatch Logs (`logEvents`), from `aws cloudtrail lookup-events` (`Events`), or alone; the
digests and insights that lie beside them in S3 tell of no call. Times are whole seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from grantline.dialects.aws import ISSUER
from grantline.dialects.people import is_email, pseudonym
from grantline.model.hop import DELEGATE, GRANT, REVOKE, SERVER, USE, Hop
from grantline.sources.facts import Event, at, inside, instant, made, need, seconds, text
from grantline.sources.source import Json, Origin, Source, Unreadable

_NAME: Final = "cloudtrail"
_DENIED: Final = re.compile(
    r"(Client\.)?(Unauthor\w*|AccessDenied\w*|AuthFailure\w*|ExpiredToken\w*|InvalidClientTokenId"
    r"|NotAuthorized\w*|OptInRequired|SignatureDoesNotMatch|UnrecognizedClient\w*|AuthorizationError\w*)",
    re.IGNORECASE,
)
"""`errorCode` of a call that was not let in; with any other it was, and failed."""
_SESSION: Final = re.compile(
    r"arn:(?P<partition>aws[\w-]*):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/(?P<name>.+)"
)
_PACKED: Final = (("logEvents", "message"), ("Events", "CloudTrailEvent"))
"""Envelopes that hold each event as text."""
_REVOKES_SESSIONS: Final = "AWSRevokeOlderSessions"
"""The inline policy by which the console revokes a role's sessions."""
_DATE: Final = ("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p")
"""How `responseElements` writes a session's end."""


def unwrap(document: Any) -> Iterable[Any] | None:
    """The events in an S3 object, an EventBridge event, a CloudWatch Logs batch, or a list of any."""
    if isinstance(document, list):
        return inside(unwrap, document)
    if not isinstance(document, Mapping):
        return None
    if isinstance(records := document.get("Records"), list):
        return records
    for several, packed in _PACKED:
        if isinstance(events := document.get(several), list):
            return [_message(event, packed) for event in events]
    detail = document.get("detail")
    return [detail if isinstance(detail, Mapping) else document]


def _message(event: Any, name: str) -> Any:
    try:
        return json.loads(event[name])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One event. Calls without a credential of the caller's (services, sign-ins) are passed over."""
    if "digestS3Object" in record or record.get("eventCategory") == "Insight":
        return ()
    name, source = need(record, "eventName"), need(record, "eventSource")
    time = instant(record.get("eventTime"), "eventTime")
    identity = record.get("userIdentity")
    if not isinstance(identity, Mapping):
        identity = {}
    tell = _EVENTS.get((source, name), _used)
    hop = tell(record, identity, time, origin)
    return [] if hop is None else [hop]


def _assumed(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """`AssumeRole`, `GetFederationToken`, `GetSessionToken`, `AssumeRoot`: a session below the key that
    asked for it. A service that assumes a role has no key: authority enters there.
    """
    refused = _refused(record)
    held = at(record, "responseElements", "credentials")
    child = text(at(held, "accessKeyId"))
    if child is None and refused is None:
        return None  # a dry run, or an answer that CloudTrail left out
    parent = text(identity.get("accessKeyId"))
    facts = _session_facts(record, held, origin) | _outcome(record)
    if parent is None:
        if refused is not None:
            return None
        service = text(identity.get("invokedBy")) or text(identity.get("principalId"))
        if "subject_id" not in facts:  # else a source identity says whom the service acts for
            facts |= {"subject_id": service, "subject_type": "service"}
        return made(
            GRANT, Event(_NAME, need(record, "eventID"), time, origin), method="assume_role",
            delegator_id=service, **facts,
        )  # fmt: skip
    return made(
        DELEGATE, Event(_NAME, need(record, "eventID"), time, origin), method="assume_role",
        kind=SERVER, presenter_id=_who(identity), delegator_id=_who(identity),
        token_parent_jti=parent, token_parent_issuer=ISSUER, **facts,
    )  # fmt: skip


def _federated(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """`AssumeRoleWithWebIdentity`, `AssumeRoleWithSAML`: a person or workload of another issuer comes
    in. That issuer's token is not in the record.
    """
    held = at(record, "responseElements", "credentials")
    if text(at(held, "accessKeyId")) is None:
        return None
    answer = record.get("responseElements")
    issuer = (
        text(at(answer, "provider"))
        or text(at(answer, "issuer"))
        or text(identity.get("identityProvider"))
        or ISSUER
    )
    subject = text(at(answer, "subjectFromWebIdentityToken")) or text(at(answer, "subject"))
    subject = subject or text(identity.get("userName")) or text(identity.get("principalId"))
    return made(
        GRANT, Event(_NAME, need(record, "eventID"), time, origin), method="assume_role",
        subject_id=origin.persons.name(issuer, subject) if subject else None,
        subject_issuer=issuer, **_session_facts(record, held, origin), **_outcome(record),
    )  # fmt: skip


def _key_made(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """`CreateAccessKey`: a credential without an end, made with the key that asked for it."""
    made_key = at(record, "responseElements", "accessKey")
    child, parent = text(at(made_key, "accessKeyId")), text(identity.get("accessKeyId"))
    if parent is None:
        return None
    user = text(at(made_key, "userName")) or text(at(record, "requestParameters", "userName"))
    return made(
        DELEGATE, Event(_NAME, need(record, "eventID"), time, origin), method="access_key",
        kind=SERVER, presenter_id=_who(identity), delegator_id=_who(identity),
        action_name="iam:CreateAccessKey", action_risk="high",
        token_parent_jti=parent, token_parent_issuer=ISSUER, token_issuer=ISSUER, token_jti=child,
        token_type="api_key", token_dialect="aws", actor_id=_user(record, user),
        **_outcome(record),
    )  # fmt: skip


def _key_ended(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """`DeleteAccessKey`, and `UpdateAccessKey` that makes one inactive. Sessions that were opened with
    it live on.
    """
    key = text(at(record, "requestParameters", "accessKeyId"))
    status = text(at(record, "requestParameters", "status"))
    if key is None or status == "Active":
        return _used(record, identity, time, origin)
    return made(
        REVOKE, Event(_NAME, need(record, "eventID"), time, origin), revocation_target="token",
        revocation_reason="admin", revocation_cascade=False, token_issuer=ISSUER, token_jti=key,
        actor_id=_who(identity), **_outcome(record),
    )  # fmt: skip


def _policy_put(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """`PutRolePolicy` with the console's policy ends every session of the role given so far."""
    if text(at(record, "requestParameters", "policyName")) != _REVOKES_SESSIONS:
        return _used(record, identity, time, origin)
    role = need(record, "requestParameters", "roleName")
    account = text(record.get("recipientAccountId")) or text(identity.get("accountId"))
    return made(
        REVOKE, Event(_NAME, need(record, "eventID"), time, origin), revocation_target="agent",
        revocation_reason="compromise", actor_id=f"arn:aws:iam::{account}:role/{role}",
        actor_issuer=ISSUER, token_issuer=ISSUER, delegator_id=_who(identity), **_outcome(record),
    )  # fmt: skip


def _used(record: Json, identity: Json, time: int, origin: Origin) -> Hop | None:
    """Any other call: the caller's key was presented to a service."""
    key = text(identity.get("accessKeyId"))
    if key is None:
        return None
    source, name = need(record, "eventSource"), need(record, "eventName")
    return made(
        USE, Event(_NAME, need(record, "eventID"), time, origin), kind=SERVER, service=source,
        token_issuer=ISSUER, token_jti=key, token_dialect="aws", presenter_id=_who(identity),
        action_name=f"{source.partition('.')[0]}:{name}", server_address=source, **_outcome(record),
    )  # fmt: skip


def _session_facts(record: Json, held: Any, origin: Origin) -> dict[str, Any]:
    answer = record.get("responseElements")
    session = text(at(answer, "assumedRoleUser", "arn")) or text(at(answer, "federatedUser", "arn"))
    asked = text(at(record, "requestParameters", "roleArn"))
    source_identity = text(at(record, "requestParameters", "sourceIdentity"))
    facts: dict[str, Any] = {
        "token_issuer": ISSUER,
        "token_jti": text(at(held, "accessKeyId")),
        "token_type": "aws_session",
        "token_dialect": "aws",
        "token_expires_at": _end(text(at(held, "expiration"))),
        "actor_id": _role(session) if session else asked,
        "actor_instance_id": _plain(session) if session else None,
    }
    if source_identity is not None:
        facts["subject_id"] = origin.persons.name(ISSUER, source_identity)
        facts["subject_issuer"] = ISSUER
    return facts


def _who(identity: Json) -> str | None:
    """The role or user that calls, by its ARN; of a session, the role it is of."""
    issuer = text(at(identity, "sessionContext", "sessionIssuer", "arn"))
    arn = issuer or text(identity.get("arn"))
    return _role(arn) if arn else text(identity.get("principalId"))


def _role(arn: str) -> str:
    """`arn:aws:sts::1:assumed-role/r/name` is a session of `arn:aws:iam::1:role/r`; a path that the
    role may have is not in it.
    """
    found = _SESSION.fullmatch(arn)
    if found is None:
        return arn
    return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}"


def _plain(arn: str) -> str:
    """A session is often named after a person's e-mail address."""
    head, slash, name = arn.rpartition("/")
    return f"{head}{slash}{pseudonym(ISSUER, name)}" if is_email(name) else arn


def _user(record: Json, name: str | None) -> str | None:
    account = text(record.get("recipientAccountId"))
    if name is None or is_email(name):
        return pseudonym(ISSUER, name) if name else None
    return f"arn:aws:iam::{account}:user/{name}" if account else name


def _outcome(record: Json) -> dict[str, Any]:
    code = text(record.get("errorCode"))
    denied = _refused(record)
    return {
        "decision_outcome": "deny" if denied else "allow",
        "decision_reason": denied,
        "error_type": code,
    }


def _refused(record: Json) -> str | None:
    code = text(record.get("errorCode"))
    return code if code and _DENIED.search(code) else None


def _end(said: str | None) -> int | None:
    if said is None:
        return None
    for form in _DATE:
        try:
            return int(datetime.strptime(said, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    try:
        return seconds(instant(said, "expiration"))
    except Unreadable:
        return None


_STS: Final = "sts.amazonaws.com"
_IAM: Final = "iam.amazonaws.com"
_EVENTS: Final[dict[tuple[str, str], Callable[[Json, Json, int, Origin], Hop | None]]] = {
    (_STS, "AssumeRole"): _assumed,
    (_STS, "AssumeRoot"): _assumed,
    (_STS, "GetFederationToken"): _assumed,
    (_STS, "GetSessionToken"): _assumed,
    (_STS, "AssumeRoleWithWebIdentity"): _federated,
    (_STS, "AssumeRoleWithSAML"): _federated,
    (_IAM, "CreateAccessKey"): _key_made,
    (_IAM, "DeleteAccessKey"): _key_ended,
    (_IAM, "UpdateAccessKey"): _key_ended,
    (_IAM, "PutRolePolicy"): _policy_put,
}

SOURCE: Final = Source(
    _NAME,
    "AWS CloudTrail events: eventName, eventSource, eventTime, userIdentity",
    proven=True,
    unwrap=unwrap,
    read=read,
)
