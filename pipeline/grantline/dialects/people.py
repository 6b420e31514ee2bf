"""How a person is named outside the issuer: by the issuer's own name, or under a pseudonym.

One rule for the emitting library and for every source, so that one person has one name whoever
tells of them. Never an e-mail address, in whichever way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from grantline.dialects.issuers import issuer_key

EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Persons:
    """Names people. With a secret everybody has a pseudonym: an HMAC of (issuer, subject), the same
    in every emitter and source that holds it; without one, only who is named by an e-mail address,
    and that one hides the name from a casual reader alone: it can be guessed.
    """

    secret: bytes | None = field(default=None, repr=False)
    kid: str = "k1"
    """The name the secret is published under."""

    def name(self, issuer: str, subject: str) -> str:
        """The published name of `subject` at `issuer`, however the issuer is spelt."""
        if self.secret is not None:
            return pseudonym(issuer_key(issuer), subject, self.secret, self.kid)
        if is_email(subject):
            return pseudonym(issuer_key(issuer), subject)
        return subject


def is_email(subject: str) -> bool:
    """Whether an e-mail address stands in `subject`."""
    return "@" in subject and EMAIL.search(subject) is not None


def pseudonym(issuer: str, subject: str, secret: bytes | None = None, kid: str = "k1") -> str:
    """`hmac-sha256:<kid>:<hex>` of (issuer, subject), or `sha256:<hex>` where there is no secret."""
    text = f"{issuer}\x00{subject}".encode("utf-8", "replace")
    if secret is None:
        return "sha256:" + hashlib.sha256(text).hexdigest()
    return f"hmac-sha256:{kid}:{hmac.digest(secret, text, 'sha256').hex()}"
