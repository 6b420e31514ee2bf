"""A flow: a generator over a lab. Where it yields, more than the leeway between clocks goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.issuers.parties import VIEWS, Parties

Steps = Iterator[None]


@dataclass(frozen=True)
class Flow:
    """One flow, and what the issuer must offer for it."""

    name: str
    run: Callable[[Any], Steps]
    needs: frozenset[str]
    lab: Callable[[Any, Parties], Any]
    """Makes the lab from the issuer and the parties."""
    views: tuple[str, ...] = VIEWS
    """The views in which there is something to see."""


L = TypeVar("L")


def flows(
    listed: list[Flow],
    lab: Callable[[Any, Parties], L],
    views: tuple[str, ...] = VIEWS,
) -> Callable[..., Callable[[Callable[[L], Steps]], Callable[[L], Steps]]]:
    """The decorator with which a file of flows lists them: `@flow("exchange", ...)`."""

    def flow(*needs: str) -> Callable[[Callable[[L], Steps]], Callable[[L], Steps]]:
        def listing(run: Callable[[L], Steps]) -> Callable[[L], Steps]:
            name = run.__name__.replace("_", " ")
            listed.append(Flow(name, run, frozenset(needs), lab, views))
            return run

        return listing

    return flow
