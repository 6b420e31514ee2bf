"""Hops as the frames they came in, and their columns made natively: no hop becomes an object.

The crate (pipeline/core, `columns.rs`) takes a frame that is written as this release writes frames,
whole or not at all; whoever asks for a hop gets one, read from its frame by the plain code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, overload

import msgspec
import pyarrow as pa

from grantline.compiled import compiled
from grantline.model.hop import ROOT_RESOLVED, Hop
from grantline.store.choose import COPIES, Rooted, SpanId
from grantline.store.rows import HOP_SCHEMA, but
from grantline.wire.frames import decode_hops

_core = compiled("grantline._core")

_KINDS: Final = (("tuple", "list"), ("bool", "truth"), ("int", "number"))


def columns() -> str:
    """How the writer's columns are made: `native` or `pure`."""
    return "pure" if _core is None else "native"


def no_hops() -> list[Hop] | FramedHops:
    """What hops are added to: frames, or a list where the native core is not in use."""
    return (
        [] if _core is None else FramedHops(_core.Columns(_FIELDS, sorted(COPIES), ROOT_RESOLVED))
    )


class FramedHops(Sequence[Hop]):
    """The hops of frames that were read once, into columns."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._frames: list[bytes] = []
        self._hops: list[Hop] | None = None

    def add(self, frame: bytes) -> bool:
        """Take a frame; False where the plain code has to look at it, and nothing was taken."""
        if not self._core.add(frame):
            return False
        self._frames.append(frame)
        self._hops = None
        return True

    def rows(self) -> NativeRows:
        """What of them is stored."""
        return NativeRows(self._core)

    def __len__(self) -> int:
        return len(self._core)

    @overload
    def __getitem__(self, index: int) -> Hop: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hop]: ...
    def __getitem__(self, index: int | slice) -> Hop | Sequence[Hop]:
        if self._hops is None:
            self._hops = [hop for frame in self._frames for hop in decode_hops(frame)]
        return self._hops[index]


class NativeRows:
    """`staging.Rows` of columns. Which copy of a span is kept `choose` decides, here as elsewhere."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._best: dict[int, int] = {}
        """The row that is kept, by the first one of its span, where that is another."""
        left_out = set(core.passing())
        for row, first in core.repeated():
            known = self._best.get(first, first)
            worse = known if self.rooted(row).beats(self.rooted(known)) else row
            if worse is known:
                self._best[first] = row
            left_out.add(worse)
        self._left_out: frozenset[int] = frozenset(left_out)
        self._all = _table(core)
        self.table = self.without(())

    def find(self, span: SpanId) -> int | None:
        first = self._core.find(*span)
        return None if first is None else self._best.get(first, first)

    def rooted(self, row: int) -> Rooted:
        return Rooted(*self._core.rooted(row))

    def without(self, rows: Iterable[int]) -> pa.Table:
        out = self._left_out.union(rows)
        return but(self._all, out) if out else self._all


def _kind(field: msgspec.structs.FieldInfo) -> tuple[str, str, bool]:
    """Name, kind and whether it may be missing, as the core asks for them."""
    of = str(field.type)
    kind = next((kind for word, kind in _KINDS if word in of), "text")
    return field.name, kind, "None" in of


_FIELDS: Final = [_kind(field) for field in msgspec.structs.fields(Hop)]


def _table(core: Any) -> pa.Table:
    """All rows, as `rows.hop_table` makes them."""
    rows = len(core)
    keys, *fields = HOP_SCHEMA
    arrays = [pa.Array.from_buffers(keys.type, rows, [None, pa.py_buffer(core.keys())])]
    for place, field in enumerate(fields):
        nulls, (valid, *values) = core.column(place)
        some = pa.py_buffer(valid) if nulls else None
        own, *inner = (pa.py_buffer(each) for each in values)
        if pa.types.is_list(field.type):
            ends, text = inner
            texts = len(values[1]) // 4 - 1
            items = pa.Array.from_buffers(pa.string(), texts, [None, ends, text])
            made = pa.Array.from_buffers(field.type, rows, [some, own], nulls, children=[items])
        else:
            made = pa.Array.from_buffers(field.type, rows, [some, own, *inner], nulls)
        arrays.append(made)
    return pa.Table.from_arrays(arrays, schema=HOP_SCHEMA)
