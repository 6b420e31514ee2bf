"""Merging reports of one thing: stronger evidence wins field by field, order does not matter.

Reports of equal strength that disagree settle on the greater value: arbitrary, but the same
whichever came first. The merge is associative, commutative and idempotent.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import astuple

_S = TypeVar("_S", bound=msgspec.Struct)


def join(reports: dict[int, _S], rank: int, report: _S) -> bool:
    """Add `report` of evidence `rank`; True if that changed anything."""
    known = reports.get(rank)
    joined = report if known is None else _greater(known, report)
    if joined == known:
        return False
    reports[rank] = joined
    return True


def overlay(reports: dict[int, _S]) -> _S:
    """The fields of the strongest report that has each."""
    if len(reports) == 1:
        return next(iter(reports.values()))
    ranks = sorted(reports, reverse=True)
    strongest = reports[ranks[0]]
    said = values = [*astuple(strongest)]
    for rank in ranks[1:]:
        if None not in values:
            break
        weaker = astuple(reports[rank])
        # A list, because a generator is called for every field.
        values = [b if a is None else a for a, b in zip(values, weaker, strict=True)]
    # Mostly the weaker ones tell nothing more.
    return strongest if values == said else type(strongest)(*values)


def _greater(one: _S, other: _S) -> _S:
    if one == other:
        return one
    values = {}
    for name in one.__struct_fields__:
        a, b = getattr(one, name), getattr(other, name)
        values[name] = b if a is None else a if b is None else max(a, b)
    return type(one)(**values)
