"""Who tells: each party has an emitter of its own, and every span the time at which it happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from grantline.emit import Emitter, testing
from grantline.model.hop import Hop
from grantline.wire.otlp import decode

ISSUER: Final = "issuer"
"""The party that is the authorization server."""
AGENTS_VIEW, ISSUERS_VIEW, BOTH = "agents", "issuer", "both"
VIEWS: Final = (AGENTS_VIEW, ISSUERS_VIEW, BOTH)
"""What is told with the emitting library."""
LOG, JOINED = "log", "agents+log"
LOG_VIEWS: Final = (LOG, JOINED)
"""What the issuer's own log says, alone and beside what agents and resource servers tell."""


_MESSAGE_SPANS: Final = 1_000
"""Spans of one export request; many more would be too large to be read."""


class Parties:
    """Emitters by name, made when they first tell something."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` gives the event time of what is told next, nanoseconds since the epoch."""
        self._clock = clock
        self._stack = ExitStack()
        self._captured: dict[str, testing.Capture] = {}
        self._times: defaultdict[str, list[int]] = defaultdict(list)
        self.logged: list[Hop] = []
        """What the issuer's own log says of them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def now(self) -> int:
        """The event time of what has just been told, or, before that, of what comes next."""
        times = [times[-1] for times in self._times.values()]
        return max(times) if times else self._clock()

    def tells(self, name: str) -> Emitter:
        """The emitter of `name`, about to tell exactly one fact that happens now."""
        self._times[name].append(self._clock())
        return self.emitter(name)

    def emitter(self, name: str) -> Emitter:
        """The emitter of `name`, for what is no fact of its own: acting as, reading a header."""
        if name not in self._captured:
            self._captured[name] = self._stack.enter_context(testing.capture(service_name=name))
        return self._captured[name].emitter

    def hops(self, view: str = BOTH) -> list[Hop]:
        """What the parties of a view told, through the wire: encoded as OTLP and decoded again."""
        if view == LOG:
            return list(self.logged)
        if view == JOINED:
            return self.hops(AGENTS_VIEW) + self.logged
        return [hop for name in self._in(view) for hop in self.hops_of(name)]

    def _in(self, view: str) -> Iterable[str]:
        for name in self._captured:
            if view == BOTH or (name == ISSUER) == (view == ISSUERS_VIEW):
                yield name

    def hops_of(self, name: str) -> Iterable[Hop]:
        """What one party told, in its order."""
        spans = [fact.span for fact in self._captured[name].facts()]
        times = self._times[name]
        assert len(spans) == len(times), f"{name} told {len(spans)} facts at {len(times)} times"
        for start in range(0, len(spans), _MESSAGE_SPANS):
            end = start + _MESSAGE_SPANS
            yield from _through_the_wire(spans[start:end], times[start:end])


def _through_the_wire(spans: Sequence[ReadableSpan], times: Sequence[int]) -> list[Hop]:
    """The hops of one export request, each at its time."""
    message = encode_spans(spans)
    # The encoder keeps the order of one resource and scope, and a party has one of each.
    told = [s for rs in message.resource_spans for ss in rs.scope_spans for s in ss.spans]
    for span, time in zip(told, times, strict=True):
        span.start_time_unix_nano = span.end_time_unix_nano = time
    decoded = decode(message.SerializeToString())
    assert not decoded.rejected, decoded.rejected
    return decoded.hops
