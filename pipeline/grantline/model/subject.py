"""What rules are asked about: an object that is itself, and carries what was said of it.

Subjects are compared by identity, so that asking about one costs no comparison of its fields;
that the same fact told twice is one subject is seen to where facts come in (`tell`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import msgspec

from grantline.model.finding import Hit

Spoken: TypeAlias = tuple[str, Hit]
"""A rule's id and what it says."""


_OURS = frozenset({"arrived", "meant", "refused", "said"})


class Subject(msgspec.Struct, eq=False, kw_only=True):
    """One thing that rules judge."""

    said: tuple[Spoken, ...] = ()
    """Rule ids and hits: what is held against it now. The judge's."""

    def content(self) -> tuple[object, ...]:
        """What the span told, as against what we noted."""
        return tuple(getattr(self, n) for n in self.__struct_fields__ if n not in _OURS)


_S = TypeVar("_S", bound=Subject)

Told: TypeAlias = dict[str, _S]
"""What was told, by the span that told it. Spans of one id that tell different things (nothing
makes a hostile emitter's ids unique) are numbered."""


def tell(known: Told[_S], span_id: str, new: _S) -> bool:
    """Add `new`, unless a span of that id told the same before; True where it is new."""
    if known.setdefault(span_id, new) is new:
        return True
    number, key = 0, span_id
    while (before := known.setdefault(key, new)) is not new:
        if before.content() == new.content():
            return False
        number += 1
        key = f"{span_id} {number}"
    return True


def of_span(known: Told[_S], span_id: str) -> Iterator[_S]:
    """What spans of that id told."""
    number, key = 0, span_id
    while (found := known.get(key)) is not None:
        yield found
        number += 1
        key = f"{span_id} {number}"
