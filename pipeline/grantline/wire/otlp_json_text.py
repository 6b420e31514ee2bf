"""Mends the text of a JSON record before it is decoded, so that one value in it cannot cost it
all, nor hide behind escapes what is searched for by its bytes.

Every pass is linear and none is recursive: the text is hostile.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 128
"""Brackets open at once. A span stands 6 deep, and each array within an array costs it 4."""
MARKER: Final = b'"grantline: nested too deeply"'
"""Stands where a value was cut out, so that the span it was in is known."""

# The closing quote is optional: what follows an unclosed one is looked at once, not once for
# each quote in it.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u00([2-7][0-9a-fA-F])"
    rb"|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)
_NUMBER = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|(-?\b(?:NaN|Infinity)\b)', re.DOTALL)
_MUST_STAY = b'"\\\x7f'


def prune(data: bytes) -> bytes:
    """`data` with every value nested deeper than `MAX_DEPTH` replaced by `MARKER`."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(data):
        head = data[token.start()]
        if head in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += (data[start : token.start()], MARKER)
        elif head in b"]}":
            if depth == MAX_DEPTH + 1:
                start = token.end()
            depth -= 1
    if depth <= MAX_DEPTH:
        kept.append(data[start:])
    return b"".join(kept)


def spell(data: bytes) -> bytes:
    """`data` with numbers that JSON does not have (NaN, Infinity), and Python and JavaScript write all the
    same, as the strings that they are in OTLP.
    """
    return _NUMBER.sub(lambda match: b'"%b"' % match[1] if match[1] else match[0], data)


def unescape(data: bytes) -> bytes:
    """`data` without the escapes that ASCII text does not need.

    Half a surrogate pair becomes U+FFFD, as other decoders have it.
    """
    return _ESCAPE.sub(_plain, data) if b"\\u" in data else data


def _plain(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        character = bytes.fromhex(escape[1].decode())
        return escape[0] if character in _MUST_STAY else character
    return rb"\ufffd" if escape[2] else escape[0]
