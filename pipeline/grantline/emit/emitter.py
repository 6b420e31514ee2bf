"""What an agent holds: the eight operations, the current delegation, and what became of it."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context

from grantline.emit import context, hosts, mistakes, propagator
from grantline.emit.canonical import fingerprint
from grantline.emit.claims import Json
from grantline.emit.context import Acting, acting, agent_name
from grantline.emit.delegation import Delegation
from grantline.emit.guard import guarded
from grantline.emit.recorder import Recorder, Token
from grantline.emit.settings import Settings
from grantline.emit.tally import Stats
from grantline.emit.wrapping import Wrapping

Carrier = Mapping[str, Any] | Sequence[tuple[Any, Any]]
"""Headers, metadata or a record: by name, or as pairs; text or bytes."""
_MAX_AGENTS = 4096
_NO_CONTEXT: Context | None = None


class Emitter(Wrapping):
    """Records delegation facts; made by `configure()`, or by itself for several in a process.

    Thread-safe, usable from sync and async code, and across forks. Never raises into the
    agent, except `NotRecorded` if `fail_closed` was asked for.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(Recorder(settings))
        self._allow = tuple(settings.baggage_allow)
        self._agents: dict[str, str] = {}
        """Delegation id -> the agent that acted under it when it was last written down."""
        if settings.propagate:
            propagator.install(self._recorder, self._allow)
        self._close = weakref.finalize(self, _close, self._recorder)
        self._close.atexit = False
        atexit.register(self._close)
        # A multiprocessing child leaves without atexit; it runs its own finalizers.
        from multiprocessing import util  # noqa: PLC0415 - at the import it would cost all

        util.register_after_fork(self, _close_with_child)

    def acting_as(
        self,
        token: Token | None = None,
        *,
        delegation: Delegation | None = None,
        verified: Json | None = None,
        task: str | None = None,
    ) -> AbstractContextManager[None]:
        """`with dl.acting_as(token):` the delegation that spans, tools and baggage tell of."""
        return context.attached(
            lambda: self._acting(token, delegation, verified, task) or get_current()
        )

    @guarded(_NO_CONTEXT)
    def _acting(
        self,
        token: Token | None,
        delegation: Delegation | None,
        verified: Json | None,
        task: str | None,
    ) -> Context | None:
        propagator.ensure()
        return context.with_acting(self._entered(token, delegation, verified, task))

    def _entered(
        self,
        token: Token | None,
        delegation: Delegation | None,
        verified: Json | None,
        task: str | None,
    ) -> Acting:
        if all(given is None for given in (token, delegation, verified, task)):
            mistakes.unfounded(self.tally, "acting_as")
        seen = self._recorder.see(token, mistakes.claims_of(self.tally, "verified", verified))
        around = acting()
        known = self._standing(seen, around, delegation)
        own = known.delegation
        if own.fingerprint is None and seen.fingerprint is not None:
            own = replace(own, fingerprint=seen.fingerprint)
        if own.task_id is None or task is not None:
            own = replace(own, task_id=task or (around.delegation.task_id if around else None))
        self._remember(own, known.facts, known.origin, seen.fingerprint)
        return Acting(own, known.facts, around.resumed if around else None, False, self._allow)

    def current(self) -> Delegation | None:
        """The delegation this context acts under."""
        around = acting()
        return around.delegation if around else None

    def inject(
        self, carrier: MutableMapping[str, Any] | None = None, *, host: str | None = None
    ) -> MutableMapping[str, Any]:
        """Write the current delegation into headers, MCP `_meta` or a job's record.

        With a `host`, only if it is our own or on `baggage_allow`; otherwise it is taken out.
        Without one, whoever calls this knows where the carrier goes.
        """
        carrier = {} if carrier is None else carrier
        self._inject(carrier, host)
        return carrier

    @guarded(None)
    def _inject(self, carrier: MutableMapping[str, Any], host: str | None) -> None:
        told = host is None or hosts.allowed(host, self._allow)
        if host is None:
            self._keep_agent()
        context.inject(carrier, self.current() if told else None, self.tally)

    def _keep_agent(self) -> None:
        """For `resume`: who was acting when this was written."""
        current, name = self.current(), agent_name()
        if name is not None and current is not None and current.id is not None:
            self._agents.pop(current.id, None)
            self._agents[current.id] = name
            while len(self._agents) > _MAX_AGENTS:
                del self._agents[next(iter(self._agents))]

    def extract(self, carrier: Carrier, *, trusted: bool = True) -> Context:
        """A context with what the carrier tells; without it if the sender is not trusted."""
        return self._extracted(carrier, trusted) or context.without_delegation()

    @guarded(_NO_CONTEXT)
    def _extracted(self, carrier: Carrier, trusted: bool) -> Context | None:
        propagator.ensure()
        mistakes.check_carrier(self.tally, carrier)
        told, span = context.extract(carrier, self.tally)
        found = context.without_delegation()
        if trusted and told is not None:
            found = context.with_acting(Acting(told, told=True, allow=self._allow), found)
        if span.is_valid and not get_current_span().get_span_context().is_valid:
            found = set_span_in_context(NonRecordingSpan(span), found)
        return found

    def receive(self, carrier: Carrier, *, trusted: bool = True) -> AbstractContextManager[None]:
        """`with dl.receive(headers, trusted=...):` handle a request under what it tells.

        HTTP headers, gRPC metadata, MCP `_meta`, Kafka headers: a mapping, or pairs.
        """
        return context.attached(lambda: self.extract(carrier, trusted=trusted))

    @contextmanager
    def resume(
        self, carrier: Carrier, *, token: Token | None = None, actor: str | None = None
    ) -> Iterator[None]:
        """Continue an interrupted task in a new trace: same delegation, linked to the old span.

        `carrier` is what `inject()` wrote before. Its token and the `agent` that acted are current
        again where this process has seen them; another process gives them, as far as it has them.
        """
        with context.attached(
            lambda: self._resumed(carrier, token, actor) or context.without_delegation()
        ):
            yield

    @guarded(_NO_CONTEXT)
    def _resumed(self, carrier: Carrier, token: Token | None, actor: str | None) -> Context | None:
        told, span = context.extract(carrier, self.tally)
        seen = self._recorder.see(token)
        if told is None and seen.fingerprint is None:
            mistakes.unfounded(self.tally, "resume")
        before = Acting(told or Delegation(), told=True)
        known = self._standing(seen, before, None if seen.fingerprint else before.delegation)
        if told is not None and seen.fingerprint is None:
            known = self._recorder.memory.get(told.id) or known
        own = known.delegation
        if told is not None and told.id in (None, own.id):
            own = replace(
                own,
                root_id=own.root_id or told.root_id,
                depth=told.depth if own.depth is None else own.depth,
                task_id=told.task_id or own.task_id,
            )
        self._remember(own, known.facts, known.origin, seen.fingerprint)
        resumed: SpanContext | None = span if span.is_valid else None
        hint = seen.fingerprint is None and known.origin is None
        found = context.with_acting(Acting(own, known.facts, resumed, hint, self._allow))
        actor = actor or self._agents.get(own.id or "")
        return context.with_agent(actor, found) if actor else found

    def fingerprint(self, token: Token) -> str:
        """What this emitter publishes instead of a token. Raises `ValueError` for a non-token."""
        return fingerprint(token, self.settings.fingerprint_key)

    def stats(self) -> Stats:
        """How many spans were made, delivered and dropped, and what was put right."""
        return self.tally.stats()

    @guarded(False)
    def flush(self, timeout: float = 10.0) -> bool:
        """Send what waits, for at most `timeout` seconds.

        `True` if all that was told since the last flush has been delivered; `False` if some of it is
        still on its way, or was lost (`stats()` counts both).
        """
        return self._recorder.flush(timeout)

    def shutdown(self) -> None:
        """Deliver what waits, for at most `exit_timeout` seconds, and stop."""
        atexit.unregister(self._close)
        self._close()


def _close(recorder: Recorder) -> None:
    propagator.release(recorder)
    try:
        recorder.shutdown()
    except Exception as error:  # noqa: BLE001 - the end of the process is the agent's
        recorder.tally.error("shutdown", error)


def _close_with_child(emitter: Emitter) -> None:
    from multiprocessing import util  # noqa: PLC0415

    util.Finalize(emitter, emitter.shutdown, exitpriority=10)
