"""What emitting costs the agent: its own time for a span, with the Kafka exporter at work.

Runs in a process of its own, as an agent would: `python -m tests.benchmarks.emit BOOTSTRAP TOPIC
SPANS A_SECOND` emits uses and delegations at that pace, then as many in bursts, and prints what
each call took. The exporter encodes and sends in a thread of the same process meanwhile, so its
share of the interpreter is in the caller's wall time, as it would be in an agent. Between two
calls of a paced agent the processor's caches forget the code; in a burst they have it. A span that
the OpenTelemetry SDK makes of the same attributes, without reading a token, is told beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from grantline import emit
from grantline.emit.testing import capture, fake_token
from grantline.wire.otlp import decode
from tests.benchmarks.bench import Bench
from tests.benchmarks.broker import PARTITIONS, arrived, new_topic
from tests.benchmarks.expected import Different
from tests.benchmarks.latency import percentiles
from tests.benchmarks.sheet import Part, Sheet, plain

ROOT = Path(__file__).parents[2]
_ISSUER = "https://as.example.com"
_A_SECOND = 500
_READ_SECONDS = 30.0
_BURST = 50
"""Calls one after the other; then what they emitted is sent, so that no queue overflows."""
_SDK = "the SDK's own span of a use"
_ROUND = 5
"""Calls: a delegation, a span of the SDK, and uses."""


class Cost(NamedTuple):
    """Of one kind of call, microseconds."""

    call: str
    wall_p50: float
    wall_p99: float
    cpu_p50: float
    cpu_p99: float
    samples: int


def run(bench: Bench) -> Part:
    """Raises `Different` where not every span is on the topic."""
    spans = int(_A_SECOND * bench.size.emit_seconds)
    bench.tell(f"emitting {_A_SECOND} spans/s for {bench.size.emit_seconds:.0f} s")
    topic = new_topic(bench.broker.bootstrap, bench.name("emit"))
    command = [sys.executable, "-m", __name__, bench.broker.bootstrap, topic, str(spans),
               str(_A_SECOND)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    costs = [Cost(*each) for each in told["costs"]]
    arrived = _arrived(bench.broker.bootstrap, topic, told["sent"])
    if arrived != told["sent"]:
        raise Different(f"{told['sent']} spans were emitted, {arrived} are on the topic")
    return Part({"spans_per_second": _A_SECOND, "calls": plain(costs)}, [_sheet(costs)])


def _sheet(costs: list[Cost]) -> Sheet:
    return Sheet(
        f"Emitting, µs of the caller, at {_A_SECOND} spans/s and in bursts of {_BURST}, to Kafka",
        ("call", "wall p50", "wall p99", "CPU p50", "CPU p99", "samples"),
        [
            (
                cost.call,
                f"{cost.wall_p50:.0f}",
                f"{cost.wall_p99:.0f}",
                f"{cost.cpu_p50:.0f}",
                f"{cost.cpu_p99:.0f}",
                f"{cost.samples:,}",
            )
            for cost in costs
        ],
    )


def _arrived(bootstrap: str, topic: str, spans: int) -> int:
    """Different delegation spans on the topic, as ingest would read them."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    seen: set[str] = set()
    ends = time.monotonic() + _READ_SECONDS
    while len(seen) < spans and time.monotonic() < ends:
        for message in arrived(consumer, 0.1):
            seen |= {hop.span_id for hop in decode(message.value() or b"").hops}
    consumer.close()
    return len(seen)


def main() -> None:
    bootstrap, topic, spans, a_second = sys.argv[1:]
    sdk = _sdk()
    dl = emit.configure(service_name="planner", exporter=f"kafka://{bootstrap}/{topic}")
    half = int(spans)
    taken = _emit(dl, sdk, range(1, half), _paced(float(a_second)))
    taken |= _emit(dl, sdk, range(half + 1, 2 * half), _bursts(dl), ", in a burst")
    dl.flush(30)
    stats = dl.stats()
    emit.shutdown()
    # Two grants, and all calls but those of the SDK.
    sent = 2 + sum(len(samples) for call, samples in taken.items() if not call.startswith(_SDK))
    if stats.lost or stats.delivered != sent:
        raise SystemExit(f"not every span was delivered: {stats}, {sent} sent")
    costs = []
    for call, samples in taken.items():
        wall = percentiles([wall for wall, _ in samples])
        cpu = percentiles([cpu for _, cpu in samples])
        figures = (wall.p50, wall.p99, cpu.p50, cpu.p99)
        costs.append((call, *(1_000 * each for each in figures), len(samples)))
    print(json.dumps({"costs": costs, "sent": sent}))


class _Dropped(SpanExporter):
    """Takes spans from the batch processor and does nothing with them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def _sdk() -> Callable[[], None]:
    """What a caller does who makes a span of a use's attributes with the SDK's tracer."""
    with capture(service_name="planner") as captured:
        _use(captured.emitter, _token("planner", 0))
        (fact,) = captured.facts()
    name, attributes = fact.span.name, dict(fact.attributes)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(_Dropped()))
    tracer = provider.get_tracer("benchmark")
    return lambda: tracer.start_span(name, attributes=attributes).end()


def _paced(a_second: float) -> Callable[[int], None]:
    """Waits until a call's turn has come."""
    begin = time.monotonic()
    return lambda number: time.sleep(max(0.0, begin + number / a_second - time.monotonic()))


def _bursts(dl: emit.Emitter) -> Callable[[int], None]:
    """Between two bursts, all that was emitted is sent."""

    def wait(number: int) -> None:
        if number % _BURST == 0:
            dl.flush(30)

    return wait


def _emit(
    dl: emit.Emitter,
    sdk: Callable[[], None],
    numbers: Iterable[int],
    wait: Callable[[int], None],
    how: str = "",
) -> dict[str, list[tuple[float, float]]]:
    """A grant, then a call of each number; wall and CPU seconds of the latter."""
    root = _token("planner", 0)
    dl.grant(root, method="authorization_code", task="book-a-trip", consent_id="cns_1")
    tokens = [root]
    names = use, delegate, reference = [f"{call}{how}" for call in ("use", "delegate", _SDK)]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in numbers:
        wait(number)
        if number % _ROUND == 0:
            # A new token each time: it has to be fingerprinted and its claims read.
            token = _token(f"agent-{number}", number)
            taken[delegate].append(_timed(lambda token=token: _delegate(dl, token, root)))
            tokens = [*tokens[-30:], token]
        elif number % _ROUND == 1:
            taken[reference].append(_timed(sdk))
        else:
            token = tokens[number % len(tokens)]
            taken[use].append(_timed(lambda token=token: _use(dl, token)))
    return taken


def _timed(call: Callable[..., Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    call()
    return (time.perf_counter_ns() - wall) / 1e9, (time.thread_time_ns() - cpu) / 1e9


def _use(dl: emit.Emitter, token: str) -> None:
    dl.use(
        "calendar_create", token=token, required_scopes=["calendar.write"], risk="medium",
        outcome="allow", server_address="calendar.example.com", transaction_id="txn-1",
        mcp_method_name="tools/call", session_id="session-1",
    )  # fmt: skip


def _delegate(dl: emit.Emitter, token: str, parent: str) -> None:
    dl.delegate(
        token, subject_token=parent, requested_scopes=["calendar.write"], purpose="book-travel",
        outcome="allow",
    )  # fmt: skip


def _token(client: str, number: int) -> str:
    return fake_token(
        iss=_ISSUER, sub="u-17", client_id=client, aud="https://calendar.example.com",
        jti=f"at-{number}", iat=1_795_000_000, exp=2_000_000_000, scope="calendar.read calendar.write",
        act={"sub": client, "iss": _ISSUER, "act": {"sub": "planner", "iss": _ISSUER}},
    )  # fmt: skip


if __name__ == "__main__":
    main()
