"""What an error of an issuer means: no, or not before somebody has done something.

A challenge is an answer after which the same request can succeed once a person has consented,
signed in or stepped up, once the client has waited, or has proved more. Everything else is a
denial. Only codes are read: descriptions may quote the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from grantline.dialects.values import member, text, whole

Json = Mapping[str, Any]
Outcome = Literal["deny", "challenge"]

_CHALLENGES: Final = frozenset(
    {
        # OpenID Connect Core 3.1.2.6, Unmet Authentication Requirements 1.0
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
        "unmet_authentication_requirements",
        # RFC 8628 section 3.5, CIBA 11; the same as AWS IAM Identity Center names them
        "authorization_pending",
        "slow_down",
        "authorizationpendingexception",
        "slowdownexception",
        # RFC 9470, RFC 9449 section 8, draft-ietf-oauth-attestation-based-client-auth
        "insufficient_user_authentication",
        "use_dpop_nonce",
        "use_attestation_challenge",
        # Auth0 and Okta: multi-factor authentication; Auth0's token vault: connect first
        "mfa_required",
        "mfa_registration_required",
        "federated_connection_refresh_token_not_found",
        # Entra: a conditional access policy asks for claims
        "insufficient_claims",
        # Google: reauthentication within a session (RAPT)
        "invalid_rapt",
        "rapt_required",
    }
)
"""Codes after which a retry works, in lower case."""
# MSAL's classes of a `suberror` that a person can do something about; the others (`bad_token`,
# `token_expired`, `client_mismatch`, `device_authentication_failed`) are denials.
_SUBERRORS: Final = frozenset(
    {
        "basic_action",
        "additional_action",
        "message_only",
        "consent_required",
        "user_password_expired",
        "protection_policy_required",
    }
)
# Entra's numbers, which come beside an `invalid_grant` without a suberror, too: consent
# (65001, 65004), multi-factor authentication (50072 to 50079, 50158), a new password (50055), a
# sign-in to repeat (50058, 50173, 70043), a conditional access policy (53000 to 53003).
_ENTRA_NUMBERS: Final = frozenset(
    {65001, 65004, 50055, 50058, 50072, 50074, 50076, 50079, 50158, 50173, 70043, 53000, 53001,
     53003}
)  # fmt: skip
_ENTRA_TEXT: Final = re.compile(r"AADSTS([0-9]{5,7})\b", re.ASCII)
"""Of a description nothing but Entra's number is read."""
_MAX_DESCRIPTION: Final = 4_096
_AFTER_ERROR: Final = ("suberror", "subError", "error_subtype")
"""Entra's second code, the same as MSAL hands it on, and Google's."""
_TRUE: Final = frozenset({"true", "1", "yes"})
"""How a text says that a token is active."""
_MAX_NUMBERS: Final = 16
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


class Refusal(NamedTuple):
    """An answer that gives nothing."""

    outcome: Outcome
    reason: str
    """The code that says most; of a stranger's text nothing is taken."""
    error: str
    """The code the answer has in its first place."""


def refusal(body: Json) -> Refusal | None:
    """The refusal that an answer's error says; None where it is none (RFC 6749 section 5.2).

    `error` is a code, or an object with one (Google's `status`, boto3's `Error.Code`).
    """
    code = _code(body.get("error")) or _code(member(body.get("Error"), "Code"))
    inner = body.get("error")
    if code is None and isinstance(inner, Mapping):
        # Google's APIs have a number in `code` and the word in `status`.
        named = (_code(inner.get(name)) for name in ("status", "code", "type", "error"))
        code = next((c for c in named if c is not None), None)
        code = code.lower() if code is not None and code.isupper() else code or "other"
    if code is None:
        return None
    for name in _AFTER_ERROR:
        after = _code(body.get(name))
        if after is not None and (after in _SUBERRORS or after.lower() in _CHALLENGES):
            return Refusal("challenge", after, code)
    asked = body.get("claims") is not None or not _ENTRA_NUMBERS.isdisjoint(_numbers(body))
    if code.lower() in _CHALLENGES or (asked and code == "invalid_grant"):
        return Refusal("challenge", code, code)
    return Refusal("deny", code, code)


def challenge(code: str) -> bool:
    """Whether a retry works after this code, once somebody has done something."""
    return code.lower() in _CHALLENGES


def inactive(body: Json) -> bool:
    """Whether an introspection answer says that the token is worth nothing (RFC 7662 section 2.2).

    Google's tokeninfo and others answer with an error instead.
    """
    inner = body.get("token_introspection")
    said = inner if isinstance(inner, Mapping) else body
    if "active" not in said:
        return refusal(said) is not None
    active = said["active"]
    if isinstance(active, str):
        return active.strip().lower() not in _TRUE
    # Only a `true` says that it is worth something: `null` and 0 do not.
    return not active


def _numbers(body: Json) -> set[int]:
    listed = body.get("error_codes")
    if isinstance(listed, list):
        return {n for item in listed[:_MAX_NUMBERS] if (n := whole(item)) is not None}
    described = text(body.get("error_description")) or ""
    return {int(n) for n in _ENTRA_TEXT.findall(described[:_MAX_DESCRIPTION])}


def _code(value: object) -> str | None:
    """A code as issuers write them; a sentence, or a text that may hold a secret, is `other`."""
    found = text(value)
    if found is None:
        return None
    return found if _CODE.fullmatch(found) else "other"
