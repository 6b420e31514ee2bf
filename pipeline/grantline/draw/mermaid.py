"""A picture as a Mermaid flowchart, for issues and wikis that draw it themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from grantline.draw.fold import fold
from grantline.draw.picture import Card, Picture, done
from grantline.model.plain import plain

_ARROWS: Final = {"proven": "-->", "said": "-.->", "unseen": "-.->"}
_SAFE: Final = re.compile(r"[^A-Za-z0-9 ._,…×]")  # noqa: RUF001


def mermaid(drawn: Picture, title: str) -> str:
    """Text that Mermaid reads; a reference at a line is a rule that objects."""
    return "\n".join(_lines(fold(drawn), title)) + "\n"


def _lines(drawn: Picture, title: str) -> Iterator[str]:
    yield "flowchart LR"
    # A comment may hold anything but the mark of a directive.
    yield f"  %% {_text(title)}"
    for card in drawn.cards.values():
        opens, closes = ('(["', '"])') if card.kind == "human" else ('["', '"]')
        yield f"  c{card.id}{opens}{_label(card)}{closes}"
    bad = []
    lines = [card for card in drawn.cards.values() if card.above is not None]
    for number, card in enumerate(lines):
        said = f'|"{_text(", ".join(card.violations))}"|' if card.violations else ""
        yield f"  c{card.above} {_ARROWS[card.strength]}{said} c{card.id}"
        if card.violations:
            bad.append(str(number))
    if bad:
        yield f"  linkStyle {','.join(bad)} stroke:#b00d26,color:#b00d26"
    for note in drawn.folded:
        yield f"  %% folded: {_text(note)}"


def _label(card: Card) -> str:
    parts = [f"? {card.name}" if card.kind == "gap" else card.name]
    if card.kind == "action":
        parts.append(done(card))
        parts += [f"presented by {card.presenter}"] if card.presenter else []
    parts += [f"token {card.token}"] if card.token else []
    parts += [f"revoked {card.revoked:%H:%M}"] if card.revoked else []
    parts += [" ".join(f"+{one}" if one in card.gained else one for one in card.scopes or ())]
    parts += [card.note]
    return "<br/>".join(_text(part) for part in parts if part)


def _text(words: str) -> str:
    """Every sign that might be syntax as Mermaid's entity code."""
    return _SAFE.sub(lambda sign: f"#{ord(sign[0])};", plain(words))
