"""What comes back from an exchange: the new credential, and what is said of it beside it.

A token's own claims go before what its answer says; that is for the caller to hold, who has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from grantline.dialects import scope_names
from grantline.dialects.refusals import Refusal, refusal
from grantline.dialects.token_types import by_urn
from grantline.dialects.values import moment, scope_list, text, whole

Json = Mapping[str, Any]

MAX_LIFETIME: Final = 100 * 366 * 86_400
"""Seconds of `expires_in` above which it is no lifetime: more than a century."""
_MILLISECONDS: Final = 10**11
"""A moment above this (the year 5138) was told in milliseconds, as JavaScript and AWS SSO do."""
_TOKENS: Final = ("access_token", "accessToken", "token")
"""RFC 6749; Google's `generateAccessToken` and Azure's CLI; GitHub's installations, others."""
_MOMENTS: Final = ("expires_at", "expires_on", "expireTime")
"""GitHub and client libraries; Azure; Google. Points in time, not lifetimes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a token endpoint; what it does not say is None."""

    token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    refusal: Refusal | None = None
    dialect: str | None = None
    type: str | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: int | None = None
    """NumericDate, seconds."""
    issuer: str | None = None
    jti: str | None = None
    subject: str | None = None
    actor: str | None = None


def read(body: Json, now: float) -> Answer:
    """A token answer by RFC 6749 section 5 and RFC 8693 section 2.2; `now` is seconds since 1970.

    Nothing raises: answers come from outside.
    """
    if (refused := refusal(body)) is not None:
        return Answer(refusal=refused)
    token = next((found for name in _TOKENS if (found := text(body.get(name)))), None)
    return Answer(
        token=token,
        refresh_token=text(body.get("refresh_token")),
        id_token=text(body.get("id_token")),
        dialect=token and by_prefix(token),
        type=by_urn(body.get("issued_token_type")),
        scopes=_scopes(body),
        expires_at=expiry(body, now),
        jti=None if token is None else text(body.get("jti")),
    )


def expiry(body: Json, now: float) -> int | None:
    """When what was issued ends: a moment before a lifetime; None for none, or a negative one."""
    for name in _MOMENTS:
        if (at := point(body.get(name))) is not None:
            return at
    lifetime = whole(body.get("expires_in"))
    if lifetime is None:
        lifetime = whole(body.get("expiresIn"))
    if lifetime is None or not 0 < lifetime <= MAX_LIFETIME:
        return None
    return int(now) + lifetime


def point(value: object) -> int | None:
    """A moment of an answer in seconds; None for none, and for one before 1970."""
    at = moment(value)
    if at is None or at <= 0:
        return None
    return at // 1000 if at > _MILLISECONDS else at


def _scopes(body: Json) -> tuple[str, ...] | None:
    """`scope`; GitHub's installations have permissions instead: a name and a level each."""
    found = scope_list(body.get("scope"))
    if found is None:
        found = scope_list(body.get("scopes"))
    permissions = body.get("permissions")
    if found is None and isinstance(permissions, Mapping):
        levels = [(n, v) for n, v in permissions.items() if isinstance(n, str)]
        found = tuple(scope_names.permission(f"{n}:{v}") for n, v in levels if isinstance(v, str))
    return found


_PREFIXES: Final = {
    "gho_": "github",
    "ghu_": "github",
    "ghs_": "github",
    "ghp_": "github",
    "ghr_": "github",
    "github_pat_": "github",
    "xoxb-": "slack",
    "xoxp-": "slack",
    "xoxe-": "slack",
    "xoxe.": "slack",
    "xapp-": "slack",
    "ya29.": "google",
}


def by_prefix(token: str) -> str | None:
    """The dialect of an opaque token that says by its first letters whose it is."""
    return next((name for start, name in _PREFIXES.items() if token.startswith(start)), None)
