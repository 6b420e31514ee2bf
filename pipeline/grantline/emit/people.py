"""How people are named in spans (convention 1.6): as the issuer does, or under a pseudonym."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import issuer_key
from grantline.emit.canonical import pseudonym
from grantline.emit.clean import Notes
from grantline.emit.settings import Settings

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


class People:
    """Turns (issuer, subject) into what may be published for a person."""

    def __init__(self, settings: Settings, notes: Notes) -> None:
        self._hmac = settings.subject_mode == "hmac"
        self._key = settings.subject_key
        self._notes = notes

    def subject(self, issuer: str, subject: str) -> str:
        """The subject's published name: never an e-mail address, in whichever mode.

        One person has one pseudonym, however the issuer is spelt.
        """
        if self._hmac:
            return pseudonym(issuer_key(issuer), subject, self._key)
        if "@" in subject and _EMAIL.search(subject):
            self._notes.note("pseudonymised", "a subject held an e-mail address; use subject_mode")
            return pseudonym(issuer_key(issuer), subject, None)
        return subject
