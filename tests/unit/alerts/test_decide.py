"""The stages together: one message and what is known give whom to tell."""

from __future__ import annotations

from grantline.alerts.decide import Alerting, Known, decide
from grantline.alerts.dedup import State
from grantline.model.finding import Severity
from tests.findings import finding

ALERTING = Alerting(destinations=("console", "pager"))
HIGH = State("open", "high")


def test_every_destination_is_told_of_a_finding_that_is_new() -> None:
    assert decide(finding(), Known(), ALERTING) == ("console", "pager")


def test_a_destination_that_knows_is_told_nothing_while_one_that_does_not_is() -> None:
    known = Known(0, {"console": HIGH})
    assert decide(finding(revision=1, count=2), known, ALERTING) == ("pager",)


def test_a_rise_tells_everybody() -> None:
    known = Known(0, {"console": HIGH, "pager": HIGH})
    risen = finding(revision=1, severity="critical")
    assert decide(risen, known, ALERTING) == ("console", "pager")


def test_the_same_or_a_lower_revision_says_nothing_even_if_it_says_otherwise() -> None:
    known = Known(4, {"console": HIGH, "pager": HIGH})
    for revision in (0, 3, 4):
        assert decide(finding(revision=revision, severity="critical"), known, ALERTING) == ()


def test_a_finding_below_the_threshold_is_told_to_nobody() -> None:
    high = Alerting(destinations=("console",), lowest=Severity.HIGH)
    assert decide(finding(severity="medium"), Known(), high) == ()
    assert decide(finding(severity="high"), Known(), high) == ("console",)


def test_what_is_provisional_is_told_once_it_is_confirmed() -> None:
    assert decide(finding(provisional=True), Known(), ALERTING) == ()
    assert decide(finding(revision=1), Known(0), ALERTING) == ("console", "pager")


def test_what_became_provisional_again_is_not_told_of_until_that_is_settled() -> None:
    known = Known(0, {"console": HIGH, "pager": HIGH})
    doubtful = finding(revision=1, provisional=True, severity="critical")
    assert decide(doubtful, known, ALERTING) == ()
    gone = finding(revision=2, status="retracted", provisional=True)
    assert decide(gone, Known(1, known.told), ALERTING) == ("console", "pager")


def test_a_retraction_goes_to_those_who_were_told_and_no_others() -> None:
    gone = finding(revision=1, status="retracted")
    assert decide(gone, Known(0, {"console": HIGH}), ALERTING) == ("console",)
