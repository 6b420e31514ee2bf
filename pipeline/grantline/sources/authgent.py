"""The audit log of authgent-server, a row a token: jti and parent jti, and no scopes.

Rows of table `audit_log`, as its API gives them: `action`, `timestamp` (UTC without a zone), `actor`,
`subject`, `client_id`, `metadata`. Where a deployment adds the token's `claims` to the metadata,
they are read, too. Where nothing is said here, nothing is in the row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from grantline.model.hop import DELEGATE, GRANT, RENEW, REVOKE, Hop
from grantline.sources.facts import (
    Event,
    at,
    instant,
    made,
    need,
    need_issuer,
    scopes,
    seconds,
    text,
    texts,
)
from grantline.sources.source import Json, Origin, Source, Unreadable

_NAME: Final = "authgent"
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def unwrap(document: Any) -> Iterable[Any] | None:
    """A row, a list of rows, or the API's page of them (`items`, `entries`)."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in ("items", "entries", "logs"):
            if isinstance(document.get(name), list):
                found: list[Any] = document[name]
                return found
        return [document]
    return None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One row. Actions that bring no token into being and end none are passed over."""
    action = need(record, "action")
    if isinstance(
        packed := record.get("metadata"), str
    ):  # a row of the table, as a database writes it
        try:
            record = {**record, "metadata": json.loads(packed)}
        except (ValueError, RecursionError):
            raise Unreadable("metadata is no JSON") from None
    tell = _ACTIONS.get(action)
    if tell is None:
        return ()
    issuer = text(at(record, "metadata", "iss")) or need_issuer(origin, "an audit log of authgent")
    time = instant(record.get("timestamp"), "timestamp")
    return [tell(record, issuer, time, origin)]


def _issued(record: Json, issuer: str, time: int, origin: Origin) -> Hop:
    """`token.issued`: authority enters, by a person's consent or a client's own credentials."""
    method = text(at(record, "metadata", "grant_type"))
    return made(
        GRANT, Event(_NAME, need(record, "id"), time, origin),
        method=method, **_token(record, issuer, time), **_parties(record, issuer, origin),
    )  # fmt: skip


def _exchanged(record: Json, issuer: str, time: int, origin: Origin) -> Hop:
    """`token.exchanged`, and the transaction tokens and chaining grants made of a token: only the
    first names the token it was made from. An exchange of an ID token is how a person's authority
    enters: that token is the identity provider's, and no delegation of this issuer.
    """
    parent = text(at(record, "metadata", "parent_jti"))
    kind = text(at(record, "metadata", "subject_token_type")) or ""
    if parent is None and kind.endswith(":id_token"):
        return _issued(record, issuer, time, origin)
    return made(
        DELEGATE, Event(_NAME, need(record, "id"), time, origin),
        method="token_exchange", token_parent_jti=parent,
        token_parent_issuer=issuer if parent else None,
        transaction_id=text(at(record, "metadata", "txn")),
        **_token(record, issuer, time), **_parties(record, issuer, origin),
    )  # fmt: skip


def _consumed(record: Json, issuer: str, time: int, origin: Origin) -> Hop:
    """`token.chaining_grant_consumed` (RFC 7523): a token for an assertion of this or another issuer."""
    return made(
        DELEGATE, Event(_NAME, need(record, "id"), time, origin),
        method="jwt_bearer", token_parent_jti=text(at(record, "metadata", "assertion_jti")),
        token_parent_issuer=text(at(record, "metadata", "assertion_iss")),
        **_token(record, issuer, time), **_parties(record, issuer, origin),
    )  # fmt: skip


def _refreshed(record: Json, issuer: str, time: int, origin: Origin) -> Hop:
    """`token.refreshed`: a new credential for the same authority."""
    return made(
        RENEW, Event(_NAME, need(record, "id"), time, origin),
        token_parent_jti=text(at(record, "metadata", "parent_jti")), token_parent_issuer=issuer,
        **_token(record, issuer, time), **_parties(record, issuer, origin),
    )  # fmt: skip


def _revoked(record: Json, issuer: str, time: int, origin: Origin) -> Hop:
    """`token.revoked`: by its holder's client, and all that was made of it with it."""
    return made(
        REVOKE, Event(_NAME, need(record, "id"), time, origin),
        revocation_target="subtree", token_issuer=issuer,
        token_jti=need(record, "metadata", "jti"), actor_id=text(record.get("client_id")),
    )  # fmt: skip


def _token(record: Json, issuer: str, time: int) -> dict[str, Any]:
    claims = at(record, "metadata", "claims")
    ttl = at(record, "metadata", "ttl")
    expires = at(claims, "exp")
    if expires is None and isinstance(ttl, int) and not isinstance(ttl, bool):
        expires = seconds(time) + ttl
    return {
        "token_issuer": issuer,
        "token_jti": text(at(record, "metadata", "jti")) or text(at(claims, "jti")),
        "token_dialect": "authgent",
        # JSON's integers have no end, a frame's have: what no clock shows is no time.
        "token_expires_at": expires
        if isinstance(expires, int) and abs(expires) < 1 << 53
        else None,
        "audiences": texts(at(record, "metadata", "audience")) or texts(at(claims, "aud")),
        "granted_scopes": scopes(at(record, "metadata", "scope")) or scopes(at(claims, "scope")),
    }


def _parties(record: Json, issuer: str, origin: Origin) -> dict[str, Any]:
    subject, actor = text(record.get("subject")), text(record.get("client_id"))
    return {
        "subject_id": origin.persons.name(issuer, subject) if subject else None,
        "subject_issuer": issuer if subject else None,
        "actor_id": f"client:{actor}" if actor else text(record.get("actor")),
        "actor_issuer": issuer,
        "actor_client_id": actor,
    }


_ACTIONS: Final[dict[str, Callable[[Json, str, int, Origin], Hop]]] = {
    "token.issued": _issued,
    "token.exchanged": _exchanged,
    "token.txn_token_issued": _exchanged,
    "token.chaining_grant_issued": _exchanged,
    "token.chaining_grant_consumed": _consumed,
    "token.refreshed": _refreshed,
    "token.revoked": _revoked,
}

SOURCE: Final = Source(
    _NAME,
    "the audit log of authgent-server: rows with action, timestamp and metadata, as a JSON list",
    proven=True,
    unwrap=unwrap,
    read=read,
    names_issuer=False,
)
