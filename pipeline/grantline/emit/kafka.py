"""Spans to Kafka: one OTLP export request per record, acknowledged or counted as lost.

OpenTelemetry's Python SDK has no Kafka exporter. This one writes what a stock Collector's
Kafka exporter writes (protobuf `ExportTraceServiceRequest`), so consumers need not know which
of the two it was. A record is a whole batch, without a key: consumers re-key after parsing.
"""

from __future__ import annotations

import ctypes
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from grantline.emit.reporting import ReportingExporter
from grantline.emit.tally import Tally
from grantline.kafka_iam import librdkafka

LOG: Final = logging.getLogger("grantline.emit.kafka")
DEFAULT_TOPIC: Final = "otlp_spans"
CONTENT_TYPE: Final = "application/x-protobuf"
MAX_RECORD: Final = 900_000
"""Bytes of a record's value: below the broker's default limit of 1,048,588 for a batch."""
_IDLE_MS: Final = 180_000
_POLL: Final = 0.1
_PURGE_WAIT: Final = 1.0
_LOCAL_ERRORS: Final = {
    KafkaError._MSG_TIMED_OUT: "undeliverable",  # noqa: SLF001 - public, for all their names
    KafkaError._PURGE_QUEUE: "exit_timeout",  # noqa: SLF001
    KafkaError._PURGE_INFLIGHT: "exit_timeout",  # noqa: SLF001
}

Spans = Sequence[ReadableSpan]
Report = Callable[[KafkaError | None, Message], None]


class KafkaSpanExporter(ReportingExporter):
    """Exports to a topic of `bootstrap` ("host:port[,host:port]"); made anew after a fork.

    `timeout` is how long, in seconds, one `export()` may wait for its delivery reports.
    `config` adds librdkafka settings (security, client certificates). Nothing connects
    before the first span; no broker is ever an exception in the agent.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str = DEFAULT_TOPIC,
        *,
        timeout: float = 30.0,
        max_record: int = MAX_RECORD,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.topic = topic
        self._timeout = timeout
        self._max_record = max_record
        self._config = {**_defaults(bootstrap, timeout), **librdkafka(config or {})}
        self._tally = Tally()
        self._give_up_at = float("inf")
        self._producer: Producer | None = None
        self._unreachable = False
        self._outstanding = 0
        self._refused: list[Spans] = []
        self._lost = 0
        leave_behind = weakref.WeakMethod(self._leave_behind)
        os.register_at_fork(after_in_child=lambda: (found := leave_behind()) and found())

    def report_to(self, tally: Tally) -> None:
        """Count in somebody else's tally."""
        self._tally = tally

    def give_up_at(self, deadline: float) -> None:
        """Wait for no report past `deadline` (time.monotonic seconds)."""
        self._give_up_at = deadline

    def export(self, spans: Spans) -> SpanExportResult:
        """Send the spans and wait for every delivery report, for at most the timeout."""
        deadline = time.monotonic() + self._timeout + _PURGE_WAIT
        lost_before = self._lost
        todo: list[Spans] = [spans]
        while todo or self._outstanding:
            while todo:
                self._send(todo.pop(), todo, deadline)
            if time.monotonic() >= min(deadline, self._give_up_at):
                self._purge()
                break
            if self._producer is not None:
                self._producer.poll(_POLL)
            # The topic's limit may be lower than ours: halve what it refused.
            todo, self._refused = [half for batch in self._refused for half in _halves(batch)], []
        return (
            SpanExportResult.SUCCESS
            if self._lost == lost_before and not self._outstanding
            else SpanExportResult.FAILURE
        )

    def _send(self, batch: Spans, todo: list[Spans], deadline: float) -> None:
        """Produce one batch, or put its halves back into `todo` if it is too large."""
        try:
            value = encode_spans(batch).SerializeToString()
        except Exception as error:  # noqa: BLE001 - whatever the encoder raises
            # One span no encoder takes must not cost the others their place.
            self._split(batch, todo, "unencodable", type(error).__name__)
            return
        if len(value) > self._max_record:
            self._split(batch, todo, "oversize", f"more than {self._max_record} bytes")
            return
        self._produce(value, batch, deadline)

    def _split(self, batch: Spans, todo: list[Spans], reason: str, detail: str) -> None:
        if len(batch) > 1:
            todo.extend(_halves(batch))
        else:
            self._lose(1, reason, detail)

    def _produce(self, value: bytes, batch: Spans, deadline: float) -> None:
        def report(error: KafkaError | None, _message: Message) -> None:
            self._outstanding -= 1
            self._reported(error, batch)

        try:
            self._enqueue(value, report, deadline)
        except (BufferError, KafkaException) as error:
            self._lose(len(batch), "undeliverable", _name(error))
        else:
            self._outstanding += 1

    def _enqueue(self, value: bytes, report: Report, deadline: float) -> None:
        producer = self._connected()
        name, value_of = "content-type", CONTENT_TYPE.encode("ascii")
        headers: list[tuple[str, str | bytes | None]] = [(name, value_of)]
        while True:
            try:
                return producer.produce(self.topic, value, headers=headers, on_delivery=report)
            except BufferError:
                if time.monotonic() >= min(deadline, self._give_up_at):
                    raise
                producer.poll(_POLL)

    def _reported(self, error: KafkaError | None, batch: Spans) -> None:
        if error is None:
            self._unreachable = False
            self._tally.delivered(len(batch))
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            if len(batch) > 1:
                self._refused.append(batch)
            else:
                self._lose(1, "oversize", "the topic refuses a span of this size")
        else:
            reason = _LOCAL_ERRORS.get(error.code(), "undeliverable")
            self._lose(len(batch), reason, error.name())

    def _lose(self, spans: int, reason: str, detail: str) -> None:
        self._lost += spans
        self._tally.dropped(spans, reason, detail)

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = Producer({**self._config, "error_cb": self._trouble})
        return self._producer

    def _trouble(self, error: KafkaError) -> None:
        if not self._unreachable:
            self._unreachable = True
            LOG.warning("Kafka: %s; spans wait for up to %g s", error.name(), self._timeout)

    def _purge(self) -> None:
        """Give up on everything under way; the reports that follow count it."""
        if self._producer is None:
            return
        self._producer.purge(in_queue=True, in_flight=True, blocking=True)
        until = time.monotonic() + _PURGE_WAIT
        while self._outstanding and time.monotonic() < until:
            self._producer.poll(_POLL)
        for batch in self._refused:
            self._lose(len(batch), "oversize", "no time left to split the batch")
        self._refused = []

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface's
        """Nothing waits outside of `export()`, which returns only when all is reported."""
        return self._outstanding == 0

    def shutdown(self) -> None:
        """Let the producer go; `export()` has already waited for its reports."""
        if self._producer is not None:
            if self._outstanding:
                self._purge()
            self._producer = None

    def _leave_behind(self) -> None:
        """In a forked child: its threads are gone, and destroying it would wait for them."""
        if self._producer is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
        self._producer = None
        self._outstanding = 0
        self._refused = []


def _defaults(bootstrap: str, timeout: float) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "grantline-emit",
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "zstd",
        "partitioner": "murmur2_random",  # Java's; librdkafka's own default is CRC32
        "linger.ms": 0,
        # A record is a batch already. More of them in one request could pass a limit that
        # each alone keeps, and then all of them would be refused.
        "batch.num.messages": 1,
        "delivery.timeout.ms": max(1, int(timeout * 1000)),
        # An agent may be quiet for long: clouds drop idle connections after four minutes, in silence, and
        # what is sent into one is lost before that is noticed. So they are closed by us.
        "connections.max.idle.ms": _IDLE_MS,
        "topic.metadata.refresh.interval.ms": _IDLE_MS,
        "metadata.max.age.ms": _IDLE_MS,
        "socket.keepalive.enable": True,
        "log_level": 2,  # librdkafka repeats itself on stderr; `error_cb` says it once
        "log.connection.close": False,
    }


def _halves(batch: Spans) -> tuple[Spans, Spans]:
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


def _name(error: Exception) -> str:
    cause = error.args[0] if error.args else None
    return str(cause.name()) if isinstance(cause, KafkaError) else type(error).__name__
