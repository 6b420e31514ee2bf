"""What kind of party a claim names: a person, an agent, a service (entity profiles, Entra)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_PROFILES: Final = frozenset({"user", "ai_agent", "service", "browser_app", "native_app"})
_KINDS: Final = {"user": "user", "app": "service"}
_ENTRA_AGENT: Final = "11"
_ENTRA_AGENT_USER: Final = "13"


def _profile(value: object) -> str | None:
    return value if isinstance(value, str) and value in _PROFILES else None


def _facets(value: object) -> Collection[str]:
    """Entra's `xms_*_fct`: a list, or numbers in one string."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [str(item) for item in value] if isinstance(value, list) else ()


def subject_type(claims: Json) -> str | None:
    """`user`, `ai_agent` ... of the token's subject, `None` if no claim says so."""
    if found := _profile(claims.get("sub_profile")):
        return found
    if _ENTRA_AGENT_USER in _facets(claims.get("xms_sub_fct")):
        return "ai_agent"
    kind = claims.get("idtyp")
    return _KINDS.get(kind) if isinstance(kind, str) else None


def actor_type(claims: Json, current: Json) -> str | None:
    """The same of the current actor."""
    if found := _profile(current.get("sub_profile")):
        return found
    if _ENTRA_AGENT in _facets(claims.get("xms_act_fct")):
        return "ai_agent"
    return _profile(current.get("client_profile"))
