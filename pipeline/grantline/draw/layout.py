"""Where each card stands: humans left, what was done right, nothing crossing.

A row for each card that ends a line, and every other amid what is below it. Libraries were tried:
bigtree's Reingold-Tilford gives small siblings the distance that large ones need, so that a
picture of the same chain is twice as high, and recurses; igraph's is under the GPL; the others
draw graphs and not trees, or need a program beside Python.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grantline.draw.picture import Picture

_ORDER: Final = {"action": 0, "folded": 2}


class Place(NamedTuple):
    column: int
    row: float
    """From 0, in heights of a card."""


def places(drawn: Picture) -> dict[int, Place]:
    """The place of each card. Under one card, what was done comes before what was handed on."""
    cards = drawn.cards
    columns: dict[int, int] = {}
    for card in cards.values():
        columns[card.id] = 0 if card.above is None else columns[card.above] + 1
    order: list[int] = []
    waiting = drawn.tops()[::-1]
    while waiting:
        one = waiting.pop()
        order.append(one)
        acts_first = sorted(cards[one].below, key=lambda below: _ORDER.get(cards[below].kind, 1))
        # The last to be put in is the first to be taken.
        waiting += acts_first[::-1]
    rows: dict[int, float] = {}
    for one in order:
        if not cards[one].below:
            rows[one] = len(rows)
    for one in reversed(order):
        below = [rows[child] for child in cards[one].below]
        if below:
            rows[one] = (min(below) + max(below)) / 2
    return {one: Place(columns[one], rows[one]) for one in order}
