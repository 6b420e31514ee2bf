"""A soak's load is stationary and told to the last span, and its verdict sees what grows or lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.settings import read
from grantline.store.rows import span_key
from tests.benchmarks import document
from tests.benchmarks.chains import Made, Planted
from tests.benchmarks.expected import check_planted, open_now
from tests.benchmarks.latency import Percentiles
from tests.benchmarks.load import hops_of
from tests.benchmarks.soak import chart, settings, tables
from tests.benchmarks.soak.run import Plan
from tests.benchmarks.soak.stream import Book, records
from tests.benchmarks.soak.verdict import (
    LEAST_MINUTES,
    Accounted,
    Verdict,
    drift,
    judge,
    theil_sen,
    window,
)
from tests.benchmarks.soak.watch import Minute
from tests.benchmarks.spans import Span

START = 1_795_000_000.0
RATE = 15.0
BATCH = 10
MINUTES = 14


class Simulated:
    """The load through one engine, on a clock of its own."""

    def __init__(self, minutes: float, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in settings.environment(home).items():
            monkeypatch.setenv(name, value)
        self.policy = read().read_policy()
        self.book = Book()
        self.now = START
        self.ends = START + minutes * 60
        self.hops: list[int] = []
        """Held after each minute."""
        self.keys: list[int] = []
        self.ages: list[float] = []
        self.said: list[Finding] = []
        self.told_at: dict[Planted, int] = {}
        self._run()

    def _run(self) -> None:
        engine = Engine(self.policy)
        for number, record in enumerate(self._records()):
            self.now += BATCH / RATE
            hops = hops_of([record], int(self.now * 1_000))
            self.ages += [self.now - hop.time / 1e9 for hop in hops]
            self.keys += [span_key(hop.span_id) for hop in hops]
            engine.advance(int(self.now * 1_000))
            engine.add(hops)
            self._take(engine.drain(), number)
            if self.now - START >= (len(self.hops) + 1) * 60:
                self.hops.append(engine._chains.stats()["hops"])
        engine.advance(int((self.now + settings.GRACE_SECONDS) * 1_000))
        self._take(engine.drain(), -1)

    def _records(self) -> Iterator[bytes]:
        return records(
            7, BATCH, RATE, self.book, more=lambda: self.now < self.ends, now=lambda: self.now
        )

    def _take(self, said: list[Finding], number: int) -> None:
        self.said += said
        for finding in said:
            for span_id in finding.span_ids:
                self.told_at.setdefault(Planted(finding.reference, span_id), number)


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    with pytest.MonkeyPatch.context() as patch:
        yield Simulated(MINUTES, tmp_path_factory.mktemp("soak"), patch)


def test_state_grows_until_it_has_settled_and_then_no_more(soaked: Simulated) -> None:
    settled = soaked.hops[settings.SETTLED_MINUTES - 1 : MINUTES]
    assert settled[0] > 2 * soaked.hops[1]
    assert max(settled) < 1.1 * min(settled)


def test_nothing_is_late_or_in_the_future(soaked: Simulated) -> None:
    assert min(soaked.ages) > 0
    assert max(soaked.ages) < settings.LATENESS_SECONDS / 1.5


def test_book_says_what_must_come_to_the_last_span(soaked: Simulated) -> None:
    book = soaked.book
    assert book.ended
    assert book.spans == len(soaked.keys) > book.rows == len(set(soaked.keys))
    keys = 0
    for key in set(soaked.keys):
        keys ^= key
    assert keys == book.keys
    check_planted(book.planted, open_now(soaked.said))
    assert {planted.reference for planted in book.planted} > {"CS-06", "TR-05", "TR-06"}


def test_clock_of_a_finding_starts_with_the_record_that_makes_it_tellable(
    soaked: Simulated,
) -> None:
    told_by = soaked.book.told_by
    assert len(told_by) > len(soaked.book.planted) / 2
    assert {planted: soaked.told_at[planted] for planted in told_by} == told_by


def test_a_span_that_comes_after_what_it_explains_stops_the_clock() -> None:
    def span(span_id: str, time: int) -> Span:
        return Span("service", "name", 2, time, "trace", span_id, {})

    first, second = span("a1", 1), span("b2", 2)
    found = Planted("TR-01", "b2")
    in_order, disturbed = Book(), Book()
    for book in (in_order, disturbed):
        book.begin(Made([first, second], {found}, set()))
    in_order.send([first])
    in_order.send([second, second])
    disturbed.send([second])
    assert in_order.told_by == {found: 1}
    assert disturbed.told_by == {found: 0}
    disturbed.send([first])
    assert disturbed.told_by == {}


def test_slope_is_not_moved_by_a_third_of_outliers() -> None:
    values = [10.0 + 2 * minute for minute in range(30)]
    for at in range(0, 30, 3):
        values[at] = 5_000.0
    slope = theil_sen(values)
    assert slope.at == pytest.approx(2)
    assert slope.least <= slope.at <= slope.most


def test_slope_of_noise_is_none() -> None:
    """19 of 20 confidence intervals hold the true slope, by definition."""
    missed = 0
    for seed in range(100):
        noise = Random(seed)
        slope = theil_sen([100 + noise.gauss(0, 10) for _ in range(30)])
        missed += not slope.least <= 0 <= slope.most
    assert missed <= 12


def test_drift_needs_to_be_more_than_allowed_and_more_than_chance() -> None:
    steady = [300.0 + (minute % 3) for minute in range(30)]
    leak = [value + 2 * minute for minute, value in enumerate(steady)]
    assert not drift(steady, 0.1).drifts
    assert drift(leak, 0.1).rise == pytest.approx(58 / 330, rel=0.02)
    assert drift(leak, 0.1).drifts
    assert not drift(leak, 0.3).drifts
    assert not drift([300.0, 100.0, 500.0, 200.0, 150.0, 700.0], 0.1).drifts
    assert not drift([0.0] * 6, 0.1).drifts


def test_second_half_is_judged_and_only_what_has_settled() -> None:
    assert window(60, 8) == slice(30, 60)
    assert window(8 + LEAST_MINUTES, 8) == slice(8, 8 + LEAST_MINUTES)
    assert window(7 + LEAST_MINUTES, 8) is None
    assert window(1, 0) is None


WHOLE = Accounted(10, 10, True, 3, 0, 0, 0, {"worker": 0})


def _minutes(count: int, leak: float = 0.0, slower: float = 0.0) -> dict[str, list[float]]:
    measured = Percentiles(100, 150, 200, 50)
    figures = [
        Minute(
            700, 700, measured, measured, {"worker": 200 + leak * at, "writer": 400}, 9_000,
            {"worker": 5, "writer": 7},
            {"worker": 300.0, "writer": 200.0 + slower * at, "load": 90.0},
        ).figures()
        for at in range(count)
    ]  # fmt: skip
    return {name: [each[name] for each in figures] for name in figures[0]}


@pytest.mark.parametrize(
    "lacking",
    [
        WHOLE._replace(rows=9),
        WHOLE._replace(same_rows=False),
        WHOLE._replace(missing=1),
        WHOLE._replace(unplanned=1),
        WHOLE._replace(rejected=1),
        WHOLE._replace(lag={"worker": 1}),
    ],
)
def test_what_is_not_accounted_for_is_no_good(lacking: Accounted) -> None:
    assert judge(_minutes(1), WHOLE, 8).good
    assert not judge(_minutes(1), lacking, 8).good


def test_memory_that_grows_is_no_good_and_a_short_run_does_not_say_so() -> None:
    assert judge(_minutes(30), WHOLE, 8).good
    leaking = judge(_minutes(30, leak=5), WHOLE, 8)
    assert not leaking.good
    assert leaking.judged == (16, 30)
    assert [name for name, each in leaking.drifts.items() if each.drifts] == ["worker MiB"]
    assert judge(_minutes(10, leak=5), WHOLE, 8).good


def test_work_that_costs_more_and_more_drifts_and_fails_nothing() -> None:
    """The machine may be the cause: the load's figure beside it tells."""
    slower = judge(_minutes(30, slower=5), WHOLE, 8)
    assert [name for name, each in slower.drifts.items() if each.drifts] == ["writer CPU µs"]
    assert slower.good


def test_page_has_a_place_for_the_soak_and_says_what_was_set(tmp_path: Path) -> None:
    series = _minutes(30)
    verdict: Verdict = judge(series, WHOLE, 8)
    sheets = [*tables.minutes(series), tables.verdict(verdict)]
    section = tables.section(Plan(30, 700, 256, 7), sheets, "here")
    page = document.put(document.PAGE.read_text("utf-8"), "soak", section)
    assert "30 minutes at 700 spans/s" in page
    assert "everything accounted for" in page
    assert f"`lateness_seconds` {settings.LATENESS_SECONDS}" in page
    path = tmp_path / "soak.png"
    chart.draw(series, verdict.judged, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_table_shows_some_minutes_and_the_last() -> None:
    sheets = tables.minutes(_minutes(61))
    assert [sheet.columns[-1] for sheet in sheets] == ["lag of writer", "load"]
    for sheet in sheets:
        assert len(sheet.rows) <= 13
        assert sheet.rows[-1][0] == "61"
        assert len(sheet.columns) == len(sheet.rows[0])
