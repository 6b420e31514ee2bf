"""Text from outside made safe for a terminal or a log line.

Agent names and scopes are chosen by whoever runs the agent: what could drive a terminal (ANSI
sequences), forge a line, reorder it (bidirectional overrides) or hide itself is written as an
escape.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that print nothing, or something other than themselves."""


def plain(text: str) -> str:
    """`text` on one line, with escapes for what does not show as itself."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if unicodedata.category(char) in _HIDDEN:
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char
