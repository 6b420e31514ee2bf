"""Lists of texts that came as one text: JSON, as Jaeger and Zipkin exporters write them (that is the
convention's), and what other programs make of a list they put into a string: Python's
`['a', 'b']`, Java's `[a, b]`.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

_ARRAY = msgspec.json.Decoder(list[Any])
_CLOSED: Final = {"[": "]", "(": ")", "{": "}"}
# Possessive, so that each character is looked at a bounded number of times.
_QUOTED = re.compile(r"""u?b?(?:'((?:[^'\\]|\\.)*+)'|"((?:[^"\\]|\\.)*+)")""", re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*+(?:(?:None|null|nil)(?=[\s,\])}])[\s,]*+)*+")
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)


class Flattened(NamedTuple):
    """What a text was the list of."""

    items: list[Any]
    whole: bool
    """Whether the list could be read to its end."""
    normalised: bool
    """Whether it was told otherwise than the convention has it."""


def flattened(text: str) -> Flattened | None:
    """The list that `text` is the JSON or Python of; None where it is not one."""
    if text[:1] == "[":
        try:
            return Flattened(_ARRAY.decode(text), True, False)
        except (msgspec.DecodeError, RecursionError):
            pass
    return _quoted(text) if text[:1] in _CLOSED else None


def bracketed(text: str) -> str | None:
    """What stands between the brackets of `[a, b]`; None where there are none."""
    return text[1:-1] if len(text) > 1 and text[0] == "[" and text[-1] == "]" else None


def _quoted(text: str) -> Flattened | None:
    """The quoted items of a list, as many as are whole; None where the first is not quoted."""
    items: list[Any] = []
    at = _after(text, 1)
    while match := _QUOTED.match(text, at):
        items.append(_BACKSLASH.sub(r"\1", match[1] if match[1] is not None else match[2]))
        at = _after(text, match.end())
    if not items and text[at : at + 1] not in ("'", '"'):
        return None
    rest = text[at:].rstrip()
    return Flattened(items, rest == _CLOSED[text[0]], True)


def _after(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at
