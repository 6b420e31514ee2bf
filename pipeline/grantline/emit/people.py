"""How people are named in spans (convention 1.6): as the issuer does, or under a pseudonym."""

from __future__ import annotations

from grantline.dialects.people import Persons, is_email
from grantline.emit.clean import Notes
from grantline.emit.settings import Settings


class People:
    """Turns (issuer, subject) into what may be published for a person."""

    def __init__(self, settings: Settings, notes: Notes) -> None:
        key = settings.subject_key if settings.subject_mode == "hmac" else None
        self._persons = Persons() if key is None else Persons(key.secret, key.kid)
        self._notes = notes

    def subject(self, issuer: str, subject: str) -> str:
        """The subject's published name: never an e-mail address, in whichever mode.

        One person has one pseudonym, however the issuer is spelt.
        """
        if self._persons.secret is None and is_email(subject):
            self._notes.note("pseudonymised", "a subject held an e-mail address; use subject_mode")
        return self._persons.name(issuer, subject)
