"""Whatever Kafka delivers again, each state of a finding is told once and the last one is told."""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.alerts.decide import Alerting, Known, decide
from grantline.alerts.dedup import state_of
from grantline.alerts.threshold import pages
from grantline.model.finding import Finding, Severity
from grantline.notify.ledger import Incoming, Ledger
from grantline.ports import Position
from tests.findings import finding

ALERTING = Alerting(destinations=("pager",))
CHOOSE = partial(decide, alerting=ALERTING)

_states = st.tuples(
    st.sampled_from(["open", "retracted"]),
    st.sampled_from(["info", "low", "medium", "high", "critical"]),
    st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Finding]:
    """Revisions of one finding as they are written: growing, with gaps."""
    steps = draw(st.lists(st.tuples(_states, st.integers(1, 3)), min_size=1, max_size=8))
    revision, history = -1, []
    for (status, severity, doubt), step in steps:
        revision += step
        stated = {"status": status, "severity": severity, "provisional": doubt}
        history.append(finding("f", revision, **stated))
    return history


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Finding], list[Finding]]:
    """A history, and the same as Kafka may deliver it: any piece of it again, at any time."""
    history = draw(histories())
    read: list[Finding] = []
    for at in range(len(history)):
        back = draw(st.integers(0, at))
        read += history[back : at + 1] if draw(st.booleans()) else [history[at]]
    read += history[draw(st.integers(0, len(history))) :]
    return history, read


def told(messages: list[Finding]) -> list[Finding]:
    known, out = Known(), []
    for message in messages:
        tell = decide(message, known, ALERTING)
        states = {**known.told, **dict.fromkeys(tell, state_of(message))}
        known = Known(max(known.revision, message.revision), states)
        out += [message] * len(tell)
    return out


@given(deliveries())
def test_duplicates_and_replays_change_nothing_of_what_is_told(
    delivery: tuple[list[Finding], list[Finding]],
) -> None:
    history, read = delivery
    assert told(read) == told(history)


@given(deliveries())
def test_no_state_is_told_twice_in_a_row_and_no_revision_twice(
    delivery: tuple[list[Finding], list[Finding]],
) -> None:
    out = told(delivery[1])
    assert all(state_of(a) != state_of(b) for a, b in pairwise(out))
    assert all(a.revision < b.revision for a, b in pairwise(out))


@given(histories())
def test_what_was_told_last_is_how_the_finding_stands(history: list[Finding]) -> None:
    """Provisional states aside: those tell nobody anything."""
    out = told(history)
    history = [each for each in history if each.status == "retracted" or not each.provisional]
    last = history[-1] if history else None
    if last and any(pages(state, Severity.MEDIUM) for state in history):
        assert out[0].status == "open"
        if pages(last, Severity.MEDIUM) or out[-1].status == "open":
            assert state_of(out[-1]) == state_of(last)
        else:
            assert out[-1].status == "retracted"
    else:
        assert out == []


@settings(max_examples=25, deadline=None)
@given(deliveries(), st.data())
def test_the_ledger_tells_the_same_through_any_restart(
    delivery: tuple[list[Finding], list[Finding]], data: st.DataObject
) -> None:
    history, read = delivery
    assert sent(read, 0, data) == [message.revision for message in told(history)]


@settings(max_examples=50, deadline=None)
@given(deliveries(), st.data())
def test_of_a_backlog_only_the_newest_state_is_told_through_any_restart(
    delivery: tuple[list[Finding], list[Finding]], data: st.DataObject
) -> None:
    _, read = delivery
    backlog = data.draw(st.integers(1, len(read)))
    newest = max(read[:backlog], key=lambda message: message.revision)
    expected = told([newest, *read[backlog:]])
    assert sent(read, backlog, data) == [message.revision for message in expected]


def sent(read: list[Finding], backlog: int, data: st.DataObject) -> list[int]:
    """The revisions a destination takes when the first `backlog` messages were there before the
    process was, which is killed and started, and gets to deliver, whenever `data` says.
    """
    out: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.sqlite3"
        ledger = Ledger(path)

        def deliver() -> None:
            if letter := ledger.next_letter("pager"):
                ledger.sent(letter, 2)
                out.append(letter.revision)

        for offset, message in enumerate(read):
            body = message.model_dump_json().encode()
            incoming = Incoming(message, body, 0 if offset < backlog else None)
            ended = [0] if offset == backlog - 1 else []
            ledger.take([incoming], [Position("t", 0, offset + 1)], ended, CHOOSE, 1)
            if data.draw(st.booleans()):
                ledger.close()
                ledger = Ledger(path)
            while data.draw(st.booleans()):
                deliver()
        while ledger.next_letter("pager"):
            deliver()
        assert ledger.positions("t") == {0: len(read)}
        assert ledger.held() == set()
        ledger.close()
    return out
