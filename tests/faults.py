"""One load sent through a whole pipeline, with or without a fault on the way, and what came out.

Compared are open findings with every field but `revision`, whole rows of hops, and rejections.
What may differ, and why: `revision` is where in its log a finding was said, and what is done again
after a crash stands at other places; and a finding that was said and taken back is in the history
of those runs only in which the fact that explains it came later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
from confluent_kafka import Consumer, TopicPartition

from grantline.wire.otlp import decode
from tests import hostile
from tests.benchmarks.chains import Planted
from tests.benchmarks.load import hops_of, make
from tests.brokers import Broker
from tests.processes import Worker, Writer
from tests.stage import Stage, headers_of, until
from tests.workers import undisturbed

SPANS = 4_000
SENT_MS = 1_795_500_000_000
"""Every record bears this time: `received_at` is the producer's, and rows are compared whole."""
_LARGE = 100_000
"""Bytes; larger records are sent where large input is the subject."""
_QUIET_SECONDS = 2.5
"""Longer than the engine waits for a witness or a parent: nothing more is said by time alone."""
_OPEN = "SELECT * EXCLUDE (revision) FROM findings WHERE status = 'open' ORDER BY ALL"
_TWICE = {
    "finding_history": "id, revision",
    "findings": "id",
    "hops": "trace_id, span_id",
    "rejected": "source_topic, source_partition, source_offset, span_index",
}
"""Table -> what no two of its rows may share."""

Row = tuple[Any, ...]
Place = tuple[str, int]


class Load(NamedTuple):
    """What is sent, and what one engine in one process makes of it."""

    records: list[bytes]
    hops: int
    """Different spans."""
    rejected: int
    findings: dict[str, dict[str, Any]]


class Outcome(NamedTuple):
    """What stands in the database when everything was worked through."""

    findings: list[Row]
    hops: list[Row]
    rejected: list[Row]


def load(spans: int = SPANS) -> Load:
    """Some thousand spans with every kind of violation, and bad records between them.

    Raises `AssertionError` if the engine does not find exactly what was planted.
    """
    made = make(seed=7, spans=spans, batch=25, violations=0.03)
    good = hops_of(made.records)
    findings = undisturbed(good).values()
    found = {Planted(each["reference"], span) for each in findings for span in each["span_ids"]}
    assert found == made.planted | made.absent
    bad = [record for record in hostile.RECORDS.values() if len(record.value) < _LARGE]
    hops = [*good, *(hop for record in bad for hop in decode(record.value).hops)]
    return Load(
        list(_mixed(made.records, [record.value for record in bad])),
        len({(hop.trace_id, hop.span_id) for hop in hops}),
        sum(len(record.rejected) for record in bad),
        undisturbed(hops),
    )


def _mixed(good: Sequence[bytes], bad: Sequence[bytes]) -> Iterator[bytes]:
    apart = len(good) // len(bad)
    for number, record in enumerate(good):
        yield record
        if number % apart == 0 and number // apart < len(bad):
            yield bad[number // apart]


class Run:
    """One pipeline with the load on its way through it."""

    def __init__(self, stage: Stage, load: Load) -> None:
        self.stage = stage
        self._load = load
        self._sent = 0
        self.others = 0
        """Spans that somebody else sends, with nothing to be found in them."""
        self._watcher = Consumer(
            {
                "bootstrap.servers": stage.bootstrap,
                "group.id": stage.settings.application,
                "log_level": 0,
            }
        )

    def feed(self, share: float, pad: bytes = b"") -> None:
        """Hands over what belongs to the first `share` of the load; does not wait for it. `pad`
        is put behind each record of protobuf: of anything else it would make something else.
        """
        end = round(share * len(self._load.records))
        for number in range(self._sent, end):
            record = self._load.records[number]
            self.stage.hand_over(
                record + (pad if record.startswith(b"\n") else b""),
                partition=number % self.stage.settings.partitions,
                timestamp=SENT_MS,
            )
        self._sent = max(self._sent, end)

    def behind(self) -> int:
        """Records that a worker has yet to commit."""
        ends, done = self._ends(self._read_by_workers), self._committed()
        return sum(end - done[place] for place, end in ends.items())

    def finish(self, writer: Writer) -> Outcome:
        """Sends the rest, waits until all is worked through, stops everything in order.

        Raises `AssertionError` where a process has to be killed, a log is not read to its end,
        or anything is stored twice.
        """
        self.feed(1)
        self.stage.flush()
        self.stage.expect(self._load.findings, 90)
        self._await_quiet()
        for process in self.stage.processes:
            if isinstance(process, Worker) and process.status is None:
                assert process.stop() == 0, self.stage.last_words()
        assert self.behind() == 0
        topics = self.stage.settings.topics
        ends = self._ends((topics.hops, topics.findings, topics.rejected))
        until(lambda: _positions(writer) == ends, 40, "the end of the logs in the database")
        assert writer.stop() == 0, self.stage.last_words()
        return self._outcome()

    def close(self) -> None:
        self._watcher.close()

    @property
    def _read_by_workers(self) -> Sequence[str]:
        topics = self.stage.settings.topics
        return (self.stage.input, topics.hops, topics.tokens)

    def _await_quiet(self) -> None:
        """Until all is committed and time brings nothing more."""
        quiet: list[dict[Place, int]] = []

        def unchanged() -> bool:
            ends = self._ends(self._read_by_workers)
            if quiet and (ends != quiet[0] or self.behind()):
                quiet.clear()
            quiet.append(ends)
            return len(quiet) > _QUIET_SECONDS / 0.1

        until(unchanged, 60, "quiet")

    def _ends(self, topics: Sequence[str]) -> dict[Place, int]:
        """Of the partitions that hold anything."""
        places = [(topic, n) for topic in topics for n in range(self.stage.settings.partitions)]
        ends = {
            place: self._watcher.get_watermark_offsets(TopicPartition(*place), timeout=10)[1]
            for place in places
        }
        return {place: end for place, end in ends.items() if end}

    def _committed(self) -> dict[Place, int]:
        places = [
            TopicPartition(topic, n)
            for topic in self._read_by_workers
            for n in range(self.stage.settings.partitions)
        ]
        answers = self._watcher.committed(places, timeout=10)
        return {(one.topic, one.partition): max(one.offset, 0) for one in answers}

    def _outcome(self) -> Outcome:
        with duckdb.connect(str(self.stage.home / "lineage.duckdb")) as file:

            def ask(sql: str) -> list[Row]:
                return file.execute(sql).fetchall()

            for table, key in _TWICE.items():
                twice = f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1"
                assert ask(twice) == [], table
            said = ask("SELECT id, revision FROM finding_history ORDER BY ALL")
            assert said == self._said()
            outcome = Outcome(ask(_OPEN), ask("FROM hops ORDER BY ALL"), self._rejected(ask))
        assert len(outcome.findings) == len(self._load.findings)
        assert len(outcome.hops) == self._load.hops + self.others
        assert len(outcome.rejected) == self._load.rejected
        return outcome

    def _said(self) -> list[Row]:
        """What is on the findings topic, each state once; two records of one state are equal."""
        log = self.stage.log_of(self.stage.settings.topics.findings)
        end = sum(self._ends([self.stage.settings.topics.findings]).values())
        until(lambda: len(log.read()) == end, 30, "the whole log of findings")
        states: dict[Row, bytes | None] = {}
        for message in log.messages:
            identity, _, revision = headers_of(message)["ce_id"].decode().rpartition("-")
            assert states.setdefault((identity, int(revision)), message.value()) == message.value()
        return sorted(states)

    def _rejected(self, ask: Any) -> list[Row]:
        """Without the name of the topic: each run has its own."""
        rows = ask("SELECT * EXCLUDE (source_topic) FROM rejected ORDER BY ALL")
        topics = ask("SELECT DISTINCT source_topic FROM rejected")
        assert topics == [(self.stage.input,)]
        return list(rows)


@contextmanager
def running(broker: Broker, load: Load, home: Path, **settings: object) -> Iterator[Run]:
    """A pipeline of its own in `home`; `settings` of the workers differ from the stage's."""
    stage = Stage(broker.bootstrap, home)
    stage.settings = msgspec.structs.replace(stage.settings, **settings)
    made = Run(stage, load)
    try:
        yield made
    finally:
        made.close()
        stage.close()


def same(outcome: Outcome, undisturbed: Outcome) -> None:
    """As `==`, with the first row that is not."""
    for name, rows in undisturbed._asdict().items():
        have: list[Row] = getattr(outcome, name)
        for mine, other in zip_longest(have, rows):
            assert mine == other, f"{name}: {len(have)} rows, {len(rows)} undisturbed"


def _positions(writer: Writer) -> dict[Place, int]:
    rows = writer.ask('SELECT topic, "partition", next_offset FROM positions') or []
    return {(topic, partition): offset for topic, partition, offset in rows}
