"""Which name was most likely meant: every complaint of an unknown name ends with it."""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = 0.8
"""Kubernetes sets variables of its own beside a service called grantline-something: those are
less like ours than that."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be: the same letters, or most of them."""
    import difflib  # noqa: PLC0415 - where all is spelt well it is not needed

    names = sorted(known)
    mixed_up = [each for each in names if sorted(each) == sorted(name)]
    return next(iter(mixed_up or difflib.get_close_matches(name, names, 1, _ALIKE)), None)


def instead(name: str, known: Iterable[str]) -> str:
    """`did you mean x?`, else all that there are."""
    names = sorted(known)
    meant = nearest(name, names)
    return f"did you mean {meant}?" if meant else f"there are {', '.join(names)}"
