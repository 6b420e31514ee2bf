"""What kind of party a claim names, in the words of the OAuth entity profiles draft."""

from __future__ import annotations

from typing import Final

_PROFILES: Final = frozenset({"user", "ai_agent", "service", "browser_app", "native_app"})


def profile(value: object) -> str | None:
    """`user`, `ai_agent`, `service`, `browser_app` or `native_app`; None for other words."""
    return value if isinstance(value, str) and value in _PROFILES else None
