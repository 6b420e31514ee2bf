"""The stages together: one message and what is known give whom to tell."""

from __future__ import annotations

import pytest

from grantline.alerts.decide import Alerting, Known, decide
from grantline.alerts.route import Route
from grantline.model.finding import Severity
from tests.findings import finding

ALERTING = Alerting(
    routes={"console": Route(), "pager": Route(at_least=Severity.CRITICAL)},
    lowest=Severity.MEDIUM,
)


def test_each_destination_hears_what_it_asked_for() -> None:
    assert decide(finding(), Known(), ALERTING).tell == ("console",)
    assert decide(finding(severity="critical"), Known(), ALERTING).tell == ("console", "pager")


def test_a_rise_tells_who_knew_and_who_now_wants_to_know() -> None:
    known = decide(finding(), Known(), ALERTING).known
    risen = decide(finding(revision=1, severity="critical"), known, ALERTING)
    assert risen.tell == ("console", "pager")


def test_the_same_or_a_lower_revision_says_nothing_even_if_it_says_otherwise() -> None:
    known = decide(finding(revision=4), Known(), ALERTING).known
    for revision in (0, 3, 4):
        decision = decide(finding(revision=revision, severity="critical"), known, ALERTING)
        assert decision.stale
        assert decision.tell == ()
        assert decision.known == known


def test_a_low_finding_is_remembered_but_told_to_nobody() -> None:
    decision = decide(finding(revision=3, severity="low"), Known(), ALERTING)
    assert decision.tell == ()
    assert decision.known == Known(3)


def test_a_retraction_goes_to_those_who_were_told_and_no_others() -> None:
    known = decide(finding(), Known(), ALERTING).known
    gone = decide(finding(revision=1, status="retracted", severity="critical"), known, ALERTING)
    assert gone.tell == ("console",)


def test_a_threshold_below_medium_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot page"):
        Alerting(routes={}, lowest=Severity.LOW)
