"""What a developer cannot have meant, and the cure for each: raised if the emitter is strict.

Otherwise it is one warning in the log and a count (`stats().notes["mistake"]`), and the fact is told
as it was stated. Values are shown only where they are words: a credential may have slipped in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from grantline.emit.attributes import ALIASES, FIELDS, OPERATIONS, Operation
from grantline.emit.tally import Tally
from grantline.spelling import nearest

_TYPES: Final = ("user", "ai_agent", "service", "browser_app", "native_app", "unknown")
_ANYWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "method": (
        "authorization_code", "device_code", "ciba", "client_credentials", "token_exchange",
        "id_jag", "jwt_bearer", "txn_token", "refresh_token", "assume_role", "impersonation",
        "in_process", "static_secret", "other",
    ),
    "evidence": (
        "asserted", "context", "unverified_token", "introspection", "verified_token", "issuer",
    ),
    "subject_type": _TYPES,
    "actor_type": _TYPES,
    "token_binding_type": ("none", "dpop", "mtls", "wimse", "other"),
    "decision_outcome": ("allow", "deny", "challenge"),
    "action_risk": ("low", "medium", "high", "critical"),
    "consent_kind": ("initiate", "scope", "tool", "data", "admin"),
    "approver_type": ("user", "policy", "service"),
    "revocation_target": (
        "token", "delegation", "subtree", "task", "subject", "session", "agent",
    ),
    "revocation_reason": (
        "task_completed", "user_request", "logout", "admin", "policy", "compromise", "rotation",
    ),
    "end_status": ("completed", "failed", "canceled", "expired"),
}  # fmt: skip
_OF: Final[Mapping[Operation, Mapping[str, tuple[str, ...]]]] = {
    "approve": {"decision_outcome": ("approved", "denied", "expired")}
}
CLOSED: Final[Mapping[Operation, Mapping[str, tuple[str, ...]]]] = {
    operation: {**_ANYWHERE, **_OF.get(operation, {})} for operation in OPERATIONS
}
"""Per operation and field: the values the convention knows, for those an agent states itself."""
VARIABLES: Final = ("EXPORTER", "KAFKA", "COMPRESSION", "STRICT")
"""What an emitter reads of the environment, after `GRANTLINE_`."""
_WORDS: Final = re.compile(r"[a-z_]{1,32}")
_INSIDE: Final = "or call it inside `with dl.acting_as(token):`"
_UNFOUNDED: Final[Mapping[str, str]] = {
    "use": f"a use under no authority: pass token=, {_INSIDE}; in a thread or an executor, which "
    "copy no context, call dl.bind(function)",
    "revoke": "a revocation of nothing: pass token=, delegation=, task=, session= or subject=, "
    + _INSIDE,
    "end": f"an end of nothing: pass task=, token= or delegation=, {_INSIDE}",
    "grant": "a grant of nothing (is the token None?): pass token=, or say who was given what: subject=, "
    "actor=, scopes=, task=",
    "delegate": "a delegation under no authority: pass subject_token= or parent=, " + _INSIDE,
    "renew": "a renewal of nothing: pass the new token=, and the previous_token= or refresh_token=",
    "consent": "a consent to nothing: pass token= or task=, " + _INSIDE,
    "approve": "an approval of nothing: pass token=, task= or approval_id=, " + _INSIDE,
    "acting_as": "acting as nothing (is the token None?): pass a token, or delegation=",
    "resume": "nothing to resume is in what was given: keep dict(dl.inject({})), made inside "
    "`with dl.acting_as(token):`",
    "task": "the end of a task that is not under way here: check the name (none of it, or several, "
    "began in this process, or it has ended), or pass token= or delegation=",
}
_NAMES: Final = frozenset(
    {
        "id", "root_id", "task_id", "token_fingerprint", "token_jti", "subject_id", "session_id",
        "user_hash", "transaction_id",
    }
)  # fmt: skip
"""Fields that name what a fact is about."""


def unfounded(tally: Tally, operation: str) -> None:
    """A fact that hangs on nothing: no token, no delegation, no name."""
    tally.mistake(operation, _UNFOUNDED[operation])


def no_token(tally: Tally, given: object) -> None:
    """Something else in the place of a token; only its type is said."""
    kind = type(given).__name__
    tally.mistake(
        f"token {kind}",
        f"a token is given as {kind}: pass the credential itself, as str or bytes, such as "
        'the "access_token" of the answer',
    )


def wrong_type(tally: Tally, where: str, wanted: str, given: object) -> None:
    """Something of another type than can be read; only its type is said."""
    kind = type(given).__name__
    tally.mistake(f"type {where} {kind}", f"{where} is given as {kind}: pass {wanted}")


def claims_of(tally: Tally, where: str, given: Any) -> Any:
    """What was given for claims, if they can be such."""
    if given is None or isinstance(given, Mapping):
        return given
    wrong_type(tally, where, "the claims, as a mapping", given)
    return None


def check_carrier(tally: Tally, given: object) -> None:
    """None is no mistake: an MCP call's `_meta` may be."""
    if given is not None and not isinstance(given, Iterable):
        wrong_type(tally, "a carrier", "headers, as a mapping or pairs", given)


def no_answer(tally: Tally, given: object) -> None:
    """What an exchange returned holds neither a token nor a refusal."""
    kind = type(given).__name__
    tally.mistake(
        f"exchange {kind}",
        f"exchange: the call returned {kind}, and no token is in it: let it return the new token, the "
        "token response (a mapping, or an object with access_token) or the HTTP response",
    )


def names_something(fields: Mapping[str, Any]) -> bool:
    """Whether a fact says by itself what it is about."""
    return any(fields.get(name) is not None for name in _NAMES)


def check_value(tally: Tally, operation: Operation, name: str, value: object) -> None:
    """A value of a field whose values are known."""
    known = CLOSED[operation].get(name)
    if known is not None and value not in known:
        meant = nearest(value, known) if isinstance(value, str) else None
        hint = f"did you mean {meant}?" if meant else f"use one of {', '.join(known)}"
        said = _shown(value)
        tally.mistake(f"{operation} {name} {said}", f"{operation}: {name} is {said}: {hint}")


def unknown_fact(name: str) -> str:
    """What is said of a keyword that is no fact."""
    meant = nearest(name, {*FIELDS, *ALIASES})
    return f"no such fact: {_shown(name)}" + (f"; did you mean {meant}?" if meant else "")


def unknown_kind(tally: Tally, operation: str, kind: object) -> None:
    """A fact's kind is none of the three."""
    tally.mistake(
        f"kind {operation}", f"{operation}: kind is {_shown(kind)}: use client, server or internal"
    )


def check_environment(tally: Tally, environment: Mapping[str, str]) -> None:
    """A variable that was most likely meant to be one of ours; the pipeline's are its own."""
    for variable in environment:
        prefix, _, name = variable.partition("_")
        if prefix == "GRANTLINE" and name not in VARIABLES and (meant := nearest(name, VARIABLES)):
            text = f"no setting {variable}: did you mean GRANTLINE_{meant}?"
            tally.mistake(f"variable {meant}", text)


def _shown(value: object) -> str:
    return value if isinstance(value, str) and _WORDS.fullmatch(value) else "(not a word)"
