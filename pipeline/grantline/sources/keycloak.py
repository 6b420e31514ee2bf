"""Keycloak's events: logins, exchanges, refreshes, revocations and logouts, and what admins end.

User events as the admin REST API, the `jboss-logging` provider in JSON, and event listeners that
forward them write them (org.keycloak.events.Event: `type`, `time` in milliseconds, `clientId`, `userId`,
`sessionId`, `details`), and admin events (AdminEvent: `operationType`, `resourceType`,
`resourcePath`). An exchange names the new token and not the one it was made from: who it was made
for (`details.subject_token_client_id`) and the session are all that is said, and neither is a parent.
"""

from __future__ import annotations

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
    if "operationType" in record:
        return _admin(record, origin)
    kind = need(record, "type")
    tell = _EVENTS.get(kind.removesuffix("_ERROR"))
    if tell is None or (kind.endswith("_ERROR") and tell is not _exchanged):
        return ()
    issuer = need_issuer(origin, "an event of Keycloak")
    return tell(record, issuer, instant(record.get("time"), "time"), origin)


def _granted(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`CODE_TO_TOKEN`, `CLIENT_LOGIN`, and `LOGIN` where it brings a token at once. A browser's login
    brings a code, and the token comes with `CODE_TO_TOKEN`.
    """
    if text(at(record, "details", "token_id")) is None:
        return ()
    facts = _facts(record, issuer, origin)
    grant = made(GRANT, Event(_NAME, need(record, "id"), time, origin), **facts)
    refresh = text(at(record, "details", "refresh_token_id"))
    return [grant, _refresh(record, facts, refresh, time, origin)] if refresh else [grant]


def _exchanged(record: Json, issuer: str, time: int, origin: Origin) -> Sequence[Hop]:
    """`TOKEN_EXCHANGE`, and `TOKEN_EXCHANGE_ERROR`, which was refused."""
    refused = text(record.get("error"))
    reason = text(at(record, "details", "reason")) or refused
    return [
        made(
            DELEGATE, Event(_NAME, need(record, "id"), time, origin),
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
        RENEW, Event(_NAME, need(record, "id"), time, origin),
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
        RENEW, Event(_NAME, f"{need(record, 'id')} refresh", time, origin),
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
                REVOKE, Event(_NAME, need(record, "id"), time, origin), revocation_target="token",
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
        REVOKE, Event(_NAME, need(record, "id"), time, origin),
        revocation_target="session", revocation_reason="logout", session_id=session,
        subject_issuer=issuer, token_issuer=issuer, actor_id=text(record.get("clientId")),
    )  # fmt: skip


def _person(record: Json, issuer: str, person: str, time: int, origin: Origin) -> Hop:
    return made(
        REVOKE, Event(_NAME, need(record, "id"), time, origin),
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
    "Keycloak's user and admin events as JSON: type, time, clientId, details",
    proven=True,
    unwrap=unwrap,
    read=read,
    names_issuer=False,
)
