"""Bytes -> JSON documents: one document, an array, several after one another, a document a line.

The strict parser of the wire is not used for the outermost level, since logs are cut in the middle
all the time: what stands before the cut is read, and the rest is one rejection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

_BLANK: Final = " \t\r\n\x1e,"
"""Between documents: white space, RFC 7464's record separator, and commas of an array cut open."""
MAX_BYTES: Final = 1 << 30
_MAX_DIGITS: Final = 64
"""Python reads no number of more than 4,300, and no field of a log has as many as these."""


class Cut(Exception):
    """What follows is no JSON, or its end is missing. `at` counts characters; `rest` begins with the
    document that cannot be read.
    """

    def __init__(self, at: int, rest: str) -> None:
        super().__init__(f"no JSON at character {at}: the file is cut off or damaged there")
        self.at = at
        self.rest = rest


def documents(data: bytes) -> Iterator[Any]:
    """Each document of `data`. Raises `Cut` where they end too early, `UnicodeDecodeError`,
    `RecursionError`; what came before is good.
    """
    text = data.decode("utf-8-sig")
    decoder = json.JSONDecoder(parse_constant=lambda _: None, parse_int=_whole)
    at = _skip(text, 0)
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as why:
            raise Cut(why.pos, text[at:]) from None
        yield document
        at = _skip(text, at)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
