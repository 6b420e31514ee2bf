"""Security event tokens (RFC 8417) of CAEP and RISC, as SSF transmitters push them (RFC 8935).

A token's payload, or the token itself in its compact form: nothing is verified here, since whoever
received it has done so. Revocations become revocations: of a session, a person, or one token (RFC 9493
subject identifiers; `jwt_id` names a token). Other events (device compliance, assurance, risk) change
no authority that was given, and are passed over.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from grantline.model.hop import REVOKE, Hop
from grantline.sources.facts import Event, at, instant, made, text
from grantline.sources.source import Json, Origin, Source, Unreadable

_NAME: Final = "caep"
_CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
_ENDS: Final[Mapping[str, str | None]] = {
    f"{_CAEP}session-revoked": None,
    f"{_RISC}sessions-revoked": None,
    f"{_RISC}account-disabled": None,
    f"{_RISC}account-purged": None,
    f"{_RISC}credential-compromise": "compromise",
    f"{_RISC}account-credential-change-required": "compromise",
}
"""Event -> the reason it gives by itself. RISC's `sessions-revoked` is CAEP's older sister."""
_COMPACT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_BY: Final = {"admin": "admin", "user": "user_request", "policy": "policy", "system": "policy"}
"""`initiating_entity` (CAEP 1.0 section 2)."""


def unwrap(document: Any) -> Iterable[Any] | None:
    """A payload, a list of them, a compact token, or RFC 8936's poll answer (`sets`)."""
    if isinstance(document, dict) and isinstance(document.get("sets"), dict):
        return [_payload(one) for one in document["sets"].values()]
    if isinstance(document, list):
        return [_payload(one) for one in document]
    if isinstance(document, dict | str):
        return [_payload(document)]
    return None


def line(said: str) -> Any:
    """A compact token as it was pushed (RFC 8935), without quotes."""
    said = said.strip()
    return said if _COMPACT.fullmatch(said) else None


def _payload(document: Any) -> Any:
    """The claims of a compact token; a payload as it is."""
    if not isinstance(document, str) or document.count(".") != 2:
        return document
    part = document.split(".")[1]
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One token, which mostly holds one event."""
    events = record.get("events")
    if not isinstance(events, Mapping):
        raise Unreadable("events is missing: this is no security event token")
    found = [_event(record, name, event, origin) for name, event in events.items()]
    return [hop for hop in found if hop is not None]


def _event(record: Json, name: str, event: Any, origin: Origin) -> Hop | None:
    if name not in _ENDS or not isinstance(event, Mapping):
        return None
    moment = event.get("event_timestamp", record.get("toe", record.get("iat")))
    time = instant(moment, "event_timestamp")
    issuer = text(record.get("iss"))
    subject = record.get("sub_id") or event.get("subject") or record.get("subject")
    target = _target(subject, issuer, origin)
    if target is None:
        raise Unreadable("sub_id names no session, person or token by issuer and name (RFC 9493)")
    by = text(event.get("initiating_entity"))
    reason = _ENDS[name] or _BY.get(by or "")
    identity = text(record.get("jti")) or f"{issuer} {time} {sorted(target.items())}"
    return made(
        REVOKE, Event(_NAME, f"{identity} {name}", time, origin), revocation_reason=reason,
        decision_reason=text(at(event, "reason_admin", "en")),
        **target,
    )  # fmt: skip


def _target(subject: Any, issuer: str | None, origin: Origin) -> dict[str, Any] | None:
    """What is named: a complex subject (`user`, `session`, ...) by its narrowest member."""
    if not isinstance(subject, Mapping):
        return None
    for member in ("session", "user"):
        for one in _aliases(subject.get(member)):
            inner = _simple(one, issuer, origin, member)
            if inner is not None:
                return inner
    found = [_simple(one, issuer, origin, "session") for one in _aliases(subject)]
    return next(filter(None, found), None)


def _aliases(subject: Any) -> list[Json]:
    """The subject, or each of the names it has (RFC 9493 section 3.2.8)."""
    if not isinstance(subject, Mapping):
        return []
    others = subject.get("identifiers") if subject.get("format") == "aliases" else None
    return (
        [one for one in others if isinstance(one, Mapping)]
        if isinstance(others, list)
        else [subject]
    )


def _simple(
    subject: Json, issuer: str | None, origin: Origin, opaque_is: str
) -> dict[str, Any] | None:
    form = text(subject.get("format")) or text(subject.get("subject_type"))
    iss = text(subject.get("iss")) or issuer
    if iss is None:
        return None
    if form in {"iss_sub", "iss-sub"} and (name := text(subject.get("sub"))):
        return {
            "revocation_target": "subject", "subject_id": origin.persons.name(iss, name),
            "subject_issuer": iss, "token_issuer": iss,
        }  # fmt: skip
    if form == "jwt_id" and (jti := text(subject.get("jti"))):
        return {"revocation_target": "subtree", "token_issuer": iss, "token_jti": jti}
    if form == "opaque" and opaque_is == "session" and (name := text(subject.get("id"))):
        return {
            "revocation_target": "session", "session_id": name, "subject_issuer": iss,
            "token_issuer": iss,
        }  # fmt: skip
    if form == "email" and (name := text(subject.get("email"))):
        return {
            "revocation_target": "subject", "subject_id": origin.persons.name(iss, name),
            "subject_issuer": iss, "token_issuer": iss,
        }  # fmt: skip
    return None


SOURCE: Final = Source(
    _NAME,
    "security event tokens of CAEP and RISC (RFC 8417): iss, jti, iat, events",
    proven=False,
    unwrap=unwrap,
    read=read,
    line=line,
)
