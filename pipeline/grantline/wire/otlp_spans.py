"""From the attributes of one span to one hop, whatever encoding they came in.

Holds what both encodings share: an encoding cuts a record into resources and spans, and reads
one attribute into (slot, value); everything from there on happens here. It refuses a span that
no hop can be made of by raising `Unusable`, and never puts a value from the span into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from grantline.model.flags import ATTRIBUTES_DROPPED, CLOCK_UNUSABLE
from grantline.model.hop import CONSUMER, UNSPECIFIED, Hop
from grantline.model.rejected import Reason
from grantline.wire.otlp_attributes import (
    FIELDS,
    METHOD_NAME,
    OPERATION_NAME,
    PROBLEM,
    SLOTS,
    TOOL_NAME,
    WIDTH,
    slot_of,
)
from grantline.wire.otlp_times import FIRST_START, LAST_START, nanoseconds

MARK: Final = OPERATION_NAME.encode()
"""A span whose bytes do not hold this is not a delegation span."""

_LAST_TIME = (1 << 63) - 1
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16

_SPAN_ID, _TRACE_ID, _OPERATION, _TIME = (
    slot_of(field) for field in ("span_id", "trace_id", "operation", "time")
)
_KIND, _SERVICE, _INSTANCE, _RECEIVED = (
    slot_of(field) for field in ("kind", "service", "service_instance", "received")
)
_ENVIRONMENT, _FAILED, _FLAGS, _ACTION, _PARENT, _ENDED = (
    slot_of(field)
    for field in ("environment", "failed", "flags", "action_name", "parent_span_id", "ended")
)


class Unusable(Exception):
    """No hop can be made of this span, attribute or record."""

    def __init__(self, reason: Reason, detail: str, slot: int = PROBLEM) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail
        self.slot = slot
        """Where an attribute that is wrong leaves its mark."""


class Emitter(NamedTuple):
    """What a resource says of the spans below it."""

    service: str | None = None
    instance: str | None = None
    environment: str | None = None
    problem: Unusable | None = None
    """What costs each of these spans."""
    flags: tuple[str, ...] = ()
    """What is odd about the resource, and so about each hop of it."""


class Identity(NamedTuple):
    """What a rejected span may be found by, where its ids can be read."""

    trace_id: str | None = None
    span_id: str | None = None


class Parts(NamedTuple):
    """A span but for its attributes."""

    trace_id: str
    span_id: str
    parent_span_id: str
    time: int
    kind: int
    failed: bool
    attributes_dropped: bool
    ended: int = 0


Groups = Sequence[tuple[bytes, Sequence[bytes]]]
"""The resources of a record, each with its spans, as they came."""


class Form(Protocol):
    """One form that a span has in bytes; modules are its implementations."""

    def emitter(self, resource: bytes) -> Emitter: ...

    def hop(self, span: bytes, emitter: Emitter, received: int) -> Hop | None:
        """The hop a span is, None where it is not a delegation span. Raises `Unusable`."""
        ...

    def identity(self, span: bytes) -> Identity: ...


class Found(NamedTuple):
    """What a record holds, before any span is read."""

    parts: list[tuple[Form, Groups]]
    refused: list[Unusable]
    """What of it cannot be read as spans of any form."""

    @property
    def spans(self) -> int:
        return sum(len(spans) for _, groups in self.parts for _, spans in groups)


def hop_of(slots: list[Any], parts: Parts, emitter: Emitter, received: int) -> Hop | None:
    """The hop that `slots` add up to; None without an operation. Raises `Unusable`."""
    operation = slots[_OPERATION]
    if operation is None:
        return None
    problem = operation if operation.__class__ is Unusable else slots[PROBLEM] or emitter.problem
    if problem is not None:
        # A new one: an emitter's is remembered, and would gather a traceback with every raise.
        raise Unusable(problem.reason, problem.detail)
    _check(parts)
    slots[_TRACE_ID], slots[_SPAN_ID], above, time, kind, slots[_FAILED], dropped, ended = parts
    slots[_TIME] = time
    if FIRST_START <= time <= LAST_START:
        if time <= ended <= _LAST_TIME:
            slots[_ENDED] = ended
    else:
        slots[_TIME] = nanoseconds(time) or time
        _flag(slots, CLOCK_UNUSABLE)
    if len(above) == len(_NO_SPAN) and above != _NO_SPAN:
        slots[_PARENT] = above
    slots[_KIND] = kind if UNSPECIFIED <= kind <= CONSUMER else UNSPECIFIED
    slots[_SERVICE], slots[_INSTANCE], slots[_ENVIRONMENT], _, odd = emitter
    slots[_RECEIVED] = received
    if slots[_ACTION] is None:
        slots[_ACTION] = slots[TOOL_NAME] or slots[METHOD_NAME]
    if dropped or odd:
        _flag(slots, *odd, *((ATTRIBUTES_DROPPED,) if dropped else ()))
    return Hop(*slots[:WIDTH])


def _flag(slots: list[Any], *flags: str) -> None:
    slots[_FLAGS] = tuple(sorted({*slots[_FLAGS], *flags}))


def _check(parts: Parts) -> None:
    if len(parts.trace_id) != 32 or parts.trace_id == _NO_TRACE:
        raise Unusable("bad_span", "the trace id is not 16 bytes, or all zero")
    if len(parts.span_id) != 16 or parts.span_id == _NO_SPAN:
        raise Unusable("bad_span", "the span id is not 8 bytes, or all zero")
    if not 0 < parts.time <= _LAST_TIME:
        raise Unusable("bad_span", "the start time is zero or beyond 63 bits of nanoseconds")


def identity_of(trace_id: str, span_id: str) -> Identity:
    """Ids as far as they are whole."""
    return Identity(
        trace_id if len(trace_id) == 32 else None, span_id if len(span_id) == 16 else None
    )


def _empty() -> list[Any]:
    defaults = {f.name: f.default for f in msgspec.structs.fields(Hop)}
    values = [None if defaults[f] is msgspec.NODEFAULT else defaults[f] for f in FIELDS]
    return values + [None] * (SLOTS - WIDTH)


EMPTY: Final = _empty()
"""A value for each slot of a span that says nothing."""
