"""Okta's System Log: tokens granted, exchanged and revoked, sessions and people ended.

LogEvents as `/api/v1/logs` and log streaming (EventBridge's `detail`, Splunk's `event`) give them: `eventType`, `actor`,
`target`, `outcome`, `debugContext.debugData` (developer.okta.com: System Log API, event types). A granted
token is a target of type `access_token`, `refresh_token` or `id_jag`, whose `id` is the token's `jti`; its
`hash` is not looked at. People go by their Okta id (`uid` in a token), never by `alternateId`, which is
their e-mail address. An exchange does not name the token it was made from: a gap, as at Keycloak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from grantline.model.hop import DELEGATE, GRANT, RENEW, REVOKE, Hop
from grantline.sources.facts import (
    Event,
    at,
    inside,
    instant,
    made,
    need,
    need_issuer,
    scopes,
    seconds,
    text,
)
from grantline.sources.source import Json, Origin, Source, Unreadable

_NAME: Final = "okta"
_GRANTED: Final = re.compile(
    r"app\.oauth2(?:\.as)?\.token\.grant(?:\.(?P<kind>access_token|refresh_token|id_jag))?"
)
"""Without a kind it is the event of a refusal. An ID token says who somebody is, and gives nothing."""
_REVOKED: Final = re.compile(
    r"app\.oauth2(?:\.as)?\.token\.revoke(?:\.implicit\.(?P<of>user|client))?"
)
_SERVER: Final = re.compile(r"(?:https?://[^/]+)?(?P<server>/oauth2/[^/?#]+)/v1/\w+(?:[?#].*)?")
"""`requestUri` of an authorization server of its own; the org's is `/oauth2/v1/token`."""
_PERSON_ENDED: Final = frozenset(
    {"user.lifecycle.deactivate", "user.lifecycle.suspend", "user.session.clear"}
)
_METHODS: Final = {
    "authorization_code": "authorization_code",
    "client_credentials": "client_credentials",
    "refresh_token": "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code": "device_code",
    "urn:openid:params:grant-type:ciba": "ciba",
    "urn:ietf:params:oauth:grant-type:token-exchange": "token_exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "jwt_bearer",
}
_EXCHANGES: Final = frozenset({"token_exchange", "jwt_bearer", "id_jag"})
_AGENTS: Final = frozenset({"WorkloadIdentityPrincipal", "WorkloadPrincipal", "AIAgent"})


def unwrap(document: Any) -> Iterable[Any] | None:
    """An event, a list of them, or the envelope of one: EventBridge's, or Splunk's (`event`)."""
    if isinstance(document, list):
        return inside(unwrap, document)
    if not isinstance(document, Mapping):
        return None
    for name in ("detail", "event"):
        if isinstance(packed := document.get(name), Mapping):
            return [packed]
    return [document]


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One event; those that neither bring nor end a token are passed over."""
    kind = need(record, "eventType")
    failed = text(at(record, "outcome", "result")) in ("FAILURE", "DENY")
    if granted := _GRANTED.fullmatch(kind):
        return _granted(record, granted["kind"], failed, origin)
    if failed:
        return ()
    if revoked := _REVOKED.fullmatch(kind):
        return _revoked(record, revoked["of"], origin)
    if kind == "user.session.end":
        return _session(record, origin)
    return _person(record, origin) if kind in _PERSON_ENDED else ()


def _granted(record: Json, kind: str | None, failed: bool, origin: Origin) -> Sequence[Hop]:
    method = _method(record, kind)
    if failed and method not in _EXCHANGES:
        return ()
    token = _target(record, kind) if kind else {}
    jti = text(token.get("id"))
    if jti is None and not failed:
        return ()
    issuer = _issuer(record, origin)
    refused = _reason(record) if failed else None
    client, client_type = _client(record)
    person = _subject(record, token, client)
    operation = DELEGATE if method in _EXCHANGES else RENEW if method == "refresh_token" else GRANT
    return [
        made(
            operation, _event(record, origin), method=method, token_issuer=issuer, token_jti=jti,
            token_type=kind, token_dialect=_NAME, token_expires_at=_end(token),
            requested_scopes=_scopes(record, "requestedScopes"),
            granted_scopes=None if failed else _scopes(record, "grantedScopes"),
            audiences=_audiences(record), session_id=_session_of(record),
            subject_id=origin.persons.name(issuer, person) if person else client,
            subject_issuer=issuer, subject_type=None if person else "service",
            actor_id=client, actor_issuer=issuer, actor_client_id=client,
            actor_type="ai_agent" if client_type in _AGENTS else None,
            decision_outcome="deny" if failed else "allow", decision_reason=refused,
            error_type=refused, failed=failed,
        )
    ]  # fmt: skip


def _method(record: Json, kind: str | None) -> str | None:
    said = text(_debug(record, "grantType"))
    method = _METHODS.get(said or "", said)
    # Both legs of cross-app access: the assertion, and what it is redeemed for by an agent.
    return "id_jag" if kind == "id_jag" else method


def _revoked(record: Json, of: str | None, origin: Origin) -> Sequence[Hop]:
    """The tokens that are named; or all that a person, or a client, was given."""
    if of == "user":
        return _person(record, origin)
    issuer, event = _issuer(record, origin), _event(record, origin)
    client = _client(record)[0]
    if of == "client":
        target = _target(record, "PublicClientApp", "AppInstance")
        named = text(target.get("id")) or client
        return [
            made(
                REVOKE, event, revocation_target="agent", actor_id=named, actor_issuer=issuer,
                token_issuer=issuer,
            )
        ] if named else ()  # fmt: skip
    return [
        made(
            REVOKE, event._replace(identity=f"{event.identity} {jti}"), revocation_target="token",
            # Revoking an access token leaves its refresh token be; the other way about both end.
            revocation_cascade=token.get("type") == "refresh_token",
            token_issuer=issuer, token_jti=jti, token_type=text(token.get("type")), actor_id=client,
        )
        for token in _targets(record, "access_token", "refresh_token")
        if (jti := text(token.get("id")))
    ]  # fmt: skip


def _session(record: Json, origin: Origin) -> Sequence[Hop]:
    """Signed out. Tokens that were given in the session are not taken back at Okta, but nobody who
    signed out expects them to be used.
    """
    issuer, session = _issuer(record, origin), _session_of(record)
    if session is None:
        raise Unreadable("authenticationContext.externalSessionId is missing", "missing_attribute")
    return [
        made(
            REVOKE, _event(record, origin), revocation_target="session",
            revocation_reason="logout", session_id=session, subject_issuer=issuer,
            token_issuer=issuer, actor_id=text(at(record, "actor", "id")),
        )
    ]  # fmt: skip


def _person(record: Json, origin: Origin) -> Sequence[Hop]:
    person = text(_target(record, "User").get("id"))
    if person is None:
        raise Unreadable("target names no User", "missing_attribute")
    issuer = _issuer(record, origin)
    return [
        made(
            REVOKE, _event(record, origin), revocation_target="subject",
            revocation_reason="admin", subject_id=origin.persons.name(issuer, person),
            subject_issuer=issuer, token_issuer=issuer, delegator_id=text(at(record, "actor", "id")),
        )
    ]  # fmt: skip


def _issuer(record: Json, origin: Origin) -> str:
    """The org's URL, with the path of the authorization server that was asked (`iss`)."""
    given = need_issuer(origin, "an event of Okta").rstrip("/")
    org = given.partition("/oauth2/")[0]
    asked = text(_debug(record, "requestUri"))
    found = _SERVER.fullmatch(asked) if asked else None
    if found is not None:
        return org + found["server"]
    # The org's own server has no name in its path. What is told of a session or a person holds at
    # every server, and one is named here: the one that was given.
    return org if need(record, "eventType").startswith("app.oauth2.token.grant") else given


def _client(record: Json) -> tuple[str | None, str | None]:
    """The application or agent that asked, and what kind it is of."""
    kind = text(at(record, "actor", "type"))
    if kind is not None and kind != "User":
        return text(at(record, "actor", "id")), kind
    return text(at(record, "client", "id")), None


def _subject(record: Json, token: Json, client: str | None) -> str | None:
    """Whose authority it is; None where the client acts for itself."""
    person = text(_target(record, "User").get("id"))
    if person is None and text(at(record, "actor", "type")) == "User":
        person = text(at(record, "actor", "id"))
    person = person or text(at(token, "detailEntry", "subject"))
    return None if person == client else person


def _target(record: Json, *kinds: str) -> Json:
    """The first of these kinds; empty where there is none."""
    return next(_targets(record, *kinds), {})


def _targets(record: Json, *kinds: str) -> Iterator[Json]:
    found = record.get("target")
    listed = found if isinstance(found, list) else []
    return iter([one for one in listed if isinstance(one, Mapping) and one.get("type") in kinds])


def _audiences(record: Json) -> tuple[str, ...] | None:
    said = text(_debug(record, "authorizationServerAudience")) or text(_debug(record, "resource"))
    return (said,) if said else None


def _scopes(record: Json, name: str) -> tuple[str, ...] | None:
    said = _debug(record, name)
    return scopes(said.replace(",", " ") if isinstance(said, str) else said)


def _end(token: Json) -> int | None:
    said = at(token, "detailEntry", "expires")
    return None if said is None else seconds(instant(said, "detailEntry.expires"))


def _session_of(record: Json) -> str | None:
    """Outside of a session it is called `unknown`."""
    said = text(at(record, "authenticationContext", "externalSessionId"))
    return None if said == "unknown" else said


def _reason(record: Json) -> str:
    return text(at(record, "outcome", "reason")) or "refused"


def _debug(record: Json, name: str) -> Any:
    return at(record, "debugContext", "debugData", name)


def _event(record: Json, origin: Origin) -> Event:
    time = instant(record.get("published"), "published")
    return Event(_NAME, need(record, "uuid"), time, origin)


SOURCE: Final = Source(
    _NAME,
    "Okta System Log events: uuid, eventType, published, actor, target, outcome",
    proven=False,
    unwrap=unwrap,
    read=read,
    names_issuer=False,
)
