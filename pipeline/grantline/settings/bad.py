"""What is said of settings that cannot be used."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.8
"""Kubernetes sets variables of its own beside a service called grantline-something: those are
less like ours than that."""


class BadSettings(ValueError):
    """A setting is missing or unusable; the text names it and says what it should be."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be: the same letters, or most of them."""
    names = sorted(known)
    mixed_up = [each for each in names if sorted(each) == sorted(name)]
    return next(iter(mixed_up or difflib.get_close_matches(name, names, 1, _ALIKE)), None)
