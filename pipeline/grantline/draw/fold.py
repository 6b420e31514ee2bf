"""Leaves out of a large picture what hides the rest, and says what it left out.

Whatever a rule objects to, and the way to the finding that was asked about, stays for as long as
there is room. A card for what was folded counts it, and bears the violations in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from grantline.draw.picture import Card, Picture
from grantline.model.plain import plain

MAX_CARDS: Final = 90
MAX_COLUMNS: Final = 12
"""Delegations from the human on, one after the other."""

_BESIDE: Final = (10, 6, 4, 3, 2)
"""So many cards under one, and fewer where the whole is still too large."""
_RUN: Final = 6
"""Hand-overs in a row, each to one agent only, that are all drawn."""
_AT_EACH_END: Final = 4
_HANDED: Final = ("agent", "gap")

Cards = dict[int, Card]


def fold(whole: Picture) -> Picture:
    """The same picture with at most `MAX_CARDS` cards, or as near as its humans allow."""
    cards = _runs(_copied(whole))
    for most in _BESIDE:
        cards = _beside(cards, most)
        if len(cards) <= MAX_CARDS:
            break
    for columns in range(MAX_COLUMNS, 1, -1):
        cards = _columns(cards, columns)
        if len(cards) <= MAX_CARDS:
            break
    return Picture(cards, [_said(cards, card) for card in cards.values() if card.kind == "folded"])


def _said(cards: Cards, card: Card) -> str:
    above = "" if card.above is None else f" below {plain(cards[card.above].name)}"
    return f"{card.name}{above}: {card.note}"


def _runs(cards: Cards) -> Cards:
    """Long lines of hand-overs without a branch: the ends and what is remarkable stay."""
    own = {card.id: _own_weight(cards, card) for card in cards.values()}
    for run in list(_lines(cards)):
        if len(run) <= _RUN:
            continue
        ends = {*run[:_AT_EACH_END], *run[-_AT_EACH_END:]}
        dull = [one for one in run if one not in ends and not own[one]]
        if len(run) - len(dull) > 3 * _AT_EACH_END:
            dull = [one for one in run if one not in ends]
        for group in _adjoining(run, dull):
            if len(group) < 2:
                continue
            below = _handed(cards, cards[group[-1]])
            gone = [one for card in group for one in (card, *_done_under(cards, card))]
            _take(cards, gone, f"{len(group)} hand-overs", below)
    return _ordered(cards)


def _columns(cards: Cards, most: int) -> Cards:
    """Nothing is drawn further right than so many delegations."""
    depth: dict[int, int] = {}
    for one in list(cards):
        card = cards.get(one)
        if card is None:
            continue
        depth[card.id] = 0 if card.above is None else depth[card.above] + 1
        deeper = [below for below in card.below if cards[below].kind != "action"]
        if depth[card.id] < most or not deeper or _is_folded(cards, deeper):
            continue
        gone = [one for top in deeper for one in _subtree(cards, top)]
        _take(cards, gone, "what is deeper")
    return _ordered(cards)


def _is_folded(cards: Cards, deeper: Sequence[int]) -> bool:
    return len(deeper) == 1 and cards[deeper[0]].kind == "folded" and not cards[deeper[0]].below


def _beside(cards: Cards, most: int) -> Cards:
    """Of what hangs under one card, the most remarkable."""
    weight = _weights(cards)
    for top in list(cards):
        card = cards.get(top)
        if card is None or len(card.below) <= most:
            continue
        place = {one: number for number, one in enumerate(card.below)}
        # What was folded before stays folded, with more in it.
        order = sorted(
            card.below, key=lambda one: (cards[one].kind == "folded", -weight[one], place[one])
        )
        rest = sorted(order[most - 1 :], key=place.__getitem__)
        gone = [one for top in rest for one in _subtree(cards, top)]
        _take(cards, gone, "more")
        # It comes last, whatever it began with.
        card.below.sort(key=lambda one: cards[one].kind == "folded")
    return _ordered(cards)


def _take(cards: Cards, gone: Sequence[int], name: str, below: Sequence[int] = ()) -> None:
    """Put one card where the first stood in the place of all that are `gone`; `below` hangs under
    it.
    """
    left = [cards[one] for one in gone]
    first = left[0]
    delegations = sum((card.kind in _HANDED) + card.delegations for card in left)
    acts = sum(card.done.total() + card.acts for card in left)
    refused = sum(card.refused for card in left)
    parts = [(delegations, "delegation"), (acts, "action")]
    words = [f"{many} {what}{'s' * (many != 1)}" for many, what in parts if many]
    words += [f"{refused} refused"] if refused else []
    one = Card(
        first.id, "folded", name, first.above, list(below),
        violations=tuple(sorted({name for card in left for name in card.violations})),
        alert=any(card.alert for card in left), strength=first.strength, refused=refused,
        delegations=delegations, acts=acts, note=", ".join(words) or "nothing done",
    )  # fmt: skip
    for card in gone:
        del cards[card]
    cards[one.id] = one
    for child in below:
        cards[child].above = one.id
    if one.above is not None:
        above = cards[one.above]
        above.below = [child for child in above.below if child in cards]


def _lines(cards: Cards) -> Iterator[list[int]]:
    """Each line of delegations of which every one but the last hands on to one other only."""
    for card in cards.values():
        if card.kind not in ("agent", "gap") or _is_link(cards, card.above):
            continue
        run = [card.id]
        while _is_link(cards, run[-1]):
            (after,) = _handed(cards, cards[run[-1]])
            run.append(after)
        yield run


def _is_link(cards: Cards, one: int | None) -> bool:
    if one is None or cards[one].kind not in _HANDED:
        return False
    return len(_handed(cards, cards[one])) == 1


def _handed(cards: Cards, card: Card) -> list[int]:
    return [one for one in card.below if cards[one].kind in _HANDED]


def _done_under(cards: Cards, one: int) -> list[int]:
    return [child for child in cards[one].below if cards[child].kind == "action"]


def _adjoining(run: list[int], chosen: list[int]) -> Iterator[list[int]]:
    """The chosen ones, in groups that follow one another in the run."""
    wanted, group = set(chosen), list[int]()
    for one in run:
        if one in wanted:
            group.append(one)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _own_weight(cards: Cards, card: Card) -> int:
    near = [card, *(cards[one] for one in _done_under(cards, card.id))]
    return max(_remarkable(one) for one in near)


def _remarkable(card: Card) -> int:
    if card.alert:
        return 4
    if card.violations:
        return 3
    if card.revoked is not None:
        return 2
    return int(card.kind == "gap" or card.after)


def _weights(cards: Cards) -> dict[int, int]:
    """How remarkable the most remarkable card is, in each card's subtree."""
    found = {card.id: _remarkable(card) for card in cards.values()}
    for card in reversed(cards.values()):
        if card.above is not None:
            found[card.above] = max(found[card.above], found[card.id])
    return found


def _subtree(cards: Cards, top: int) -> Iterator[int]:
    waiting = [top]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(cards[one].below)


def _copied(drawn: Picture) -> Cards:
    return {card.id: replace(card, below=list(card.below)) for card in drawn.cards.values()}


def _ordered(cards: Cards) -> Cards:
    """Parents before children again."""
    tops = [card.id for card in cards.values() if card.above is None]
    return {one: cards[one] for top in tops for one in _subtree(cards, top)}
