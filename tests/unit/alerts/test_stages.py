"""Each stage of alerting on its own: threshold, dedup."""

from __future__ import annotations

import pytest

from grantline.alerts.dedup import State, news, state_of
from grantline.alerts.threshold import pages
from grantline.model.finding import Severity
from tests.findings import finding

HIGH = State("open", "high")


@pytest.mark.parametrize("severity", ["info", "low"])
def test_info_and_low_never_page_whatever_is_set(severity: str) -> None:
    assert not pages(finding(severity=severity), Severity.INFO)


def test_the_threshold_itself_pages_and_what_is_below_does_not() -> None:
    assert pages(finding(severity="high"), Severity.HIGH)
    assert not pages(finding(severity="medium"), Severity.HIGH)


def test_a_retracted_finding_is_no_reason_to_page() -> None:
    assert not pages(finding(status="retracted"), Severity.MEDIUM)


@pytest.mark.parametrize(
    "told, status, severity, worth, expected",
    [
        pytest.param(None, "open", "high", True, True, id="first heard of"),
        pytest.param(None, "open", "high", False, False, id="not worth a page"),
        pytest.param(None, "retracted", "high", True, False, id="retracted, never told"),
        pytest.param(HIGH, "open", "high", True, False, id="same state, new revision"),
        pytest.param(HIGH, "open", "critical", True, True, id="severity rose"),
        pytest.param(HIGH, "open", "medium", True, True, id="severity fell"),
        pytest.param(HIGH, "open", "low", False, True, id="fell below the threshold"),
        pytest.param(HIGH, "open", "high", False, False, id="no longer worth it, state the same"),
        pytest.param(HIGH, "retracted", "high", False, True, id="retracted after told"),
        pytest.param(State("open", "low"), "open", "high", True, True, id="rose again"),
        pytest.param(State("retracted", ""), "retracted", "low", True, False, id="twice"),
        pytest.param(State("retracted", ""), "open", "high", True, True, id="reopened"),
        pytest.param(State("retracted", ""), "open", "low", False, False, id="reopened low"),
    ],
)
def test_news_is_a_state_the_destination_does_not_know(
    told: State | None, status: str, severity: str, worth: bool, expected: bool
) -> None:
    now = finding(status=status, severity=severity)
    assert news(now, told, worth) is expected


def test_count_and_last_seen_are_no_part_of_the_state() -> None:
    later = finding(revision=9, count=70, last_seen="2026-11-24T00:00:00.000000Z")
    assert state_of(later) == state_of(finding())


def test_a_retraction_is_one_state_whatever_its_severity() -> None:
    states = {state_of(finding(status="retracted", severity=name)) for name in ("low", "high")}
    assert len(states) == 1
