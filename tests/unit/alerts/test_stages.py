"""Each stage of alerting on its own: key, inhibition, standing, news, words."""

from __future__ import annotations

from typing import Any

import pytest

from grantline.alerts.decide import Alerting, Told, news
from grantline.alerts.group import incident_id, key_of
from grantline.alerts.incident import Incident, summarise
from grantline.alerts.inhibit import explained
from grantline.alerts.member import member_of
from grantline.alerts.threshold import pages
from grantline.model.finding import Finding, Severity
from grantline.model.page import Event
from tests.findings import finding
from tests.pages import page, page_about

ALERTING = Alerting(destinations=("pager",))
MINUTE = 60_000


def incident(*findings: Finding, old: bool = False) -> Incident:
    key = key_of(findings[0])
    where = incident_id(key)
    return summarise(where, key, [member_of(each, where, old=old) for each in findings])


def told(event: Event = "opened", *, let_in: int = 0, members: int = 1, step: int = 0) -> Told:
    return Told(event, 0, Severity.HIGH, let_in, members, 1, 0, step)


def what(now: Incident, before: Told | None, now_ms: int = 0, changed_ms: int = 0) -> Event | None:
    return news(now, before, ALERTING, changed_ms=changed_ms, now_ms=now_ms)


@pytest.mark.parametrize("severity", [Severity.INFO, Severity.LOW])
def test_info_and_low_never_page_whatever_is_set(severity: Severity) -> None:
    assert not pages(severity, Severity.INFO)


UNKNOWN = {"reference": "CS-06"}


@pytest.mark.parametrize(
    "one, two",
    [
        ({"root_id": "r"}, {"root_id": "r", "reference": "TR-10", "severity": "low"}),
        ({"root_id": "r", "revoked_id": "d"}, {"root_id": "r", "revoked_id": "d", "revision": 4}),
        ({**UNKNOWN, "actor": "a"}, {**UNKNOWN, "actor": "a", "root_id": None}),
        ({**UNKNOWN, "issuer": "i"}, {**UNKNOWN, "issuer": "i"}),
    ],
    ids=["root and family", "revoked grant", "presenter of unknown", "issuer of unknown"],
)
def test_what_one_person_would_work_on_at_once_is_one_incident(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    assert incident_id(key_of(finding("a", **one))) == incident_id(key_of(finding("b", **two)))


@pytest.mark.parametrize(
    "one, two",
    [
        ({"root_id": "r"}, {"root_id": "s"}),
        ({"root_id": "r"}, {"root_id": "r", "reference": "SE-01"}),
        ({"revoked_id": "d"}, {"revoked_id": "e"}),
        ({"root_id": None}, {"root_id": None}),
        ({**UNKNOWN, "actor": "a"}, {**UNKNOWN, "actor": "b"}),
        ({"root_id": "a"}, {**UNKNOWN, "actor": "a"}),
    ],
)
def test_what_has_another_key_is_another_incident(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert incident_id(key_of(finding("a", **one))) != incident_id(key_of(finding("b", **two)))


def test_a_theft_explains_a_reuse_of_the_same_token_unless_it_is_less_severe() -> None:
    reuse = member_of(finding("reuse", reference="TR-10"), "inc")
    theft = member_of(finding("theft"), "inc")
    assert explained(reuse, [theft]) == theft.finding_id
    assert explained(theft, [reuse]) is None
    unlike: list[dict[str, Any]] = [
        {"severity": "medium"},
        {"status": "retracted"},
        {"provisional": True},
        {"token_fingerprints": ["sha256:" + "00" * 32]},
    ]
    for changed in unlike:
        assert explained(reuse, [member_of(finding("theft", **changed), "inc")]) is None


@pytest.mark.parametrize(
    "now, before, expected",
    [
        pytest.param({}, None, "opened", id="first heard of"),
        pytest.param({"severity": "low"}, None, None, id="a signal"),
        pytest.param({"provisional": True}, None, None, id="not sure yet"),
        pytest.param({"policy_change": True}, None, None, id="of the policy alone"),
        pytest.param({"status": "retracted"}, None, None, id="retracted, never told"),
        pytest.param({}, told(), None, id="same state"),
        pytest.param({"severity": "critical"}, told(), "escalated", id="severity rose"),
        pytest.param({"severity": "low"}, told(), "lowered", id="severity fell"),
        pytest.param({"provisional": True}, told(), None, id="in doubt again"),
        pytest.param({"status": "retracted"}, told(), "retracted", id="retracted after told"),
        pytest.param({"status": "retracted"}, told("retracted"), None, id="twice"),
        pytest.param({}, told("retracted"), "opened", id="begins again"),
        pytest.param({"severity": "low"}, told("retracted"), None, id="begins again, low"),
    ],
)
def test_news_is_what_a_destination_does_not_know(
    now: dict[str, Any], before: Told | None, expected: Event | None
) -> None:
    assert what(incident(finding(**now)), before) == expected


def test_more_of_the_same_is_told_at_widening_intervals() -> None:
    more = incident(finding(count=21))
    for step, minutes in enumerate((1, 5, 15, 60, 60)):
        due = minutes * MINUTE
        assert what(more, told(step=step), now_ms=due - 1, changed_ms=due - 1) is None
        assert what(more, told(step=step), now_ms=due, changed_ms=due) == "updated"


def test_twice_as_many_systems_that_let_it_in_break_through() -> None:
    at = [finding(name, root_id="r", system=name, outcome="allowed") for name in "abc"]
    assert what(incident(*at[:2]), told(let_in=1, members=2)) == "escalated"
    assert what(incident(*at), told(let_in=2, members=3)) is None


def test_silence_is_said_once_and_then_ends_it_and_more_begins_again() -> None:
    same, day = incident(finding()), 24 * 60 * MINUTE
    assert what(same, told(), now_ms=10 * MINUTE - 1) is None
    assert what(same, told(), now_ms=10 * MINUTE) == "quiet"
    assert what(same, told("quiet"), now_ms=11 * MINUTE) is None
    assert what(same, told("quiet"), now_ms=day) == "resolved"
    assert what(same, told("resolved"), now_ms=day + MINUTE) is None
    assert what(same, told("resolved"), now_ms=day + MINUTE, changed_ms=day) == "opened"


def test_what_is_old_is_known_and_not_told() -> None:
    assert what(incident(finding(), old=True), None) is None


def test_a_page_says_what_is_needed_to_act() -> None:
    told = page(
        issuer="https://as.example.com", jti="j-1", system="billing", outcome="allowed",
        revoked_id="dlg_p", revoked_by="alice", facts={"revoked": "2026-11-23T19:00:00Z"},
    )  # fmt: skip
    assert told.outcome == "let in 1 time at billing"
    assert told.revoke.startswith("Revoke token j-1 at https://as.example.com (RFC 7009)")
    assert (told.revoked_by, told.revoked_at) == ("alice", "2026-11-23T19:00:00Z")
    assert "FROM descendants('dlg_p')" in told.sql
    assert told.runbook == "grantline rules presenter-differs"
    assert "not known yet" in told.reach


def test_what_is_not_told_is_said_and_not_guessed() -> None:
    told = page(delegation_ids=[])
    assert "outcome not told" in told.outcome
    assert "ask whoever runs" in told.revoke
    assert told.reach.startswith("Not known")


def test_a_token_without_a_jti_is_named_by_its_end_where_only_one_can_be_meant() -> None:
    one = page(
        issuer="https://as.example.com",
        jti=None,
        token_fingerprints=["sha256:" + 60 * "0" + "3bbe"],
    )
    assert one.revoke.startswith("Revoke the token …3bbe (its jti is not told) at https://as")
    two = ["sha256:" + 64 * "0", "sha256:" + 64 * "1"]
    several = page(issuer="https://as.example.com", jti=None, token_fingerprints=two)
    assert several.revoke.startswith("Revoke the token (its jti is not told)")
    assert several.revoke.count("and 1 other token.") == 1


def test_what_is_over_says_why_and_asks_for_nothing() -> None:
    told = page(status="retracted")
    assert told.claim.startswith("Taken back: a delegation from planner-7")
    assert (told.do, told.revoke, told.reach, told.going_on) == ("", "", "", "")


def test_a_page_of_several_findings_counts_them() -> None:
    more = page_about(*(finding(name, root_id="r") for name in "abc"))
    assert more.claim.endswith("(and 2 more findings like it)")
    assert (more.findings, more.references) == (3, {"TR-01": 3})
