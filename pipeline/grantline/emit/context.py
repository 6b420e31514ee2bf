"""Which delegation is current, in this context and across processes (convention 1.7).

Inside a process it is a value of the OpenTelemetry context, and no part of its baggage, which goes
to every host that is called; between processes it is four baggage members and nothing more: no
subject, scope, chain, jti or fingerprint ever travels. Baggage is unauthenticated: it is dropped at
the border of the trust domain and validated everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from opentelemetry import baggage as application
from opentelemetry import trace
from opentelemetry.context import (
    Context,
    attach,
    create_key,
    detach,
    get_current,
    get_value,
    set_value,
)
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import SpanContext

from grantline.emit import baggage
from grantline.emit.baggage import HEADER, KEYS, SILENT
from grantline.emit.claims import TokenFacts
from grantline.emit.clean import Notes
from grantline.emit.delegation import Delegation

_ACTING: Final = create_key("grantline-acting")
_AGENT: Final = create_key("grantline-agent")


@dataclass(frozen=True, slots=True)
class Acting:
    """The current delegation, and how it came to be current."""

    delegation: Delegation
    facts: TokenFacts | None = None
    resumed: SpanContext | None = None
    """Span of the process that was interrupted, to link to."""
    told: bool = False
    """Known from baggage only: a hint, not a proof."""
    allow: tuple[str, ...] | None = None
    """`baggage_allow` of the emitter that made it current."""


def acting(context: Context | None = None) -> Acting | None:
    """The current delegation: set here, else told by baggage, else none."""
    context = get_current() if context is None else context
    found = get_value(_ACTING, context)
    if isinstance(found, Acting):
        return found
    # Where another propagator than ours has read the request.
    told = baggage.told_by(application.get_all(context))
    return Acting(told, told=True) if told is not None else None


def agent_name(context: Context | None = None) -> str | None:
    found = get_value(_AGENT, context)
    return found if isinstance(found, str) else None


def with_acting(acting: Acting, context: Context | None = None) -> Context:
    """A context in which this delegation is current, for spans and for outgoing requests."""
    return set_value(_ACTING, acting, without_members(context))


def with_agent(name: str, context: Context | None = None) -> Context:
    return set_value(_AGENT, name, context)


def without_delegation(context: Context | None = None) -> Context:
    """The same context, acting under nothing: what must not leave, or must not be believed."""
    return set_value(_ACTING, None, without_members(context))


def without_members(context: Context | None = None) -> Context:
    """The same context, with none of our members in the application's own baggage."""
    context = get_current() if context is None else context
    held = application.get_all(context)
    for key in KEYS:
        if key in held:
            context = application.remove_baggage(key, context)
    return context


@cache
def _trace_format() -> TextMapPropagator:
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - for few
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator()


@contextmanager
def attached(make: Callable[[], Context]) -> Iterator[None]:
    """Make a context current for a block, and the former one again after it."""
    token = attach(make())
    try:
        yield
    finally:
        detach(token)


def inject(carrier: MutableMapping[str, Any], delegation: Delegation | None, notes: Notes) -> None:
    """Write the four members into the carrier's `baggage`, beside what others put there.

    `None` takes them out instead. `traceparent` is written if it is missing.
    """
    before = baggage.texts_of(carrier).get(HEADER, "")
    for name in [name for name in carrier if str(name).lower() == HEADER]:
        del carrier[name]
    told = {} if delegation is None else baggage.members(delegation, notes)
    if text := baggage.merged(before, told, notes):
        carrier[HEADER] = text
    if "traceparent" not in carrier:
        _trace_format().inject(carrier)


def drop_delegation(carrier: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take the four members out of a request that came from outside the trust domain."""
    inject(carrier, None, SILENT)
    return carrier


def extract(carrier: Any, notes: Notes) -> tuple[Delegation | None, SpanContext]:
    """The delegation and the span a carrier tells of, each possibly empty."""
    texts: Mapping[str, str] = baggage.texts_of(carrier)
    told = baggage.told_by(baggage.read(texts.get(HEADER, "")), notes)
    span = trace.get_current_span(_trace_format().extract(texts, Context()))
    return told, span.get_span_context()
