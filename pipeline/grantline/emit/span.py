"""A finished span, made in one step: a point in time that nobody changes any more.

The SDK's tracer makes spans that may change until they end. For each it checks and copies every
attribute, keeps bounded lists under locks, asks a sampler, and copies the span once it has ended:
half of the time that telling a fact used to take. A fact is complete, clean and always sampled
when it is told, and a test holds its span equal, byte for byte, to the tracer's
(decisions/024-a-span-is-made-in-one-step.md).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from grantline import __version__
from grantline.emit.attributes import SCHEMA_URL, Kind

SCOPE: Final = InstrumentationScope("grantline.emit", __version__, SCHEMA_URL)

_RANDOM: Final = 0x02
"""The trace id is random (W3C Trace Context 2, 3.2.2.5.2): said of our own, handed on of others."""
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SAMPLED_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | _RANDOM)
KINDS: Final[dict[Kind, SpanKind]] = {
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
    "internal": SpanKind.INTERNAL,
}
_UNSET: Final = Status(StatusCode.UNSET)
_FAILED: Final = Status(StatusCode.ERROR)
_IDS: Final = RandomIdGenerator()


class Earlier(NamedTuple):
    """A span that told of the same authority before, if there is one."""

    kind: str
    span: SpanContext | None
    delegation: str | None = None


def finished(
    name: str,
    kind: Kind,
    attributes: Mapping[str, Any],
    *,
    resource: Resource,
    parent: SpanContext,
    follows: Sequence[Earlier] = (),
    failed: bool = False,
    start: int | None = None,
) -> ReadableSpan:
    """A span of this moment (or from `start`, in nanoseconds, until now), in the trace of its parent if that is a valid one, else in a new one.

    `follows` is what it continues, linked to where that is in another trace. `attributes` are
    kept, not copied: whoever hands them over lets them go.
    """
    within = _stateless(parent) if parent.is_valid else None
    now = time.time_ns()
    return ReadableSpan(
        name,
        _context(within),
        within,
        resource,
        attributes,
        links=_links(follows, parent),
        kind=KINDS[kind],
        status=_FAILED if failed else _UNSET,
        start_time=now if start is None else start,
        end_time=now,
        instrumentation_scope=SCOPE,
    )


def _context(parent: SpanContext | None) -> SpanContext:
    if parent is None:
        trace_id, flags = _IDS.generate_trace_id(), _SAMPLED_RANDOM
    else:
        trace_id = parent.trace_id
        flags = _SAMPLED_RANDOM if parent.trace_flags & _RANDOM else _SAMPLED
    return SpanContext(trace_id, _IDS.generate_span_id(), is_remote=False, trace_flags=flags)


def _stateless(seen: SpanContext) -> SpanContext:
    """The same span without the `tracestate` of strangers.

    Anybody who calls us writes into it (W3C Trace Context 3.3): what looks like a token there
    would get the span quarantined, and the use never judged.
    """
    if not seen.trace_state:
        return seen
    return SpanContext(seen.trace_id, seen.span_id, seen.is_remote, seen.trace_flags)


def _links(follows: Sequence[Earlier], parent: SpanContext) -> list[Link]:
    """To the spans of other traces that this one continues."""
    found = []
    for kind, span, delegation in follows:
        if span is not None and span.is_valid and span.trace_id != parent.trace_id:
            said = {"delegation.link.type": kind}
            if delegation:
                said["delegation.id"] = delegation
            found.append(Link(_stateless(span), said))
    return found
