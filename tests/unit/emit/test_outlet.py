"""The queue in front of an exporter: bounded, counted, and emptied at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline import emit
from tests.unit.emit.vectors import T0, T1


class Stuck(SpanExporter):
    """An exporter that hangs until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.got: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go.wait(20)
        self.got += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def test_a_full_queue_refuses_the_newest_and_counts_each() -> None:
    stuck = Stuck()
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=stuck))
    dl.grant(T0)
    for _ in range(8192 + 50):
        dl.end()
    stats = dl.stats()
    assert stats.emitted == 8192 + 51
    assert stats.dropped == {"queue_full": 51}
    assert stats.pending == 8192
    stuck.go.set()
    assert not dl.flush()  # some were lost
    assert dl.flush()
    dl.shutdown()
    assert dl.stats().delivered == len(stuck.got) == 8192
    assert stuck.got.count("grant planner") == 1


def test_the_end_of_the_process_delivers_what_waits() -> None:
    exporter = InMemorySpanExporter()
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=exporter, schedule_delay_ms=1000))
    dl.use("t", token=T1)
    dl.shutdown()
    assert dl.stats().delivered == 1
    assert len(exporter.get_finished_spans()) == 1


def test_the_end_of_the_process_is_held_up_for_the_exit_timeout_at_most() -> None:
    class Slow(Stuck):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            time.sleep(0.5 if spans else 0)
            return SpanExportResult.SUCCESS

    dl = emit.Emitter(emit.Settings(service_name="a", exporter=Slow(), exit_timeout=0.2))
    for _ in range(2000):
        dl.end()
    began = time.monotonic()
    dl.shutdown()
    assert time.monotonic() - began < 3
    stats = dl.stats()
    assert stats.dropped["exit_timeout"] > 0
    assert stats.pending == 0


def test_shutting_down_twice_is_harmless_and_what_comes_later_is_counted() -> None:
    exporter = InMemorySpanExporter()
    dl = emit.Emitter(emit.Settings(service_name="a", exporter=exporter))
    dl.use("t", token=T1)
    dl.shutdown()
    dl.shutdown()
    dl.use("t", token=T1)
    assert dl.stats().dropped == {"after_shutdown": 1}
    assert len(exporter.get_finished_spans()) == 1


def test_a_flush_takes_as_long_as_it_may_and_says_what_became_of_the_spans() -> None:
    dl = emit.Emitter(
        emit.Settings(
            service_name="a", exporter="kafka://127.0.0.1:1/t", export_timeout=2, exit_timeout=1
        )
    )
    dl.use("t", token=T1)
    began = time.monotonic()
    assert not dl.flush(0.3)
    assert time.monotonic() - began < 1.5
    assert (dl.stats().pending, dl.stats().lost) == (1, 0)  # still on its way
    assert not dl.flush(10)
    assert dl.stats().dropped == {"undeliverable": 1}
    assert dl.flush(0.3)  # nothing was told since
    dl.use("t", token=T1)
    assert not dl.flush(0)
    dl.shutdown()
    assert not dl.flush(5)
    assert dl.stats().pending == 0


def test_flushes_of_many_threads_share_one_sender() -> None:
    release = threading.Event()

    class Slow(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            release.wait(5)
            return super().export(spans)

    dl = emit.Emitter(emit.Settings(service_name="a", exporter=Slow()))
    dl.use("t", token=T1)
    for _ in range(20):
        assert not dl.flush(0.01)
    assert sum(thread.name == "grantline-flush" for thread in threading.enumerate()) == 1
    release.set()
    assert dl.flush(5)
    dl.shutdown()
