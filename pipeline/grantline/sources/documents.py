"""Bytes -> JSON documents: one document, an array, several after one another, a document a line.

The strict parser of the wire is not used for the outermost level, since logs are cut in the middle
all the time: what stands before the cut is read, and the rest is one rejection. A source may read lines of
text besides, where its log is also written so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

_BLANK: Final = " \t\r\n\x1e,"
"""Between documents: white space, RFC 7464's record separator, and commas of an array cut open."""
_BEGINS: Final = '{["'
"""What a document of a log begins with."""
MAX_BYTES: Final = 1 << 30
_MAX_DIGITS: Final = 64
"""Python reads no number of more than 4,300, and no field of a log has as many as these."""

Line = Callable[[str], Any]
"""A line of text as a document, or None for one that is none of the log's."""


class Cut(Exception):
    """What follows is no JSON, or its end is missing. `at` counts characters; `rest` begins with the
    document that cannot be read.
    """

    def __init__(self, at: int, rest: str) -> None:
        super().__init__(f"no JSON at character {at}: the file is cut off or damaged there")
        self.at = at
        self.rest = rest


class NoJson(Cut):
    """What follows does not even begin like a document: text, CSV, XML."""

    def __init__(self, at: int, rest: str) -> None:
        super().__init__(at, rest)
        self.args = (f"no JSON begins at character {at}, where CSV, XML or plain text may stand",)


def documents(data: bytes, line: Line | None = None) -> Iterator[Any]:
    """Each document of `data`. Raises `Cut` where they end too early, `UnicodeDecodeError`,
    `RecursionError`; what came before is good.
    """
    text = data.decode("utf-8-sig")
    at = _skip(text, 0)
    while at < len(text):
        try:
            document, end = _json(text, at)
        except json.JSONDecodeError as why:
            begun, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            end = len(text) if end < 0 else end
            document = None if line is None else line(text[begun:end].rstrip("\r"))
            if document is None:
                torn = text[at] in _BEGINS
                raise (Cut(why.pos, text[at:]) if torn else NoJson(at, text[at:])) from None
        yield document
        at = _skip(text, end)


def _json(text: str, at: int) -> tuple[Any, int]:
    """The document at `at`, and where it ends."""
    found: tuple[Any, int] = _DECODER.raw_decode(text, at)
    document, end = found
    if text[at] not in _BEGINS and text[end : end + 1] not in _BLANK:
        raise json.JSONDecodeError("a number that goes on as text", text, at)
    return document, end


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None, parse_int=_whole)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
