"""One postman: retries, dead letters, and no destination in another's way."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grantline.alerts.decide import Alerting
from grantline.model.finding import Finding
from grantline.model.page import Page
from grantline.notify.backoff import Backoff
from grantline.notify.delivery import Delivery
from grantline.notify.ledger import Incoming, Ledger
from grantline.notify.metrics import Metrics
from grantline.ports import Refused, Retry
from tests.findings import finding
from tests.memory_notifier import MemoryNotifier
from tests.pages import page

ALERTING = Alerting(destinations=("memory",))
QUICK = Backoff(first_seconds=0.01, longest_seconds=0.02, longest_asked_seconds=0.5)


class PoisonedNotifier(MemoryNotifier):
    """Cannot digest one finding; takes every other."""

    poison = page("poison").id

    def __init__(self, answer: Exception) -> None:
        super().__init__()
        self.answer = answer

    def notify(self, page: Page) -> None:
        if page.id == self.poison:
            self.calls += 1
            raise self.answer
        super().notify(page)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "alerts.sqlite3")
    yield opened
    opened.close()


def post(ledger: Ledger, *findings: Finding) -> None:
    """Each state by itself, as Kafka might bring them."""
    for each in findings:
        incoming = [Incoming(each, each.model_dump_json().encode())]
        ledger.take(incoming, [], [], ALERTING, time.time_ns() // 1_000_000)


@contextmanager
def delivering(
    notifier: MemoryNotifier,
    ledger: Ledger,
    metrics: Metrics | None = None,
    backoff: Backoff = QUICK,
) -> Iterator[Delivery]:
    delivery = Delivery(notifier, ledger, backoff, metrics or Metrics())
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()
        assert delivery.join(5)


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def test_what_fails_for_now_is_told_once_it_can_be(ledger: Ledger) -> None:
    notifier = MemoryNotifier(trouble=[Retry("down")] * 5)
    post(ledger, finding())
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 1)
    assert notifier.calls == 6
    assert ledger.queues() == {}


def test_a_destination_that_refuses_everything_is_waited_for(ledger: Ledger) -> None:
    """The fault may be its own: nothing is set aside before it takes something."""
    notifier = MemoryNotifier(trouble=[Refused("answered 400")] * 20)
    post(ledger, finding(), finding("two"))
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 2)
    assert notifier.calls == 22
    assert ledger.queues() == {}


def test_what_has_to_be_mended_is_said_louder_than_what_passes(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = MemoryNotifier(trouble=[Retry("answered 503"), Retry("answered 401", mend=True)])
    post(ledger, finding())
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 1)
    said = [(r.levelname, r.getMessage().rpartition(" ")[2]) for r in caplog.records]
    assert said == [("WARNING", "503"), ("ERROR", "401")]


def test_a_letter_that_alone_is_refused_becomes_a_dead_letter_counted_and_logged(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    notifier = PoisonedNotifier(Refused("answered 413"))
    post(ledger, finding("poison"), finding("two"))
    with delivering(notifier, ledger, metrics):
        eventually(lambda: ledger.queues() == {"memory": (0, None, 1)})
    assert notifier.told == [finding("two")]
    assert ledger.queues() == {"memory": (0, None, 1)}
    labels = {"destination": "memory", "outcome": "refused"}
    value = metrics.registry.get_sample_value("grantline_alert_attempts_total", labels)
    assert value == 1
    doubt, line = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert doubt.endswith("answered 413; set aside if others are taken")
    assert notifier.poison in line
    assert "memory" in line
    assert "answered 413" in line
    assert "--revive" in line


def test_one_letter_that_cannot_be_digested_holds_up_no_other(ledger: Ledger) -> None:
    notifier = PoisonedNotifier(Retry("answered 500"))
    post(ledger, finding("poison"), *(finding(str(n)) for n in range(5)))
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 5)
    assert ledger.queues()["memory"].waiting == 1


def test_retry_after_is_honoured_up_to_its_cap(ledger: Ledger) -> None:
    notifier = MemoryNotifier(trouble=[Retry("busy", after_seconds=0.2)])
    post(ledger, finding())
    begun = time.monotonic()
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 1)
    assert time.monotonic() - begun >= 0.2


def test_a_bug_in_a_notifier_loses_nothing_and_shows_no_text_of_its_error(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = MemoryNotifier(trouble=[KeyError("fake-secret-of-the-destination")])
    post(ledger, finding())
    with delivering(notifier, ledger):
        eventually(lambda: len(notifier.told) == 1)
    assert "failed with KeyError" in caplog.text
    assert "fake-secret" not in caplog.text


def test_a_hostile_answer_cannot_forge_a_log_line(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = PoisonedNotifier(Refused("no\nERROR forged\x1b[2J"))
    post(ledger, finding("poison"), finding("two"))
    with delivering(notifier, ledger):
        eventually(lambda: ledger.queues() == {"memory": (0, None, 1)})
    assert len(caplog.records) == 2
    assert all("\n" not in r.getMessage() and "\x1b" not in r.getMessage() for r in caplog.records)


def test_moot_retractions_are_dropped_untold(ledger: Ledger) -> None:
    notifier = PoisonedNotifier(Refused("no"))
    gone = finding("poison", revision=1, status="retracted")
    post(ledger, finding("poison"), gone, finding("two"))
    with delivering(notifier, ledger):
        eventually(lambda: ledger.queues() == {"memory": (0, None, 1)})
    assert notifier.told == [finding("two")]
    assert notifier.calls == 3


def test_a_new_letter_is_told_at_once_after_a_quiet_time(ledger: Ledger) -> None:
    notifier = MemoryNotifier()
    with delivering(notifier, ledger) as delivery:
        time.sleep(0.05)
        post(ledger, finding())
        delivery.wake()
        eventually(lambda: len(notifier.told) == 1, seconds=1.0)


def test_a_destination_that_is_down_is_not_asked_once_for_every_letter(ledger: Ledger) -> None:
    notifier = MemoryNotifier(trouble=[Retry("down")] * 100)
    post(ledger, *(finding(str(n)) for n in range(50)))
    with delivering(notifier, ledger, backoff=Backoff(first_seconds=0.2)) as delivery:
        for _ in range(10):
            time.sleep(0.03)
            delivery.wake()
    assert 1 <= notifier.calls <= 3


def test_a_ledger_that_cannot_be_written_for_a_while_tells_nothing_twice(
    ledger: Ledger, tmp_path: Path
) -> None:
    notifier = MemoryNotifier()
    post(ledger, finding(), finding("two"))
    other = sqlite3.connect(tmp_path / "alerts.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with delivering(notifier, ledger):
        eventually(lambda: notifier.calls == 1)
        time.sleep(1.5)
        assert notifier.calls == 1
        other.execute("ROLLBACK")
        eventually(lambda: ledger.queues() == {})
    other.close()
    assert notifier.calls == len(notifier.told) == 2
