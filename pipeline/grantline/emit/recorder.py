"""From stated facts to one finished span: the part every operation shares.

It reads a token once, decides which attributes the operation may carry, cleans them, and
ends the span where it began. It decides nothing about chains.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from grantline import dialects
from grantline.emit import canonical, claims, clean, decoding, mistakes
from grantline.emit.attributes import ALIASES, FIELDS, PLANS, REQUIRED, Kind, Operation
from grantline.emit.claims import Json, TokenFacts
from grantline.emit.delegation import Known, Memory
from grantline.emit.errors import NotRecorded
from grantline.emit.exporters import make_exporter
from grantline.emit.flushing import Flush
from grantline.emit.held import Held, Holding
from grantline.emit.meter import publish
from grantline.emit.mistakes import CLOSED
from grantline.emit.outlet import Outlet, Queue
from grantline.emit.people import People
from grantline.emit.resource import another_instance, make_resource
from grantline.emit.settings import Settings
from grantline.emit.span import KINDS, SCOPE, Earlier, finished
from grantline.emit.tally import Tally

_MIN_SECRET: Final = 8
"""Characters below which a credential is too short to be looked for in other values."""
_MAX_NAME: Final = 128
_PLANS: Final = {
    operation: {name: (field.attribute, clean.FIT[field.form]) for name, field in plan.items()}
    for operation, plan in PLANS.items()
}
"""Per operation and field: the attribute's name, and what makes its value fit to leave."""

Token = str | bytes


class Seen(NamedTuple):
    """A token as far as it may be told of: the credential itself is not in here."""

    fingerprint: str | None = None
    facts: TokenFacts | None = None
    known: Known | None = None
    evidence: str | None = None
    dead: bool = False
    """Its issuer was asked, and said that it is not active."""


@dataclass(slots=True)
class Fact:
    """One span in the making."""

    operation: Operation
    kind: Kind
    fields: dict[str, Any]
    """`None` takes out what the token says."""
    token: TokenFacts | None = None
    secrets: tuple[str, ...] = ()
    name: str | None = None
    """What the span's name says after the operation."""
    failed: bool = False
    follows: tuple[Earlier, ...] = ()
    """What it continues; linked to where that is in another trace."""


class Recorder:
    """Settings, memory, counters and the way out of one emitter."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tally = Tally(strict=settings.strict)
        self.memory = Memory(settings.known_tokens)
        self.people = People(settings, self.tally)
        exporter = make_exporter(
            settings.exporter, settings.export_timeout, settings.kafka, self.tally
        )
        self._outlet = Outlet(exporter, self.tally)
        self._queue = Queue(self._outlet, settings, self.tally)
        self._flush = Flush(self._queue, self._outlet, self.tally)
        self._holding = Holding(self._queue.on_end)
        self._resource = make_resource(settings, self.tally)
        self._disabled = os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true"
        mistakes.check_environment(self.tally, os.environ)
        publish(self.tally, SCOPE.name)
        after_fork = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (found := after_fork()) and found())

    def _after_fork(self) -> None:
        self.tally.reset()
        self.memory.reset()
        self._outlet.reset()
        self._flush.reset()
        self._holding.reset()
        self._resource = another_instance(self._resource)

    def see(
        self, token: Token | None, verified: Json | None = None, introspected: Json | None = None
    ) -> Seen:
        """Fingerprint a token and read its claims, or take those the agent has checked.

        What an issuer or a verifier said replaces what was merely decoded before.
        """
        raw = self._credential(token)
        fingerprint = canonical.print_of(raw, self.settings.fingerprint_key) if raw else None
        known = self.memory.get(fingerprint)
        named = self.people.subject
        if verified is not None:
            # Its header is looked at once: a token is shown to its verifier many times.
            header = decoding.header(raw) if raw is not None and known is None else None
            checked = claims.extract(verified, self.tally, named, header)
            if known is not None and known.facts is not None:
                checked = checked.typed_as(known.facts)
            return Seen(fingerprint, checked, known, "verified_token")
        # An inactive token's answer has nothing of it (RFC 7662 section 2.2), and what the token
        # says of itself is then nobody's word.
        dead = introspected is not None and dialects.inactive(introspected)
        if introspected is not None and not dead:
            told = claims.introspected(introspected, self.tally, named, time.time())
            return Seen(fingerprint, told, known, "introspection")
        facts = known.facts if known else None
        if facts is None and raw is not None:
            facts = self._read(raw)
        decoded = facts is not None and facts.decoded
        evidence = "unverified_token" if decoded else "introspection" if dead else None
        return Seen(fingerprint, facts, known, evidence, dead)

    def print_of(self, token: Token | None) -> str | None:
        """A credential's fingerprint; a fact about something that is none goes without."""
        raw = self._credential(token)
        return canonical.print_of(raw, self.settings.fingerprint_key) if raw else None

    def _credential(self, token: Token | None) -> bytes | None:
        if token is None:
            return None
        try:
            return canonical.credential(token)
        except (ValueError, AttributeError):
            self.tally.note("refused", "a token that is none")
            if not isinstance(token, str | bytes):
                mistakes.no_token(self.tally, token)
            return None

    def read(self, token: Token | None) -> TokenFacts | None:
        """What a token says of itself, whatever is remembered of it."""
        raw = self._credential(token)
        return None if raw is None else self._read(raw)

    def _read(self, raw: bytes) -> TokenFacts | None:
        decoded = decoding.decode(raw, unsigned=self.settings.test_tokens)
        if decoded is None:
            return None
        header, body = decoded
        return claims.extract(body, self.tally, self.people.subject, header)

    def stated(self, operation: Operation, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The agent's keywords under their full names; unknown and empty ones left out."""
        fields, closed, strict = {}, CLOSED[operation], self.settings.strict
        for name, value in facts.items():
            full = ALIASES.get(name, name)
            if name == "reason" and operation == "revoke":
                full = "revocation_reason"
            if full not in FIELDS:
                self.refuse(operation, mistakes.unknown_fact(name))
            elif value is not None:
                fields[full] = value
                if full in closed:
                    mistakes.check_value(self.tally, operation, full, value)
                if strict and full not in PLANS[operation]:
                    self.refuse(operation, f"{operation} carries no {full}")
        return fields

    def refuse(self, operation: str, detail: str) -> None:
        """A fact is left out: as good as a mistake, for whoever is strict."""
        if self.settings.strict:
            self.tally.mistake(operation, detail)
        self.tally.note("refused", detail)

    def record(self, fact: Fact) -> SpanContext | None:
        """Make, finish and queue the span; its context, for links.

        Raises `NotRecorded` in fail-closed mode only.
        """
        span = self._span(fact, self._attributes(fact))
        self.tally.emitted()
        if self._disabled:
            self.tally.dropped(1, "sdk_disabled", "OTEL_SDK_DISABLED is set")
            if self.settings.fail_closed and fact.operation in ("grant", "delegate"):
                raise NotRecorded("OTEL_SDK_DISABLED is set: nothing is recorded")
            return None
        self._queue.on_end(span)
        return span.get_span_context()

    def hold(self, fact: Fact) -> Held | None:
        """A fact whose call begins now: told when that ends, or earlier (`let_go`)."""
        if self._disabled:
            self.record(fact)
            return None
        attributes, start = self._attributes(fact), time.time_ns()
        parent = trace.get_current_span().get_span_context()

        def make(error: str | None) -> ReadableSpan:
            if error is not None:
                attributes.setdefault("error.type", error)
                fact.failed = True
            return self._span(fact, attributes, parent, start)

        self.tally.emitted()
        return self._holding.hold(make)

    def let_go(self, held: Held | None, error: str | None = None) -> None:
        """The call has ended; with an error's type if it failed."""
        if held is not None:
            self._holding.end(held, error)

    def _span(
        self,
        fact: Fact,
        attributes: dict[str, Any],
        parent: SpanContext | None = None,
        start: int | None = None,
    ) -> ReadableSpan:
        if fact.kind not in KINDS:
            mistakes.unknown_kind(self.tally, fact.operation, fact.kind)
            fact.kind = "internal"
        name = fact.operation if not fact.name else f"{fact.operation} {fact.name}"
        return finished(
            clean.text(name, self.tally, fact.secrets, _MAX_NAME),
            fact.kind,
            attributes,
            resource=self._resource,
            parent=parent or trace.get_current_span().get_span_context(),
            follows=fact.follows,
            failed=fact.failed,
            start=start,
        )

    def _attributes(self, fact: Fact) -> dict[str, Any]:
        plan, secrets = _PLANS[fact.operation], fact.secrets
        attributes: dict[str, Any] = {"delegation.operation.name": fact.operation}
        if fact.token is not None:
            attributes.update(fact.token.attributes(fact.operation))
        for name, value in fact.fields.items():
            if name not in plan:
                if value is not None:
                    self.tally.note("refused", f"{fact.operation} carries no {name}")
                continue
            attribute, fit = plan[name]
            if value is None:
                attributes.pop(attribute, None)
                continue
            try:
                attributes[attribute] = fit(value, self.tally, secrets)
            except clean.Unfit as error:
                self.refuse(fact.operation, f"{name}: {error}")
        if not attributes.keys() >= REQUIRED[fact.operation]:
            missing = REQUIRED[fact.operation] - attributes.keys()
            self.tally.note("incomplete", f"{fact.operation} without {', '.join(sorted(missing))}")
        return attributes

    def flush(self, timeout: float) -> bool:
        """Send what waits; whether all that was told since the last flush has been delivered."""
        self._holding.end_all()
        return self._flush.run(timeout)

    def shutdown(self) -> None:
        self._holding.stop()
        self._queue.shutdown()


def secrets_of(*tokens: Token | None) -> tuple[str, ...]:
    """The credentials of a call, shortest first, to be looked for in its values.

    DER bytes are no text and cannot be in one.
    """
    found = [bare for bare in map(_bare, tokens) if len(bare) >= _MIN_SECRET]
    if len(found) > 1:
        found.sort(key=len)
    return tuple(found)


def _bare(token: Token | None) -> str:
    return canonical.bare(token) if isinstance(token, str) else ""
