"""A soak under way: the load is sent, everything is read at the far end, a minute is closed."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from grantline.store.rows import span_key
from tests.benchmarks import pipeline
from tests.benchmarks.chains import Planted
from tests.benchmarks.latency import Percentiles, percentiles
from tests.benchmarks.soak.groups import Groups
from tests.benchmarks.soak.stream import Book
from tests.benchmarks.soak.verdict import CPU
from tests.benchmarks.usage import cpu_seconds, resident_mib

_ASK_SECONDS = 0.1
_LOOK_SECONDS = 5.0
_MINUTE = 60.0
_SKEW_SECONDS = 5
"""Between a record sent and its time on the broker, at most: rows that came before the first that
is waited for need not be read."""
_LIVE = re.compile(r'^grantline_live{kind="hops",topic="delegation.hops"} (.+)$', re.MULTILINE)


class Minute(NamedTuple):
    """What one minute was like."""

    spans_a_second: float
    """Sent."""
    rows_a_second: float
    """Stored."""
    finding: Percentiles | None
    """Milliseconds from the span produced to the finding readable."""
    row: Percentiles | None
    """To the row readable in SQL."""
    memory_mib: dict[str, float]
    """Process -> resident, the most."""
    live_hops: int
    """Held in chains at its end."""
    lag: dict[str, int]
    """Whose group -> records, the most."""
    cpu_us: dict[str, float]
    """Process -> CPU microseconds a span sent."""

    def figures(self) -> dict[str, float]:
        """One number each, 0 where nothing was measured."""
        nothing = Percentiles(0, 0, 0, 0)
        finding, row = self.finding or nothing, self.row or nothing
        return {
            "spans a second": self.spans_a_second,
            "rows a second": self.rows_a_second,
            "finding p50 ms": finding.p50,
            "finding p99 ms": finding.p99,
            "row p50 ms": row.p50,
            "row p99 ms": row.p99,
            **{f"{name} MiB": mib for name, mib in self.memory_mib.items()},
            "live hops": self.live_hops,
            **{f"lag of {name}": records for name, records in self.lag.items()},
            **{f"{name} {CPU}": used for name, used in self.cpu_us.items()},
        }

    def in_words(self) -> str:
        def both(measured: Percentiles | None) -> str:
            return f"{measured.p50:,.0f}/{measured.p99:,.0f} ms" if measured else "none"

        return (
            f"{self.spans_a_second:,.0f} spans/s, finding {both(self.finding)}, "
            f"row {both(self.row)}, "
            f"{', '.join(f'{name} {mib:,.0f} MiB' for name, mib in self.memory_mib.items())}, "
            f"{self.live_hops:,} live hops, "
            f"lag {', '.join(f'{name} {n:,}' for name, n in self.lag.items())}"
        )


class Watch:
    """Looks at a running pipeline; what it saw since the last minute is the next one."""

    def __init__(
        self,
        running: pipeline.Pipeline,
        book: Book,
        sent: Sequence[float],
        groups: Groups,
        others: Mapping[str, int],
    ) -> None:
        """`sent`: when each record was, as far as it is; `others`: name -> process id, whose CPU
        time is told, too.
        """
        self._running = running
        self._book = book
        self._sent = sent
        self._groups = groups
        self._pids = running.pids
        self._cpu_of = {**self._pids, **others}
        self._seen: set[Planted] = set()
        self._known = 0
        self._waiting: dict[str, float] = {}
        """Last span of a record -> when it was sent."""
        self._found: list[float] = []
        self._readable: list[float] = []
        self._memory = dict.fromkeys(self._pids, 0.0)
        self._lag: dict[str, int] = {}
        self._live = 0
        self._before = self._totals()
        self._cpu = self._cpu_seconds()

    def minutes(self, going: Callable[[], bool], told: Callable[[Minute], None]) -> list[Minute]:
        """Looks while it is `going`; full minutes only, each `told`."""
        closed: list[Minute] = []
        ends = self._before[0] + _MINUTE
        look_at = 0.0
        while going():
            now = time.monotonic()
            if now >= look_at:
                self._look()
                look_at = now + _LOOK_SECONDS
            self._take_findings()
            self._ask_rows()
            if time.monotonic() >= ends:
                closed.append(self._close())
                told(closed[-1])
                ends += _MINUTE
            time.sleep(_ASK_SECONDS)
        return closed

    def _look(self) -> None:
        self._running.check()
        self._live = live_hops(self._running.pages)
        for name, records in self._groups.lag().items():
            self._lag[name] = max(records, self._lag.get(name, 0))
        for name, pid in self._pids.items():
            self._memory[name] = max(self._memory[name], resident_mib(pid))

    def _take_findings(self) -> None:
        said = self._running.findings.said
        come = said[:]
        del said[: len(come)]
        for message in come:
            finding = message.finding
            if finding.status != "open":
                continue
            for span_id in finding.span_ids:
                planted = Planted(finding.reference, span_id)
                record = self._book.told_by.get(planted)
                if record is not None and planted not in self._seen and record < len(self._sent):
                    self._seen.add(planted)
                    self._found.append(message.at - self._sent[record])

    def _ask_rows(self) -> None:
        known = len(self._sent)
        for number in range(self._known, known):
            self._waiting.setdefault(self._book.last_spans[number], self._sent[number])
        self._known = known
        if not self._waiting:
            return
        keys = ", ".join(str(span_key(span_id)) for span_id in self._waiting)
        waited = time.monotonic() - min(self._waiting.values())
        since = int((time.time() - waited - _SKEW_SECONDS) * 1e3)
        found = self._running.ask(
            f"SELECT span_id FROM hops WHERE span_key IN ({keys}) "
            # As the column has it: compared with a TIMESTAMP, DuckDB casts the whole column.
            f"AND received_at >= make_timestamp_ms({since})::TIMESTAMP_MS"
        )
        now = time.monotonic()
        self._readable += [now - self._waiting.pop(row[0]) for row in found]

    def _totals(self) -> tuple[float, int, int]:
        [(rows,)] = self._running.ask("SELECT count(*) FROM hops")
        return time.monotonic(), self._book.spans, rows

    def _cpu_seconds(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._cpu_of.items()}

    def _close(self) -> Minute:
        begin, spans, rows = self._before
        self._before = now, sent, stored = self._totals()
        seconds = now - begin
        cpu, self._cpu = self._cpu, self._cpu_seconds()
        minute = Minute(
            (sent - spans) / seconds,
            (stored - rows) / seconds,
            percentiles(self._found) if len(self._found) > 1 else None,
            percentiles(self._readable) if len(self._readable) > 1 else None,
            dict(self._memory),
            self._live,
            dict(self._lag),
            {name: (self._cpu[name] - cpu[name]) * 1e6 / (sent - spans) for name in cpu},
        )
        self._found, self._readable, self._lag = [], [], {}
        self._memory = dict.fromkeys(self._memory, 0.0)
        return minute


def live_hops(pages: Mapping[str, str]) -> int:
    """Hops that the workers hold in chains."""
    held = 0.0
    for url in pages.values():
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            held += sum(map(float, _LIVE.findall(answer.read().decode("utf-8"))))
    return int(held)
