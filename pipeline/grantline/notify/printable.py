"""Text from outside, escaped, cut and fit for the encoding of where it is shown."""

from __future__ import annotations

from grantline.model.plain import plain


def printable(text: str, *, encoding: str = "utf-8", limit: int = 2_000) -> str:
    """`text` on one line, at most `limit` characters of it, fit for `encoding`."""
    cut = text[:limit]
    clean = plain(cut)
    if len(text) > limit:
        clean += f"... ({len(text) - limit} more characters)"
    return clean.encode(encoding, "backslashreplace").decode(encoding)
