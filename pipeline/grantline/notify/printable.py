"""Text from outside made safe for a terminal or a log line.

Agent names and scopes are chosen by whoever runs the agent. Control characters (ANSI sequences,
newlines), invisible and bidirectional-override characters, and what the encoding cannot show are
written as escapes, so that a name can neither drive a terminal nor forge a line.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode general categories that print nothing, or something other than themselves."""


def printable(text: str, *, encoding: str = "utf-8", limit: int = 2_000) -> str:
    """`text` on one line, at most `limit` characters of it, fit for `encoding`."""
    cut = text[:limit]
    clean = "".join(_shown(char) for char in cut)
    if len(text) > limit:
        clean += f"... ({len(text) - limit} more characters)"
    return clean.encode(encoding, "backslashreplace").decode(encoding)


def _shown(char: str) -> str:
    if unicodedata.category(char) in _HIDDEN:
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char
