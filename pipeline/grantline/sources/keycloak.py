"""Keycloak's events: logins, exchanges, refreshes, revocations and logouts, and what admins end.

User events as the admin REST API and event listeners that forward them write them
(org.keycloak.events.Event: `type`, `time` in milliseconds, `clientId`, `userId`, `sessionId`, `details`), and
admin events (AdminEvent: `operationType`, `resourceType`, `resourcePath`); and both as the `jboss-logging`
listener has them in the server's own log (`type="LOGIN", clientId="app", ...`), plain or as JSON. An exchange names the new token and not the one it was made from: who it was made
for (`details.subject_token_client_id`) and the session are all that is said, and neither is a parent.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from grantline.model.hop import DELEGATE, GRANT, RENEW, REVOKE, Hop
from grantline.sources.facts import Event, at, instant, made, need, need_issuer, scopes, text, texts
from grantline.sources.source import Json, Origin, Source

_NAME: Final = "keycloak"
_METHODS: Final = {
    "urn:ietf:params:oauth:grant-type:token-exchange": "token_exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "jwt_bearer",
}


def unwrap(document: Any) -> Iterable[Any] | None:
    """An event, or a list of them."""
    if isinstance(document, list):
        return document
    return [document] if isinstance(document, dict) else None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One event; those that neither bring nor end a token are passed over."""
    if "loggerName" in record or "message" in record:
        return _logged(record, origin)
    if "operationType" in record:
        return _admin(record, origin)
    kind = need(record, "type")
    tell = _EVENTS.get(kind.removesuffix("_ERROR"))
    if tell is None or (kind.endswith("_ERROR") and tell is not _exchanged):
        return ()
    issuer = _issuer(record, origin)
    return tell(record, issuer, instant(record.get("time"), "time"), origin)


def _issuer(record: Json, origin: Origin) -> str:
    """The realm's that the event names: a server's own log has all its realms in it."""
    given = need_issuer(origin, "an event of Keycloak")
    base, realms, own = given.rstrip("/").rpartition("/realms/")
    realm = text(record.get("realmName"))
    return f"{base}{realms}{realm}" if realms and realm not in (None, own) else given


def _granted(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`CODE_TO_TOKEN`, `CLIENT_LOGIN`, and `LOGIN` where it brings a token at once. A browser's login
    brings a code, and the token comes with `CODE_TO_TOKEN`.
    """
    if text(at(record, "details", "token_id")) is None:
        return ()
    facts = _facts(record, issuer, origin)
    grant = made(GRANT, Event(_NAME, _identity(record), time, origin), **facts)
    refresh = text(at(record, "details", "refresh_token_id"))
    return [grant, _refresh(record, facts, refresh, time, origin)] if refresh else [grant]


def _exchanged(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`TOKEN_EXCHANGE`, and `TOKEN_EXCHANGE_ERROR`, which was refused."""
    refused = text(record.get("error"))
    reason = text(at(record, "details", "reason")) or refused
    return [
        made(
            DELEGATE, Event(_NAME, _identity(record), time, origin),
            delegator_id=text(at(record, "details", "subject_token_client_id")),
            delegator_issuer=issuer,
            decision_outcome="deny" if refused else "allow",
            decision_reason=reason if refused else None,
            error_type=refused,
            failed=refused is not None,
            **_facts(record, issuer, origin),
        )
    ]  # fmt: skip


def _renewed(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`REFRESH_TOKEN`: a new access token, and mostly a new refresh token, for the same authority."""
    used = text(at(record, "details", "refresh_token_id"))
    facts = _facts(record, issuer, origin)
    renewal = made(
        RENEW, Event(_NAME, _identity(record), time, origin),
        token_parent_jti=used, token_parent_issuer=issuer if used else None, **facts,
    )  # fmt: skip
    renewed = text(at(record, "details", "updated_refresh_token_id"))
    if renewed is None or renewed == used:
        return [renewal]
    return [renewal, _refresh(record, facts, renewed, time, origin)]


def _refresh(record: Json, facts: dict[str, Any], refresh: str, time: int, origin: Origin) -> Hop:
    """A refresh token is a second credential of what its access token was given for."""
    told = {name: facts[name] for name in ("token_issuer", "token_dialect", "session_id")}
    return made(
        RENEW, Event(_NAME, f"{_identity(record)} refresh", time, origin),
        token_jti=refresh, token_type="refresh_token", token_parent_jti=facts["token_jti"],
        token_parent_issuer=facts["token_issuer"], actor_id=facts["actor_id"], **told,
    )  # fmt: skip


def _revoked(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`REVOKE_GRANT` with a token's id (RFC 7009): that token, and not what was made of it, as
    Keycloak does it. Without one, a client's grant was taken back: all that the person gave it.
    """
    jti, client = text(at(record, "details", "token_id")), text(record.get("clientId"))
    person = text(record.get("userId"))
    common: dict[str, Any] = {"actor_id": client, "revocation_cascade": False}
    if jti is not None:
        return [
            made(
                REVOKE, Event(_NAME, _identity(record), time, origin), revocation_target="token",
                token_issuer=issuer, token_jti=jti, **common,
            )
        ]  # fmt: skip
    session = text(record.get("sessionId"))
    if session is not None:
        return [_session(record, issuer, session, time, origin)]
    if person is None:
        return ()
    return [_person(record, issuer, person, time, origin)]


def _logged_out(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`LOGOUT`: the session, with every token in it."""
    return [_session(record, issuer, need(record, "sessionId"), time, origin)]


def _session(record: Json, issuer: str, session: str, time: int, origin: Origin) -> Hop:
    return made(
        REVOKE, Event(_NAME, _identity(record), time, origin),
        revocation_target="session", revocation_reason="logout", session_id=session,
        subject_issuer=issuer, token_issuer=issuer, actor_id=text(record.get("clientId")),
    )  # fmt: skip


def _person(record: Json, issuer: str, person: str, time: int, origin: Origin) -> Hop:
    return made(
        REVOKE, Event(_NAME, _identity(record), time, origin),
        revocation_target="subject", subject_id=origin.persons.name(issuer, person),
        subject_issuer=issuer, token_issuer=issuer,
        # Beside a person, an actor says whose grants alone are meant: a client's, no administrator's.
        actor_id=text(record.get("clientId")),
        delegator_id=text(at(record, "authDetails", "userId")),
    )  # fmt: skip


def _admin(record: Json, origin: Origin) -> Sequence[Hop]:
    """What an administrator ends: a session, all sessions of a person, a person."""
    if text(record.get("error")):
        return ()
    path = (text(record.get("resourcePath")) or "").strip("/").split("/")
    operation, kind = text(record.get("operationType")), text(record.get("resourceType"))
    ended = _ended(operation, kind, path)
    if ended is None:
        return ()
    issuer = need_issuer(origin, "an event of Keycloak")
    time = instant(record.get("time"), "time")
    what, name = ended
    if what == "session":
        return [_session(record, issuer, name, time, origin)]
    return [_person(record, issuer, name, time, origin)]


def _ended(operation: str | None, kind: str | None, path: list[str]) -> tuple[str, str] | None:
    match operation, kind, path:
        case "DELETE", "USER_SESSION", ["sessions", session]:
            return "session", session
        case "DELETE", "USER", ["users", person]:
            return "subject", person
        case "ACTION", "USER", ["users", person, "logout"]:
            return "subject", person
        case _:
            return None


def _facts(record: Json, issuer: str, origin: Origin) -> dict[str, Any]:
    details = at(record, "details")
    method = text(at(details, "grant_type"))
    person = text(record.get("userId"))
    return {
        "method": _METHODS.get(method or "", method),
        "token_issuer": issuer,
        "token_jti": text(at(details, "token_id")),
        "token_dialect": _NAME,
        "session_id": text(record.get("sessionId")),
        "granted_scopes": scopes(at(details, "scope")),
        "audiences": texts(at(details, "audience")),
        "subject_id": origin.persons.name(issuer, person) if person else None,
        "subject_issuer": issuer if person else None,
        "actor_id": text(record.get("clientId")),
        "actor_issuer": issuer,
        "actor_client_id": text(record.get("clientId")),
    }


def _identity(record: Json) -> str:
    """The event's `id`. Older releases and the server's log have none: then all that it says."""
    said = text(record.get("id"))
    if said is not None:
        return said
    whole = json.dumps(record, sort_keys=True, default=str).encode("utf-8", "replace")
    return hashlib.sha256(whole).hexdigest()


def line(said: str) -> Any:
    """A line of the server's log: an event's, or any other, which is passed over; None for what is no line
    of a log. Its time has no zone: it is taken for UTC, as in a container.
    """
    found = _LINE.search(said)
    if found is None:
        return {"message": ""} if _GOES_ON.match(said) else None
    return {"message": said[found.end() :], "timestamp": found[0].replace(",", ".")}


def _logged(record: Json, origin: Origin) -> Sequence[Hop]:
    """An event within a line of the server's log (`message`, `timestamp`)."""
    said = record.get("message")
    begins = _EVENT.search(said) if isinstance(said, str) else None
    if begins is None or not isinstance(said, str):
        return ()
    pairs = {
        one["name"]: one["value"].strip("\"'").replace('\\"', '"')
        for one in _PAIR.finditer(said, begins.start())
    }
    told = {name: value for name, value in pairs.items() if value not in ("", "null")}
    event: dict[str, Any] = {name: told.pop(name) for name in _OWN if name in told}
    if "operationType" in event:
        # `realmName` is the administrator's realm here, and not the one that was worked on.
        event.pop("realmName", None)
        event["authDetails"] = {one: event.pop(one, None) for one in ("clientId", "userId")}
    return read({**event, "time": record.get("timestamp"), "details": told}, origin)


_LINE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_GOES_ON: Final = re.compile(
    r"\s|at \S+\(|Caused by: |\.\.\. \d+ more|[\w.$]+(?:Exception|Error)\b"
)
"""What follows the first line of a message: a stack, for the most part."""
_EVENT: Final = re.compile(r"(?:^|[\s\]])(?:type|operationType)=[\"']?[A-Z_]+")
_PAIR: Final = re.compile(
    r"""(?P<name>[\w.-]+)=(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^,]*)(?:,\s*|$)"""
)
_OWN: Final = (
    "type", "realmName", "clientId", "userId", "sessionId", "error", "operationType", "resourceType", "resourcePath",
)  # fmt: skip
"""Fields of an event; everything else on its line is one of its details."""

_EVENTS: Final[dict[str, Callable[[Json, str, int, Origin], Sequence[Hop]]]] = {
    "LOGIN": _granted,
    "CODE_TO_TOKEN": _granted,
    "CLIENT_LOGIN": _granted,
    "REFRESH_TOKEN": _renewed,
    "TOKEN_EXCHANGE": _exchanged,
    "REVOKE_GRANT": _revoked,
    "LOGOUT": _logged_out,
}

SOURCE: Final = Source(
    _NAME,
    "Keycloak's user and admin events (type, time, clientId, details) as JSON or in the server's log",
    proven=True,
    unwrap=unwrap,
    read=read,
    line=line,
    names_issuer=False,
)
