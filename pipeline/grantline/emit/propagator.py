"""The one thing an emitter installs: a propagator around the application's, with our four members.

OpenTelemetry's baggage goes to every host that an instrumented client calls. A delegation is told
to our own hosts only, so it is kept out of that baggage and written here, where the span of the
call says where it goes. What is not known to be ours is told nothing: no client span, a span that
does not record, a destination it does not name.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from grantline.emit import baggage, hosts, redirects
from grantline.emit.baggage import HEADER
from grantline.emit.context import (
    Acting,
    acting,
    with_acting,
    without_delegation,
    without_members,
)

LOG: Final = logging.getLogger("grantline.emit")
_MAX_NAMED: Final = 32
"""Hosts that are named in the log because they were told nothing."""
_MAX_INSTALLS: Final = 64
"""How often the application may replace the propagator before we give in."""


class _Holding(Setter[CarrierT]):
    """Hands everything on but the `baggage` header, which it holds."""

    def __init__(self, setter: Setter[CarrierT]) -> None:
        self._setter = setter
        self.text: str | None = None

    def set(self, carrier: CarrierT, key: str, value: str) -> None:
        if key.lower() == HEADER:
            self.text = value
        else:
            self._setter.set(carrier, key, value)


class DelegationPropagator(TextMapPropagator):
    """The application's propagator, and the current delegation where the destination is of our house."""

    def __init__(self, inner: TextMapPropagator) -> None:
        self.inner = inner

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write what the application's propagator writes, and our members if the host is ours."""
        context = get_current() if context is None else context
        holding = _Holding(setter)
        self.inner.inject(carrier, without_members(context), setter=holding)
        try:
            before = baggage.texts_of(carrier).get(HEADER)
            base = before or "" if holding.text is None else holding.text
            text = baggage.merged(base, _told(carrier, context, before or ""))
        except Exception as error:  # noqa: BLE001 - the application's request comes first
            LOG.warning("baggage without the delegation: %s", type(error).__name__)
            before, text = None, holding.text or ""
        if text == (before or ""):
            return
        if before is not None:
            _take_out(carrier)
        if text:
            setter.set(carrier, HEADER, text)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """What the application's propagator reads, and the delegation the sender told of."""
        found = self.inner.extract(carrier, context, getter=getter)
        if found is None:  # an empty composite hands back what it was given
            found = get_current()
        try:
            members = baggage.read(",".join(getter.get(carrier, HEADER) or ()))
            if not members:
                return found
            told = baggage.told_by(members)
        except Exception as error:  # noqa: BLE001 - a stranger's carrier
            LOG.debug("a carrier that cannot be read: %s", type(error).__name__)
            return found
        found = without_delegation(found)
        return found if told is None else with_acting(Acting(told, told=True), found)

    @property
    def fields(self) -> set[str]:
        return {*self.inner.fields, HEADER}


def _told(carrier: Any, context: Context, before: str) -> dict[str, str]:
    """The members for the current destination: all, none, or those that somebody put there."""
    span = trace.get_current_span(context)
    to = hosts.destinations(span)
    if not to:
        return baggage.read(before)  # `dl.inject()` wrote them, for a host it knew
    around = acting(context)
    if around is None:
        return {}
    for host in to:
        if not _may_hear(host, around):
            _say(host)
            return {}
    if not redirects.seen_to(carrier, span, _may_be_told):
        return {}
    return baggage.members(around.delegation)


def _may_be_told(url: str, context: Context) -> bool:
    around = acting(context)
    return around is not None and _may_hear(url, around)


def _take_out(carrier: Any) -> None:
    if isinstance(carrier, MutableMapping):
        for name in [name for name in carrier if str(name).lower() == HEADER]:
            del carrier[name]
    elif isinstance(carrier, list):
        carrier[:] = [pair for pair in carrier if HEADER not in baggage.texts_of([pair])]


_lock: Final = threading.Lock()
_lists: Final[dict[int, tuple[str, ...]]] = {}
"""`baggage_allow` of each emitter that lives."""
_named: Final[set[str]] = set()
_installs: Final[list[DelegationPropagator]] = []
"""Those that were put around a propagator, for as long as an emitter lives."""


def _may_hear(host: str, around: Acting) -> bool:
    """By the list of the emitter that made it current; for what was received, by all of them."""
    if around.allow is not None:
        return hosts.allowed(host, around.allow)
    lists = list(_lists.values())
    return bool(lists) and all(hosts.allowed(host, each) for each in lists)


def _say(host: str) -> None:
    """Once for each of the first hosts: whoever misses the delegation there should know why."""
    name = hosts.shown(host)
    if name not in _named and len(_named) < _MAX_NAMED:
        _named.add(name)
        LOG.info("%s is told no delegation: it is neither ours nor on baggage_allow", name)


def _global() -> Any:
    """OpenTelemetry's holder of the application's propagator; loaded by who installs ours."""
    from opentelemetry import propagate  # noqa: PLC0415

    return propagate


def install(owner: object, allow: Sequence[str]) -> None:
    """Put it around the application's propagator, until every owner has let go."""
    with _lock:
        _lists[id(owner)] = tuple(allow)
    ensure()


def release(owner: object) -> None:
    """The owner's emitter has ended; with the last one the application has its own back."""
    with _lock:
        if _lists.pop(id(owner), None) is None or _lists:
            return
        held = _global().get_global_textmap()
        if isinstance(held, DelegationPropagator):
            _global().set_global_textmap(held.inner)
        _installs.clear()
        _named.clear()
        redirects.let_go()


def ensure() -> None:
    """Put it around a propagator that the application has set since."""
    if not _lists or isinstance(_global().get_global_textmap(), DelegationPropagator):
        return
    with _lock:
        held = _global().get_global_textmap()
        if not isinstance(held, DelegationPropagator) and len(_installs) < _MAX_INSTALLS:
            _installs.append(DelegationPropagator(held))
            _global().set_global_textmap(_installs[-1])
