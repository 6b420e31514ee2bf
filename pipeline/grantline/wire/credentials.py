r"""Tells bytes that carry a JWT from bytes that do not.

The pattern is the convention's (section 1.5): `eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.`, the
header and payload of a compact JWS or JWE (RFC 7515, RFC 7516). Opaque secrets have no shape to
be known by; fingerprint attributes are held to theirs instead.
"""

from __future__ import annotations

import re

# Possessive runs, and an optional tail instead of a required one: each byte is looked at a
# bounded number of times, so that megabytes of "eyJeyJeyJ" cost no more than plain text. The
# search starts at the y because an e is everywhere.
_HEADER = re.compile(rb"yJ(?<=eyJ)[A-Za-z0-9_-]++(\.[A-Za-z0-9_-]++\.)?")


def carries_jwt(data: bytes) -> bool:
    """Whether a raw JWT stands anywhere in `data`; linear in its length."""
    if _HEADER.search(data) is None:
        return False
    return any(match[1] for match in _HEADER.finditer(data))
