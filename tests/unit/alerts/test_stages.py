"""Each stage of alerting on its own: threshold, route, dedup."""

from __future__ import annotations

import pytest

from grantline.alerts.dedup import State, news, state_of
from grantline.alerts.route import Route, wanted
from grantline.alerts.threshold import checked, pages
from grantline.model.finding import Severity
from tests.findings import finding

HIGH = State("open", "high")


@pytest.mark.parametrize("severity", ["info", "low"])
def test_info_and_low_never_page(severity: str) -> None:
    assert not pages(finding(severity=severity), Severity.MEDIUM)


def test_the_threshold_itself_pages_and_what_is_below_does_not() -> None:
    assert pages(finding(severity="high"), Severity.HIGH)
    assert not pages(finding(severity="medium"), Severity.HIGH)


def test_a_retracted_finding_is_no_reason_to_page() -> None:
    assert not pages(finding(status="retracted"), Severity.MEDIUM)


def test_what_a_witness_may_still_explain_pages_nobody_yet() -> None:
    assert not pages(finding(provisional=True), Severity.MEDIUM)


def test_a_threshold_below_medium_is_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match="'low' cannot page: alerts begin at 'medium'"):
        checked(Severity.LOW)
    with pytest.raises(ValueError, match="'info' cannot page"):
        Route(at_least=Severity.INFO)


@pytest.mark.parametrize(
    "route, expected",
    [
        (Route(), True),
        (Route(at_least=Severity.HIGH), True),
        (Route(at_least=Severity.CRITICAL), False),
        (Route(references=("TR-*",)), True),
        (Route(references=("SE-*", "CS-09")), False),
        (Route(rules=("presenter-differs",)), True),
        (Route(rules=("presenter",)), False),
        (Route(rules=("presenter-*",), references=("SE-*",)), False),
    ],
)
def test_a_route_wants_what_meets_everything_it_names(route: Route, expected: bool) -> None:
    assert wanted(finding(), route) is expected


@pytest.mark.parametrize(
    "told, status, severity, is_wanted, expected",
    [
        pytest.param(None, "open", "high", True, True, id="first heard of"),
        pytest.param(None, "open", "high", False, False, id="not for this destination"),
        pytest.param(None, "retracted", "high", True, False, id="retracted, never told"),
        pytest.param(HIGH, "open", "high", True, False, id="same state, new revision"),
        pytest.param(HIGH, "open", "critical", True, True, id="severity rose"),
        pytest.param(HIGH, "open", "medium", True, True, id="severity fell"),
        pytest.param(HIGH, "open", "low", False, True, id="fell below the threshold"),
        pytest.param(HIGH, "open", "high", False, False, id="route changed, state did not"),
        pytest.param(HIGH, "retracted", "high", False, True, id="retracted after told"),
        pytest.param(State("open", "low"), "open", "high", True, True, id="rose again"),
        pytest.param(State("retracted", ""), "retracted", "low", True, False, id="twice"),
        pytest.param(State("retracted", ""), "open", "high", True, True, id="reopened"),
        pytest.param(State("retracted", ""), "open", "low", False, False, id="reopened low"),
    ],
)
def test_news_is_a_state_the_destination_does_not_know(
    told: State | None, status: str, severity: str, is_wanted: bool, expected: bool
) -> None:
    now = finding(status=status, severity=severity)
    assert news(now, told, is_wanted) is expected


def test_count_and_last_seen_are_no_part_of_the_state() -> None:
    later = finding(revision=9, count=70, last_seen="2026-11-24T00:00:00.000000Z")
    assert state_of(later) == state_of(finding())


def test_a_retraction_is_one_state_whatever_its_severity() -> None:
    states = {state_of(finding(status="retracted", severity=name)) for name in ("low", "high")}
    assert len(states) == 1
