"""PagerDuty and Alertmanager over real HTTP, by what their published schemas take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from grantline.alerts.decide import Told
from grantline.alerts.group import incident_id, key_of
from grantline.alerts.incident import summarise
from grantline.alerts.member import member_of
from grantline.alerts.page import page_of
from grantline.model.page import Page
from grantline.notify.alertmanager import AlertmanagerNotifier
from grantline.notify.pagerduty import PagerDutyNotifier
from grantline.ports import Refused, Retry
from tests.findings import finding
from tests.pages import NOW_MS, page
from tests.receiver import Answer, Receiver

FAKE_KEY = "R0fakefakefakefakefakefakefakefa"
HOSTILE = "\x1b]0;x\x07\n[/]{}\u202e\x00" + "n" * 10_000
ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key"],
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": "^20[0-9T:.-]+Z$"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "additionalProperties": False,
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}
"""Events API v2, as PagerDuty documents it."""
ALERTS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "additionalProperties": False,
        "properties": {
            "labels": {
                "type": "object",
                "required": ["alertname"],
                "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
                "additionalProperties": {"type": "string"},
            },
            "annotations": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
                "additionalProperties": {"type": "string"},
            },
            "startsAt": {"type": "string", "pattern": "^20[0-9T:.-]+Z$"},
            "endsAt": {"type": "string", "pattern": "^20[0-9T:.-]+(Z|[+]00:00)$"},
            "generatorURL": {"type": "string"},
        },
    },
}
"""`postableAlerts` of Alertmanager's `api/v2/openapi.yaml`."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver([Answer(202)]) as opened:
        yield opened


def sent(receiver: Receiver, schema: dict[str, Any]) -> list[Any]:
    bodies = [json.loads(request.body) for request in receiver.requests]
    for body in bodies:
        jsonschema.validate(body, schema)
    return bodies


def pagerduty(receiver: Receiver) -> PagerDutyNotifier:
    return PagerDutyNotifier(FAKE_KEY, url=receiver.url, timeout_seconds=5)


def alertmanager(receiver: Receiver) -> AlertmanagerNotifier:
    return AlertmanagerNotifier(receiver.url, timeout_seconds=5)


def risen() -> Page:
    """A page that was told as high, and is critical now."""
    lead = finding(revision=1, severity="critical")
    key = key_of(lead)
    where = incident_id(key)
    incident = summarise(where, key, [member_of(lead, where)])
    told = Told("opened", 0, 4, 0, 1, 1, 0)
    return page_of(incident, lead, "escalated", told, episode=0, revision=1, now_ms=NOW_MS)


def test_pagerduty_is_triggered_again_under_one_key_and_resolved(receiver: Receiver) -> None:
    notifier = pagerduty(receiver)
    over = page(revision=2, status="retracted")
    for each in (page(system="billing", actor="bot"), risen(), over):
        notifier.notify(each)
    first, second, last = sent(receiver, ACTION)
    assert [each["event_action"] for each in (first, second, last)] == [
        "trigger", "trigger", "resolve",
    ]  # fmt: skip
    assert {each["dedup_key"] for each in (first, second, last)} == {page().key}
    assert first["payload"]["severity"] == "error"
    assert (first["payload"]["source"], first["payload"]["component"]) == ("billing", "bot")
    assert second["payload"]["severity"] == "critical"


def test_a_pagerduty_page_answers_what_is_asked_at_night(receiver: Receiver) -> None:
    told = page(issuer="https://as.example.com", jti="j-1", system="billing", outcome="allowed")
    pagerduty(receiver).notify(told)
    [event] = sent(receiver, ACTION)
    details = event["payload"]["custom_details"]
    assert details["chain"] == "alice -> planner-7 -> billing-bot"
    assert "let in" in details["let in"]
    assert (details["issuer"], details["jti"]) == ("https://as.example.com", "j-1")
    assert details["end it"].startswith("Revoke token j-1")
    assert details["goes on"]


def test_alertmanager_has_one_alert_an_incident_until_it_is_over(receiver: Receiver) -> None:
    notifier = alertmanager(receiver)
    notifier.notify(page())
    notifier.notify(page(revision=2, status="retracted"))
    [opened], [over] = sent(receiver, ALERTS)
    assert receiver.requests[0].path == "/hook/api/v2/alerts"
    assert opened["labels"] == over["labels"]
    assert opened["labels"]["incident"] == page().key
    assert opened["endsAt"] > over["endsAt"] >= over["startsAt"]


def test_a_rise_ends_alertmanagers_alert_of_the_lesser_severity_in_the_same_post(
    receiver: Receiver,
) -> None:
    notifier = alertmanager(receiver)
    notifier.notify(page())
    notifier.notify(risen())
    [opened], [now, before] = sent(receiver, ALERTS)
    assert before["labels"] == opened["labels"]
    assert now["labels"] == {**opened["labels"], "severity": "critical"}
    assert before["endsAt"] < now["endsAt"]


def test_no_alert_ends_before_it_starts_whatever_clocks_say(receiver: Receiver) -> None:
    alertmanager(receiver).notify(page(first_seen="2099-01-01T00:00:00Z", status="retracted"))
    [[alert]] = sent(receiver, ALERTS)
    assert alert["startsAt"][:19] <= alert["endsAt"][:19]


@pytest.mark.parametrize("status", ["open", "retracted"])
def test_whatever_a_finding_may_hold_is_sent_in_bounds(receiver: Receiver, status: str) -> None:
    told = page(status=status, explanation=HOSTILE, title=HOSTILE, path=[HOSTILE] * 3, root_id=HOSTILE,
                facts={HOSTILE: HOSTILE}, actor=HOSTILE, system=HOSTILE, jti=HOSTILE)  # fmt: skip
    pagerduty(receiver).notify(told)
    alertmanager(receiver).notify(told)
    event, alerts = (json.loads(request.body) for request in receiver.requests)
    jsonschema.validate(event, ACTION)
    jsonschema.validate(alerts, ALERTS)
    assert all(len(request.body) < 512_000 for request in receiver.requests)


def test_a_refusal_says_what_was_answered_and_never_the_key(receiver: Receiver) -> None:
    body = b'{"status":"invalid event","errors":["\'payload\' is missing"]}'
    receiver.answer(Answer(400, {"Content-Type": "application/json"}, 0, body))
    with pytest.raises(Refused, match=r"answered 400: .*'payload' is missing"):
        pagerduty(receiver).notify(page())
    receiver.answer(Answer(403))
    with pytest.raises(Retry, match="GRANTLINE_PAGERDUTY_KEY") as why:
        pagerduty(receiver).notify(page())
    assert FAKE_KEY not in str(why.value)
    assert FAKE_KEY not in repr(pagerduty(receiver))


def test_a_key_or_address_that_cannot_be_is_refused_by_its_setting_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="GRANTLINE_PAGERDUTY_KEY") as why:
        PagerDutyNotifier("fake secret")
    assert "fake secret" not in str(why.value)
    with pytest.raises(ValueError, match="GRANTLINE_ALERTMANAGER_URL"):
        AlertmanagerNotifier("ftp://here")
