"""What came back from a token endpoint: a string, a mapping, an object or an HTTP response.

Nothing of an error but its code is taken: descriptions and messages may quote the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_CHALLENGES: Final = frozenset(
    {
        "insufficient_user_authentication",  # RFC 9470
        "interaction_required",  # OpenID Connect Core 3.1.2.6
        "use_dpop_nonce",  # RFC 9449
        "authorization_pending",  # RFC 8628, CIBA
    }
)
_HTTP_ERROR: Final = 400
_URN: Final = "urn:ietf:params:oauth:token-type:"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The new token, and the fields to record it with."""

    token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict)


def read(result: object) -> Exchanged:
    """The outcome of an exchange that returned (RFC 6749 5, RFC 8693 2.2)."""
    if isinstance(result, str):
        return Exchanged(result)
    body = _body(result)
    if isinstance(code := body.get("error"), str):
        return Exchanged(fields=_denied(code))
    if _status(result) >= _HTTP_ERROR:
        return Exchanged(fields={"error_type": str(_status(result)), "reason": "request_failed"})
    token, fields = body.get("access_token"), {}
    if not isinstance(token, str):
        token = getattr(result, "token", None)
    if isinstance(scope := body.get("scope"), str):
        fields["scopes"] = scope
    issued = body.get("issued_token_type")
    if isinstance(issued, str) and issued.startswith(_URN):
        fields["token_type"] = issued.removeprefix(_URN)
    refresh = body.get("refresh_token")
    return Exchanged(
        token if isinstance(token, str) else None,
        refresh if isinstance(refresh, str) else None,
        fields,
    )


def failed(error: BaseException) -> Exchanged:
    """The outcome of an exchange that raised: the OAuth error code if it carries one."""
    code = getattr(error, "error", None)
    if not isinstance(code, str):
        response = getattr(error, "response", None)
        code = _body(response).get("error") if response is not None else None
    kind = type(error)
    fields = {"error_type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    return Exchanged(fields=fields | (_denied(code) if isinstance(code, str) else {}))


def _denied(code: str) -> dict[str, str]:
    outcome = "challenge" if code in _CHALLENGES else "deny"
    return {"outcome": outcome, "reason": code, "error_type": code}


def _status(result: object) -> int:
    status = getattr(result, "status_code", 0)
    return status if isinstance(status, int) else 0


def _body(result: object) -> Mapping[str, Any]:
    """The token response as a mapping, however the HTTP client hands it out."""
    if isinstance(result, Mapping):
        return result
    if _status(result) and callable(parse := getattr(result, "json", None)):
        try:
            body = parse()
        except Exception:  # noqa: BLE001 - any client's parser, any body
            return {}
        return body if isinstance(body, Mapping) else {}
    names = ("access_token", "refresh_token", "scope", "issued_token_type", "error")
    return {name: getattr(result, name, None) for name in names}
