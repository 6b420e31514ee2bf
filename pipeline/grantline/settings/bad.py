"""What is said of settings that cannot be used."""

from __future__ import annotations


class BadSettings(ValueError):
    """A setting is missing or unusable; the text names it and says what it should be."""
