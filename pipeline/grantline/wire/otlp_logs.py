"""From a log record of OTLP (opentelemetry/proto/logs/v1/logs.proto) with the attributes of a
delegation span to a hop.

A log record has no id of its own, and many may be written within one span: each is a fact of its own.
So a hop's span id is made of what the record says, the same in either encoding and each time it comes;
the span that it was written in is the one above. Where there is no trace, its id is made likewise. A
record has no kind, no end, and no status: how severe it is says nothing of whether the operation went
through, `delegation.decision.outcome` does.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

import msgspec

from grantline.model.hop import UNSPECIFIED, Hop
from grantline.wire.otlp_attributes import FIELDS, WIDTH
from grantline.wire.otlp_reading import OPERATION_AT
from grantline.wire.otlp_spans import EMPTY, Emitter, Parts, hop_of

_TRACE_DIGITS: Final = 32
_SPAN_DIGITS: Final = 16


class LogParts(NamedTuple):
    """A log record but for its attributes. Ids are in hex, times in nanoseconds, 0 for none."""

    trace_id: str
    span_id: str
    time: int
    observed: int
    attributes_dropped: bool


def hop_of_log(slots: list[Any], parts: LogParts, emitter: Emitter, received: int) -> Hop | None:
    """The hop that `slots` add up to; None without an operation. Raises `Unusable`."""
    if slots[OPERATION_AT] is None:
        return None
    time = parts.time or parts.observed
    made = _digest(slots, parts, time, emitter)
    whole = len(parts.trace_id) == _TRACE_DIGITS and parts.trace_id.strip("0")
    return hop_of(
        slots,
        Parts(
            parts.trace_id if whole else made[:_TRACE_DIGITS],
            made[_TRACE_DIGITS : _TRACE_DIGITS + _SPAN_DIGITS],
            parts.span_id,
            time,
            UNSPECIFIED,
            False,
            parts.attributes_dropped,
        ),
        emitter,
        received,
    )


def _digest(slots: list[Any], parts: LogParts, time: int, emitter: Emitter) -> str:
    """Of what the record says, and not of how; fields that later releases add change nothing."""
    said = {
        field: value
        for field, value, silent in zip(FIELDS, slots[:WIDTH], EMPTY, strict=False)
        if value != silent and isinstance(value, (str, int, tuple))
    }
    whole = [parts.trace_id, parts.span_id, time, emitter.service, emitter.instance, said]
    return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()
