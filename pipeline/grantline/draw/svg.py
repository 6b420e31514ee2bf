"""A picture as SVG: one file, no script, no font and no image from elsewhere.

Text is put in as text by the XML library, so that no name becomes markup. Colours follow the
reader's light or dark mode. Lengths are pixels.
"""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any, Final

from grantline.draw.fold import fold
from grantline.draw.layout import Place, places
from grantline.draw.picture import Card, Picture, described, done
from grantline.model.plain import plain

_WIDE, _HIGH, _GAP, _PITCH = 204, 68, 88, 78
"""A card; the room for a line between two columns; from one row to the next."""
_MARGIN, _TITLE, _NAME, _NOTE = 20, 34, 25, 29
"""Around the whole; its title's height; characters of a name and of a note that a card has room for."""
_LINES: Final = 3
_ROOM: Final = 7.2
"""At most so wide is a character of the legend."""

_STYLE: Final = """
.gl { font: 12px system-ui, "DejaVu Sans", sans-serif; --ink: #1f2937; --quiet: #55627a;
  --faint: #8b98ac; --red: #b00d26; --pale: #fdecee; --blue: #1d4ed8; --paper: #fff; --on: #fff }
@media (prefers-color-scheme: dark) { .gl { --ink: #e5e9f0; --quiet: #a9b4c6; --faint: #748099;
  --red: #ff7b8a; --pale: #45202a; --blue: #3b6cf0; --paper: #141a24; --on: #0d1117 } }
.gl .page { fill: var(--paper) } .gl text { fill: var(--ink) } .gl .h { font-size: 15px }
.gl .b { font-weight: 600 } .gl .q { fill: var(--quiet); font-size: 11px }
.gl .r { fill: var(--red); font-size: 11px } .gl .w { fill: #fff; font-weight: 600 }
.gl .card { fill: var(--paper); stroke: var(--ink); stroke-width: 1.2 }
.gl .human { fill: var(--blue); stroke: var(--blue) } .gl .gap { stroke-dasharray: 2 4 }
.gl .action { stroke: none; fill: none } .gl .folded { stroke: var(--faint); stroke-dasharray: 7 4 }
.gl .alert { fill: var(--pale); stroke: var(--red) }
.gl .line { fill: none; stroke: var(--faint); stroke-width: 1.3 }
.gl .said { stroke-dasharray: 8 4 } .gl .unseen { stroke-dasharray: 2 4 }
.gl .trail { stroke: var(--ink); stroke-width: 2.6 } .gl .bad { stroke: var(--red) }
.gl .pill { fill: var(--red) } .gl .p { fill: var(--on); font-size: 10px; font-weight: 700 }
"""


def svg(drawn: Picture, title: str) -> str:
    """The picture, folded where it is large; a line below says what was folded."""
    return ET.tostring(element(drawn, title), encoding="unicode")


def element(drawn: Picture, title: str) -> ET.Element:
    """The `svg` element, to be put into a page."""
    drawn = fold(drawn)
    at = places(drawn)
    trail = drawn.trail()
    legend = list(_legend(drawn))
    wide = max(
        _left(max((place.column for place in at.values()), default=0)) + _WIDE + _MARGIN,
        _MARGIN * 2 + 560,
    )
    bottom = _MARGIN + _TITLE + (max((p.row for p in at.values()), default=0)) * _PITCH + _HIGH
    notes = _wrapped(legend, wide - 2 * _MARGIN)
    high = bottom + _MARGIN + 20 * (len(notes) + len(drawn.folded)) + _MARGIN
    root = ET.Element(
        "svg", {
            "xmlns": "http://www.w3.org/2000/svg", "class": "gl", "role": "img",
            "viewBox": f"0 0 {wide:g} {high:g}", "width": f"{wide:g}", "height": f"{high:g}",
        },
    )  # fmt: skip
    _put(root, "title", plain(title))
    _put(root, "desc", "\n".join(described(drawn)))
    _put(root, "style", _STYLE)
    _put(root, "rect", "", {"class": "page", "width": "100%", "height": "100%"})
    _write(root, _MARGIN, _MARGIN + 8, "b h", _cut(title, int((wide - 2 * _MARGIN) / 8.6)))
    for card in drawn.cards.values():
        if card.above is not None:
            _line(root, at[card.above], at[card.id], card, on_trail=card.id in trail)
    for card in drawn.cards.values():
        _card(root, at[card.id], card)
        _pill(root, at[card.id], card)
    y = bottom + _MARGIN + 6
    for line in notes:
        x = float(_MARGIN)
        for name, words in line:
            _line_of_legend(root, x, y, name, words)
            x += _width(words)
        y += 20
    for words in drawn.folded:
        _write(root, _MARGIN, y, "q", _cut(f"Folded: {words}", int((wide - 2 * _MARGIN) / 5.8)))
        y += 20
    return root


def _left(column: int) -> float:
    return _MARGIN + column * (_WIDE + _GAP)


def _middle(place: Place) -> float:
    return _MARGIN + _TITLE + place.row * _PITCH + _HIGH / 2


def _line(root: ET.Element, start: Place, end: Place, card: Card, *, on_trail: bool) -> None:
    x, y = _left(start.column) + _WIDE, _middle(start)
    right, level = _left(end.column), _middle(end)
    bend = x + 46
    names = ["line", card.strength]
    names += ["trail"] if on_trail else []
    names += ["bad"] if card.violations else []
    way = f"M{x:g} {y:g}C{x + 32:g} {y:g} {bend - 32:g} {level:g} {bend:g} {level:g}L{right:g} {level:g}"
    _put(root, "path", "", {"class": " ".join(names), "d": way})


def _pill(root: ET.Element, place: Place, card: Card) -> None:
    """The rules that object, on the line's end."""
    if not card.violations or card.above is None:
        return
    words = card.violations[0] + (f" +{more}" if (more := len(card.violations) - 1) else "")
    wide = 8 + 6.6 * len(words)
    x, y = _left(place.column) - 6 - wide, _middle(place)
    group = _put(root, "g", "")
    _put(group, "title", plain(", ".join(card.violations)))
    _put(
        group, "rect", "",
        {"class": "pill", "x": f"{x:g}", "y": f"{y - 8:g}", "width": f"{wide:g}", "height": "16", "rx": "4"},
    )  # fmt: skip
    _write(group, x + wide / 2, y + 3.5, "p", words, anchor="middle")


def _card(root: ET.Element, place: Place, card: Card) -> None:
    x, y = _left(place.column), _middle(place)
    group = _put(root, "g", "")
    _put(group, "title", "\n".join(_whole(card)))
    names = f"card {card.kind}" + (" alert" if card.alert else "")
    _put(
        group, "rect", "", {
            "class": names, "x": f"{x:g}", "y": f"{y - _HIGH / 2:g}", "rx": "7",
            "width": f"{_WIDE}", "height": f"{_HIGH}",
        },
    )  # fmt: skip
    if card.kind == "human":
        _write(group, x + _WIDE / 2, y + 4, "w", _cut(card.name, _NAME), anchor="middle")
        return
    title, *notes = _shown(card)
    _write(group, x + 10, y - 17, "b", _cut(title, _NAME))
    lines = [(name, line) for name, words in notes if words for line in _folded(words)]
    for number, (name, words) in enumerate(lines[:_LINES]):
        more = "…" if number == _LINES - 1 and len(lines) > _LINES else ""
        _write(group, x + 10, y - 2 + 14 * number, name, _cut(words + more, _NOTE))


def _shown(card: Card) -> Iterator[Any]:
    """The title of a card, then (class, words) of what stands below it."""
    if card.kind == "action":
        colour = "r" if card.violations else "q"
        yield card.name
        if card.presenter:
            yield colour, f"presented by {card.presenter}"
        if card.after:
            yield colour, "after the revocation"
        yield "q", done(card)
    elif card.kind == "gap":
        yield f"? {card.name}"
        yield "q", "nobody reported it"
        yield "q", card.note
    elif card.kind == "folded":
        yield f"… {card.name}"
        yield "q", card.note
    else:
        yield card.name
        until = f" until {card.until:%H:%M}" if card.until else ""
        revoked = f"revoked {card.revoked:%H:%M}" if card.revoked else ""
        token = f"token {card.token}" if card.token else ""
        yield ("r", f"{revoked}, {token}".rstrip(", ")) if revoked else ("q", f"{token}{until}")
        yield from _scopes(card)


def _scopes(card: Card) -> Iterator[tuple[str, str]]:
    """What was gained first: it is what a reader looks for, and what may not be cut off."""
    if card.scopes is None:
        yield "q", "scopes not told"
        return
    yield "r", " ".join(f"+{one}" for one in card.gained)
    kept = [one for one in card.scopes if one not in card.gained]
    yield "q", " ".join([*kept, *(f"−{one}" for one in card.lost)])  # noqa: RUF001


def _whole(card: Card) -> Iterator[str]:
    """Everything that the card stands for, uncut, for who points at it."""
    title, *notes = _shown(card) if card.kind != "human" else (card.name,)
    yield plain(title)
    yield from (plain(words) for _, words in notes if words)
    if card.violations:
        yield plain(f"objected to by {', '.join(card.violations)}")


def _folded(words: str) -> list[str]:
    """Broken between words, none of which is broken."""
    lines: list[str] = []
    for word in plain(words).split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= _NOTE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


_LEGEND: Final[Mapping[str, str]] = {
    "line trail": "the way to what was asked about",
    "line proven": "proven: the issuer, or who verified the token, reports it",
    "line said": "only said by the one who acts",
    "line unseen": "nobody reported it",
    "line bad": "a rule objects",
    "gained": "+ a scope that the delegator did not hold",
    "lost": "− a scope of the delegator's that was left out",  # noqa: RUF001
}


def _legend(drawn: Picture) -> Iterator[tuple[str, str]]:
    """Only what occurs in the picture is explained."""
    cards = [card for card in drawn.cards.values() if card.above is not None]
    found = {f"line {card.strength}" for card in cards}
    found |= {"line bad"} if any(card.violations for card in cards) else set()
    found |= {"line trail"} if drawn.trail() else set()
    found |= {"gained"} if any(card.gained for card in cards) else set()
    found |= {"lost"} if any(card.lost for card in cards) else set()
    return ((name, words) for name, words in _LEGEND.items() if name in found)


def _wrapped(legend: list[tuple[str, str]], wide: float) -> list[list[tuple[str, str]]]:
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0.0
    for name, words in legend:
        if lines[-1] and used + _width(words) > wide:
            lines.append([])
            used = 0.0
        lines[-1].append((name, words))
        used += _width(words)
    return lines


def _width(words: str) -> float:
    return 56 + _ROOM * 0.82 * len(words)


def _line_of_legend(root: ET.Element, x: float, y: float, name: str, words: str) -> None:
    if not name.startswith("line"):
        _write(root, x, y, "r" if name == "gained" else "q", words)
        return
    _put(root, "path", "", {"class": name, "d": f"M{x:g} {y - 4:g}h28"})
    _write(root, x + 34, y, "q", words)


def _put(
    root: ET.Element, tag: str, text: str, attributes: Mapping[str, str] | None = None
) -> ET.Element:
    element = ET.SubElement(root, tag, dict(attributes or {}))
    element.text = text or None
    return element


def _write(
    root: ET.Element, x: float, y: float, name: str, words: str, *, anchor: str = "start"
) -> None:
    if words:
        _put(
            root, "text", words,
            {"class": name, "x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor},
        )  # fmt: skip


def _cut(words: str, most: int) -> str:
    """In at most `most` columns of text; a wide character (East Asian) takes two."""
    words = plain(words)
    used = 0
    for at, char in enumerate(words):
        used += 1 + (unicodedata.east_asian_width(char) in "WF")
        if used > most:
            return words[: max(at - 1, 0)] + "…"
    return words
