"""A kind: one plot that chains live through, at every issuer that has the means for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.truth.scene import Scene

Plot = Callable[[Scene], None]


@dataclass(frozen=True)
class Kind:
    """One plot, and what is due of it."""

    name: str
    plot: Plot
    due: frozenset[str]
    """References of which one must be said where the facts decide; empty: an honest kind."""
    may: frozenset[str]
    """True as well, and right to say; of an honest kind, only where something was lost."""
    needs: frozenset[str]
    without: frozenset[str]
    twins: int
    """In how many honest ways the same chain may have gone."""
    rest: str
    """What an issuer or a party must log, so that the other views can decide it."""

    def suits(self, can: frozenset[str]) -> bool:
        return self.needs <= can and not self.without & can


KINDS: list[Kind] = []


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def honest(
    name: str, *, needs: str = "exchange", without: str = "", may: str = ""
) -> Callable[[Plot], Plot]:
    """Nothing is due: whatever is said is false."""
    return _listed(
        Kind(name, _nothing, frozenset(), _names(may), _names(needs), _names(without), 0, "")
    )


def abusive(
    name: str,
    due: str,
    *,
    rest: str,
    needs: str = "exchange",
    without: str = "",
    may: str = "",
    twins: int = 1,
) -> Callable[[Plot], Plot]:
    """One of `due` must be said, wherever no honest twin's facts are the same."""
    return _listed(
        Kind(name, _nothing, _names(due), _names(may), _names(needs), _names(without), twins, rest)
    )


def _listed(kind: Kind) -> Callable[[Plot], Plot]:
    def listing(plot: Plot) -> Plot:
        KINDS.append(replace(kind, plot=plot))
        return plot

    return listing


def _nothing(scene: Scene) -> None:
    """In a kind's place until its plot is known."""
