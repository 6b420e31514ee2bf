"""What rules are asked about: an object that is itself, and carries what was said of it.

Subjects are compared by identity, so that asking about one costs no comparison of its fields;
that the same fact told twice is one subject is seen to where facts come in (`tell`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    from grantline.model.finding import Hit


Spoken: TypeAlias = "tuple[str, Hit]"
"""A rule's id and what it says."""


class Subject(msgspec.Struct, eq=False, kw_only=True):
    """One thing that rules judge."""

    said: tuple[Spoken, ...] = ()
    """Rule ids and hits: what is held against it now. The judge's."""


_S = TypeVar("_S", bound=Subject)

Told: TypeAlias = dict[tuple[str, int], _S]
"""What was told, by the span that told it. Spans of one id that tell different things (nothing
makes a hostile emitter's ids unique) are numbered."""


def tell(known: Told[_S], span_id: str, new: _S) -> bool:
    """Add `new`, unless a span of that id told the same before; True where it is new."""
    number = 0
    while (before := known.setdefault((span_id, number), new)) is not new:
        if _content(before) == _content(new):
            return False
        number += 1
    return True


def _content(subject: Subject) -> list[object]:
    names = (name for name in subject.__struct_fields__ if name not in _OURS)
    return [getattr(subject, name) for name in names]


_OURS = frozenset({"arrived", "said"})
"""Fields that the span did not tell."""
