"""What people did about one incident, added up: a small value that the ledger keeps beside it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Handling(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Nothing yet, unless something is said here. Times are milliseconds since the epoch."""

    acknowledged_by: str | None = None
    acknowledged_ms: int = 0
    assignee: str | None = None
    closed: Literal["", "resolved", "false_positive"] = ""
    closed_by: str | None = None
    closed_ms: int = 0
    reason: str | None = None
    closed_until_ms: int = 0
    """When a false positive ends; 0 for none."""
    closed_uses: int = 0
    """Uses that it was closed over: what comes beyond them is news."""
    silence_id: str | None = None
    """The silence that it is under."""
    silenced_until_ms: int = 0
    silenced_uses: int = 0
    """Uses that had come in when it began."""
