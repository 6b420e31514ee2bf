"""Values from the lineage as text that is safe to print."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from grantline.model.plain import plain


def shown(value: Any) -> str:
    """One value of an answer, as a person reads it; NULL is an empty text."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = f"{value:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
        case timedelta():
            text = f"{value.total_seconds():g} s"
        case list() | tuple():
            text = ", ".join(map(shown, value))
        case dict():
            text = ", ".join(f"{shown(name)}={shown(inner)}" for name, inner in value.items())
        case _:
            text = plain(str(value))
    return text


def short(name: str | None) -> str:
    """An id or fingerprint cut to what tells it from its neighbours: its last four characters."""
    if not name:
        return "?"
    kind = name.partition("_")[0] + "_" if name.startswith(("dlg_", "fnd_")) else ""
    return plain(f"{kind}…{name[-4:]}" if len(name) > 12 else name)
