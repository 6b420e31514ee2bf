"""Which delegation is current, in this context and across processes (convention 1.7).

Inside a process it is a value of the OpenTelemetry context; between processes it is four
baggage members and nothing more: no subject, scope, chain, jti or fingerprint ever travels.
Baggage is unauthenticated: it is dropped at the border of the trust domain and validated
everywhere.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus, urlsplit

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import (
    Context,
    attach,
    create_key,
    detach,
    get_current,
    get_value,
    set_value,
)
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from grantline.emit.canonical import ID_PATTERN
from grantline.emit.claims import TokenFacts
from grantline.emit.clean import Notes, scrub
from grantline.emit.delegation import Delegation

ID: Final = "delegation.id"
ROOT: Final = "delegation.root.id"
DEPTH: Final = "delegation.depth"
TASK: Final = "delegation.task.id"
KEYS: Final = (ID, ROOT, DEPTH, TASK)
"""The baggage members, named as the attributes they become."""
HEADER: Final = "baggage"
_MAX_TASK: Final = 256
_MAX_HEADER: Final = 8192
"""Characters of a `baggage` header (W3C Baggage 3.3.2)."""
_MAX_DEPTH: Final = 10_000
_ACTING: Final = create_key("grantline-acting")
_AGENT: Final = create_key("grantline-agent")
_BAGGAGE: Final = W3CBaggagePropagator()
_TRACE: Final = TraceContextTextMapPropagator()


class _Silent:
    def note(self, what: str, detail: str) -> None:
        """Reading hostile baggage is nobody's mistake here."""


SILENT: Final = _Silent()


@dataclass(frozen=True, slots=True)
class Acting:
    """The current delegation, and how it came to be current."""

    delegation: Delegation
    facts: TokenFacts | None = None
    resumed: SpanContext | None = None
    """Span of the process that was interrupted, to link to."""
    told: bool = False
    """Known from baggage only: a hint, not a proof."""


def acting(context: Context | None = None) -> Acting | None:
    """The current delegation: set here, else told by baggage, else none."""
    context = get_current() if context is None else context
    found = get_value(_ACTING, context)
    if isinstance(found, Acting):
        return found
    told = from_baggage(baggage.get_all(context))
    return Acting(told, told=True) if told is not None else None


def agent_name(context: Context | None = None) -> str | None:
    found = get_value(_AGENT, context)
    return found if isinstance(found, str) else None


def from_baggage(members: Mapping[str, object], notes: Notes = SILENT) -> Delegation | None:
    """The delegation that baggage tells of; malformed members count as absent."""
    if not members:
        return None
    depth = members.get(DEPTH)
    digits = str(depth) if depth is not None else ""
    small = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MAX_DEPTH))
    told = Delegation(
        id=_fit_id(members.get(ID), notes),
        root_id=_fit_id(members.get(ROOT), notes),
        depth=int(digits) if small and int(digits) <= _MAX_DEPTH else None,
        task_id=_fit_task(members.get(TASK), notes),
    )
    return told if told.id or told.task_id else None


def _fit_id(value: object, notes: Notes) -> str | None:
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        return None
    return value if scrub(value, notes) == value else None


def _fit_task(value: object, notes: Notes) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TASK or not value.isprintable():
        return None
    return value if scrub(value, notes) == value else None


def _members(delegation: Delegation, notes: Notes) -> dict[str, str]:
    found = {
        ID: _fit_id(delegation.id, notes),
        ROOT: _fit_id(delegation.root_id, notes),
        DEPTH: None if delegation.depth is None else str(delegation.depth),
        TASK: _fit_task(delegation.task_id, notes),
    }
    return {key: value for key, value in found.items() if value is not None}


def with_acting(acting: Acting, notes: Notes, context: Context | None = None) -> Context:
    """A context in which this delegation is current, for spans and for outgoing baggage."""
    context = without_delegation(context)
    for key, value in _members(acting.delegation, notes).items():
        context = baggage.set_baggage(key, value, context)
    return set_value(_ACTING, acting, context)


def with_agent(name: str, context: Context | None = None) -> Context:
    return set_value(_AGENT, name, context)


def without_delegation(context: Context | None = None) -> Context:
    """The same context, acting under nothing: what must not leave, or must not be believed."""
    context = set_value(_ACTING, None, context)
    for key in KEYS:
        if baggage.get_baggage(key, context) is not None:
            context = baggage.remove_baggage(key, context)
    return context


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
    members = []
    for name in [name for name in carrier if str(name).lower() == HEADER]:
        members += [m for m in str(carrier[name]).split(",") if m and _key(m) not in KEYS]
        del carrier[name]
    if delegation is not None:
        members += [f"{k}={quote_plus(v)}" for k, v in _members(delegation, notes).items()]
    if members:
        carrier[HEADER] = ",".join(members)
    if "traceparent" not in carrier:
        _TRACE.inject(carrier)


def _key(member: str) -> str:
    return unquote_plus(member.partition("=")[0]).strip()


def drop_delegation(carrier: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take the four members out of a request that came from outside the trust domain."""
    inject(carrier, None, SILENT)
    return carrier


def extract(carrier: Mapping[str, Any], notes: Notes) -> tuple[Delegation | None, SpanContext]:
    """The delegation and the span a carrier tells of, each possibly empty."""
    told = from_baggage(baggage.get_all(_parse(carrier)), notes)
    span = trace.get_current_span(_TRACE.extract(_lowered(carrier), Context()))
    return told, span.get_span_context()


def _parse(carrier: Mapping[str, Any]) -> Context:
    """Only our members reach the stock parser: it logs, in full, whatever it cannot read."""
    header = _lowered(carrier).get(HEADER, "")
    ours = [m for m in header[:_MAX_HEADER].split(",") if _key(m) in KEYS]
    clean = ",".join(member for member in ours if scrub(member, SILENT) == member)
    return _BAGGAGE.extract({HEADER: clean}, Context())


def _lowered(carrier: Mapping[str, Any]) -> dict[str, str]:
    """Text members only, names in lower case: HTTP headers, MCP `_meta`, job records."""
    return {str(name).lower(): value for name, value in carrier.items() if isinstance(value, str)}


def allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether a host (or URL) is on the list of those that may be told the delegation."""
    name = (urlsplit(host if "//" in host else f"//{host}").hostname or "").rstrip(".")
    return any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in patterns)
