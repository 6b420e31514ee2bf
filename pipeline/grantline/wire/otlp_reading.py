"""From encoded attributes to the slots of a hop, whatever encoding they came in.

An attribute is read into (slot, value); one that is not as the convention has it into `ODD`, and where
that slot is filled all are gathered again, with their flags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from grantline.model.flags import ATTRIBUTES_UNREADABLE, INVALID, NORMALISED
from grantline.model.hop import SCOPES_TRUNCATED
from grantline.wire.otlp_attributes import (
    IGNORED,
    ODD,
    OPERATION_NAME,
    PROBLEM,
    RESOURCE,
    SPAN,
    UNREADABLE,
    Attribute,
    slot_of,
)
from grantline.wire.otlp_plain import Mended, Refused, Wrong
from grantline.wire.otlp_spans import EMPTY, Emitter, Unusable
from grantline.wire.otlp_values import scopes

OPERATION_AT: Final = slot_of("operation")
FLAGS_AT: Final = slot_of("flags")

_NO_OPERATION: Final = f"{OPERATION_NAME} has no value; send the operation"
_SHORT = 1_024
"""Bytes of an attribute up to which it is remembered."""
_ROOM = 8 << 20
"""Bytes of attributes remembered: what some hundred live chains repeat, span after span."""
_OVERHEAD = 256
"""Bytes that remembering an attribute takes beside its own."""


class Odd(NamedTuple):
    """An attribute that is not as the convention has it, and what its hop holds instead."""

    slot: int
    value: Any
    flag: str


class Reader(dict[bytes, tuple[int, Any]]):
    """Encoded attribute -> slot and value. What was read lately is known by its bytes: a lookup
    reads what is missing, and a problem is the value of the slot that it belongs to.

    Two generations: when one is full it becomes the last one, and what it alone held is forgotten
    with it unless it is asked for again.
    """

    def __init__(self, read: Callable[[bytes], tuple[int, Any]]) -> None:
        super().__init__()
        self._read = read
        self._last: dict[bytes, tuple[int, Any]] = {}
        self._room = _ROOM

    def __missing__(self, raw: bytes) -> tuple[int, Any]:
        found = self._last.get(raw)
        if found is None:
            try:
                found = self._read(raw)
            except Unusable as why:
                return why.slot, why.with_traceback(None)
        if len(raw) <= _SHORT:
            if self._room <= 0:
                self._last, self._room = dict(self), _ROOM
                self.clear()
            self._room -= len(raw) + _OVERHEAD
            self[raw] = found
        return found


def convert(attribute: Attribute, value: Any) -> tuple[int, Any]:
    """The slot and the value of one attribute; `ODD` where it is not as the convention has it.
    Raises `Unusable`, naming the attribute, for what costs the span.
    """
    if value is None:
        if attribute.name == OPERATION_NAME:
            raise Unusable("missing_attribute", _NO_OPERATION, OPERATION_AT)
        return IGNORED, None
    try:
        made = attribute.convert(value)
    except Wrong:
        return invalid(attribute)
    except Refused as why:
        slot = OPERATION_AT if attribute.name == OPERATION_NAME else PROBLEM
        raise Unusable(why.reason, f"{attribute.name} {why}", slot) from None
    if made.__class__ is Mended:
        flag = made.flag or attribute.field + NORMALISED
        return ODD, Odd(attribute.slot, made.value, flag)
    return attribute.slot, made


def invalid(attribute: Attribute) -> tuple[int, Any]:
    """An attribute of which nothing can be used. Raises `Unusable` for the operation's name."""
    if attribute.name == OPERATION_NAME:
        raise Unusable("bad_attribute", f"{attribute.name} cannot be read", OPERATION_AT)
    scope_list = attribute.convert is scopes
    flag = SCOPES_TRUNCATED if scope_list else attribute.field + INVALID
    return ODD, Odd(attribute.slot, None, flag)


def unreadable() -> tuple[int, Any]:
    """An attribute that is broken, its name with it."""
    return ODD, Odd(UNREADABLE, None, ATTRIBUTES_UNREADABLE)


def gather(attributes: Sequence[bytes], reader: Reader) -> list[Any]:
    """The slots of a hop, filled from `attributes`; of a name given twice the last one counts."""
    slots = EMPTY.copy()
    for slot, value in map(reader.__getitem__, attributes):
        slots[slot] = value
    return slots if slots[ODD] is None else _gather_odd(attributes, reader)


def _gather_odd(attributes: Sequence[bytes], reader: Reader) -> list[Any]:
    """As `gather`, for attributes of which some are odd: the hop is flagged with what is."""
    return _flagged(map(reader.__getitem__, attributes))


def gather_plain(
    attributes: Iterable[tuple[str, Any]], table: Mapping[str, Attribute] = SPAN
) -> list[Any]:
    """As `gather`, from names and plain values."""
    return _flagged(_converted(attributes, table))


def _converted(
    attributes: Iterable[tuple[str, Any]], table: Mapping[str, Attribute]
) -> Iterator[tuple[int, Any]]:
    for name, value in attributes:
        attribute = table.get(name)
        if attribute is None:
            continue
        try:
            yield convert(attribute, value)
        except Unusable as why:
            yield why.slot, why.with_traceback(None)


def _flagged(found: Iterable[tuple[int, Any]]) -> list[Any]:
    slots = EMPTY.copy()
    flags: dict[int, str] = {}
    for slot, value in found:
        if slot == ODD:
            slots[value.slot], flags[value.slot] = value.value, value.flag
        else:
            slots[slot] = value
            flags.pop(slot, None)
    slots[FLAGS_AT] = tuple(sorted(set(flags.values())))
    return slots


def emitter_of(slots: list[Any]) -> Emitter:
    """What the attributes of a resource, in their slots, say of its spans."""
    service, instance, environment = (slots[attribute.slot] for attribute in RESOURCE.values())
    return Emitter(service, instance, environment, slots[PROBLEM], slots[FLAGS_AT])
