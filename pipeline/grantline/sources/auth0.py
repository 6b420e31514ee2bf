"""Auth0's tenant logs: tokens granted, exchanged and refreshed, refresh tokens revoked, sessions ended.

Events as the Management API and log streams (`data`) and EventBridge (`detail.data`) give them
(auth0.com/docs: tenant logs, log event type codes): `type`, `date`, `client_id`, `user_id`, `agent_id`,
`audience`, `scope`, `hostname`. They name no token: spans of the tokens do, and a session
(`details.session_id`) where there is one. `agent_id` acts where it is told. People go by `user_id`, never by
`user_name`, which is their e-mail address; of `details`, which may hold a request's body, nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    text,
    texts,
)
from grantline.sources.source import Json, Origin, Source

_NAME: Final = "auth0"
_ISSUES: Final = {
    "seacft": (GRANT, "authorization_code"),
    "sepft": (GRANT, "other"),
    "sede": (GRANT, "device_code"),
    "seccft": (GRANT, "client_credentials"),
    "sertft": (RENEW, "refresh_token"),
    "sdeleacft": (DELEGATE, "authorization_code"),
    "secte": (DELEGATE, "token_exchange"),
    "success_on_behalf_of_token_exchange": (DELEGATE, "token_exchange"),
    "idjag_exchange_succeeded": (DELEGATE, "id_jag"),
    "seta": (DELEGATE, "token_exchange"),
}
_REFUSES: Final = {
    "fdeleacft": "authorization_code",
    "fecte": "token_exchange",
    "failed_on_behalf_of_token_exchange": "token_exchange",
    "idjag_exchange_failed": "id_jag",
    "feta": "token_exchange",
}
"""Failed exchanges; failed logins are not of a delegation."""
_REVOKES: Final = "srrt"
_LOGGED_OUT: Final = "slo"
_DELETED: Final = "sdu"


def unwrap(document: Any) -> Iterable[Any] | None:
    """An event, a list of them, or each in the envelope of a stream."""
    if isinstance(document, list):
        return inside(unwrap, document)
    if not isinstance(document, Mapping):
        return None
    if isinstance(logs := document.get("logs"), list):
        return inside(unwrap, logs)
    inner = document.get("detail")
    inner = (inner if isinstance(inner, Mapping) else document).get("data")
    return [inner if isinstance(inner, Mapping) else document]


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One event; those that neither bring nor end a token are passed over."""
    kind = need(record, "type")
    if issued := _ISSUES.get(kind):
        return [_issued(record, *issued, None, origin)]
    if method := _REFUSES.get(kind):
        reason = text(record.get("description")) or kind
        return [_issued(record, DELEGATE, method, reason, origin)]
    if kind == _LOGGED_OUT:
        return _session(record, origin)
    if kind == _REVOKES:
        return _person(record, origin, text(record.get("client_id")), "user_request")
    return _person(record, origin, None, "admin") if kind == _DELETED else ()


def _issued(record: Json, operation: str, method: str, refused: str | None, origin: Origin) -> Hop:
    issuer, person = _issuer(record, origin), text(record.get("user_id"))
    client, agent = text(record.get("client_id")), text(record.get("agent_id"))
    own = client if method == "client_credentials" else None
    said = scopes(record.get("scope"))
    return made(
        operation, _event(record, origin), method=method, token_issuer=issuer, token_dialect=_NAME,
        session_id=_session_of(record),
        # Auth0 calls a client that acts for itself so.
        subject_id=origin.persons.name(issuer, person) if person else own and f"{own}@clients",
        subject_issuer=issuer, subject_type="service" if own and not person else None,
        actor_id=agent or client, actor_issuer=issuer, actor_client_id=client,
        actor_type="ai_agent" if agent else None,
        requested_scopes=said if refused else None, granted_scopes=None if refused else said,
        audiences=texts(record.get("audience")),
        decision_outcome="deny" if refused else "allow", decision_reason=refused,
        error_type=text(record.get("type")) if refused else None, failed=refused is not None,
    )  # fmt: skip


def _session(record: Json, origin: Origin) -> Sequence[Hop]:
    session = _session_of(record)
    if session is None:
        return ()
    issuer = _issuer(record, origin)
    return [
        made(
            REVOKE, _event(record, origin), revocation_target="session",
            revocation_reason="logout", session_id=session, subject_issuer=issuer,
            token_issuer=issuer, actor_id=text(record.get("client_id")),
        )
    ]  # fmt: skip


def _person(record: Json, origin: Origin, client: str | None, why: str) -> Sequence[Hop]:
    """What a person gave: to one client, whose grant goes with its refresh token as Auth0 has it by
    default; or to everybody, once the person is deleted.
    """
    person = text(record.get("user_id"))
    if person is None:
        return ()
    issuer = _issuer(record, origin)
    return [
        made(
            REVOKE, _event(record, origin), revocation_target="subject", revocation_reason=why,
            subject_id=origin.persons.name(issuer, person), subject_issuer=issuer,
            token_issuer=issuer, actor_id=client,
        )
    ]  # fmt: skip


def _issuer(record: Json, origin: Origin) -> str:
    """The tenant's host that was asked, a custom domain or its own, is what tokens name."""
    host = text(record.get("hostname"))
    if origin.issuer is None and host is not None:
        return f"https://{host}/"
    return need_issuer(origin, "this event of Auth0")


def _session_of(record: Json) -> str | None:
    return text(record.get("session_id")) or text(at(record, "details", "session_id"))


def _event(record: Json, origin: Origin) -> Event:
    identity = text(record.get("log_id")) or need(record, "_id")
    return Event(_NAME, identity, instant(record.get("date"), "date"), origin)


SOURCE: Final = Source(
    _NAME,
    "Auth0 tenant log events: log_id, type, date, client_id, user_id",
    proven=False,
    unwrap=unwrap,
    read=read,
)
