"""Canonical forms of the delegation convention (1.5): fingerprints, ids, hashes, scopes.

Pure functions over one value each. They refuse what has no canonical form (a token that is
not ASCII, a number outside JSON's safe range) with `ValueError`, and never keep a token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""What a `delegation.id` may look like."""
_HMAC_DOMAIN: Final = b"delegation-fp-v1\x00"
# RFC 6750 and 9449; GitHub's and Django's `token`, Salesforce's `OAuth`, Okta's `SSWS`.
_SCHEMES: Final = ("bearer", "dpop", "token", "oauth", "ssws")
_UNPRINTED: Final = bytes([*range(0x21), 0x7F])
"""ASCII that is no part of a token: controls and the space."""
_KID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MIN_KEY_BYTES: Final = 16
_quoted: Final = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Key:
    """An HMAC key and the name it is published under; the secret never shows in a repr."""

    secret: bytes = field(repr=False)
    kid: str = "k1"

    def __post_init__(self) -> None:
        if not _KID.fullmatch(self.kid):
            raise ValueError(f"key id {self.kid!r}: use 1 to 64 of A-Z a-z 0-9 _ . -")
        if type(self.secret) is not bytes or len(self.secret) < _MIN_KEY_BYTES:
            raise ValueError(
                f"key {self.kid}: give at least {_MIN_KEY_BYTES} random bytes, "
                "the same in every emitter whose spans must join"
            )


def credential(token: str | bytes) -> bytes:
    """The bytes a fingerprint is taken of: no scheme, no white space; DER bytes as they are.

    Raises `ValueError` for an empty or non-ASCII token (RFC 6750 section 2.1).
    """
    if isinstance(token, bytes):
        raw = token
    else:
        raw = bare(token).encode("utf-8", "surrogatepass")
        if not raw.isascii() or raw.translate(None, _UNPRINTED) != raw:
            raise ValueError("a token is printable ASCII without spaces (RFC 6750 section 2.1)")
    if not raw:
        raise ValueError("the token is empty")
    return raw


def bare(token: str) -> str:
    """The token of an `Authorization` header's value: no scheme, no white space around it."""
    text = token.strip()
    scheme, _, rest = text.partition(" ")
    return rest.strip() if scheme.lower() in _SCHEMES else text


def fingerprint(token: str | bytes, key: Key | None = None) -> str:
    """`sha256:<hex>`, or `hmac-sha256:<kid>:<hex>` with a key (the same digest as DPoP `ath`)."""
    return print_of(credential(token), key)


def print_of(raw: bytes, key: Key | None = None) -> str:
    """The fingerprint of a credential's bytes."""
    if key is None:
        return "sha256:" + hashlib.sha256(raw).hexdigest()
    digest = hmac.digest(key.secret, _HMAC_DOMAIN + raw, "sha256")
    return f"hmac-sha256:{key.kid}:{digest.hex()}"


def delegation_id(token_fingerprint: str) -> str:
    """The id every holder of a delegation's first token derives without asking anyone."""
    return "dlg_" + token_fingerprint.rpartition(":")[2][:32]


def new_id(prefix: str = "dlg_") -> str:
    """A time-ordered random id (UUIDv7, RFC 9562 section 5.7) for what no token stands for."""
    high = (time.time_ns() // 1_000_000) << 80
    value = (high | int.from_bytes(os.urandom(10), "big")) & ~(0xF << 76) & ~(0x3 << 62)
    return f"{prefix}{value | 0x7 << 76 | 0x2 << 62:032x}"


def pseudonym(issuer: str, subject: str, key: Key | None) -> str:
    """A stand-in for a person that is the same in every emitter holding the same key.

    Without a key it only hides the name from a casual reader: it can be guessed.
    """
    text = f"{issuer}\x00{subject}".encode("utf-8", "replace")
    if key is None:
        return "sha256:" + hashlib.sha256(text).hexdigest()
    return f"hmac-sha256:{key.kid}:{hmac.digest(key.secret, text, 'sha256').hex()}"


def canonical_hash(value: object) -> str:
    """`sha256:<hex>` of the value's canonical JSON (RFC 8785); `ValueError` if it has none."""
    import rfc8785  # noqa: PLC0415 - what few agents need is not imported by all

    try:
        text = rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, RecursionError, TypeError, UnicodeError) as error:
        raise ValueError(f"no canonical JSON form: {type(error).__name__}") from None
    return "sha256:" + hashlib.sha256(text).hexdigest()


def chain_hash(chain: Iterable[Sequence[str]]) -> str:
    """Hash of the FULL chain of (issuer, subject) pairs, root first.

    The standard library's compiled encoder escapes a string as RFC 8785 section 3.2.2.2 asks, and
    more than strings is not in here.
    """
    pairs = ",".join([f"[{_quoted(issuer)},{_quoted(subject)}]" for issuer, subject in chain])
    try:
        text = f"[{pairs}]".encode()
    except UnicodeError as error:
        raise ValueError(f"no canonical JSON form: {type(error).__name__}") from None
    return "sha256:" + hashlib.sha256(text).hexdigest()


def split_scopes(value: str | Iterable[str]) -> tuple[str, ...]:
    """Scopes split on spaces, without empties and doubles, in byte order (RFC 6749 3.3)."""
    found = set((value if isinstance(value, str) else " ".join(value)).split(" "))
    found.discard("")
    return tuple(sorted(found))


def is_id(value: object) -> bool:
    """Whether a value may be a `delegation.id`."""
    return isinstance(value, str) and ID_PATTERN.fullmatch(value) is not None
