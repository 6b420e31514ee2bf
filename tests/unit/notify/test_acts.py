"""What people do, taken into the ledger: once each, said what became of it, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grantline.alerts.decide import Alerting
from grantline.alerts.ongoing import Rhythm
from grantline.model import action, incident
from grantline.model.action import Action
from grantline.model.finding import Finding
from grantline.model.incident import IncidentRecord
from grantline.model.page import Page
from grantline.notify import dead
from grantline.notify.acts import Spoiled
from grantline.notify.ledger import Incoming, Ledger
from grantline.ports import Position
from tests.acts import NOW_MS, act
from tests.findings import finding
from tests.pages import page

ALERTING = Alerting(destinations=("pager",), rhythm=Rhythm(intervals=(60.0,)))
HOUR = 3_600_000
INCIDENT = page("a").id
ROOT = "root-a"


class Desk:
    """A ledger, a clock, and one destination that takes everything."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path, born_ms=0)
        self.now_ms = NOW_MS
        self._offset = 0

    def found(self, *findings: Finding) -> list[str]:
        for each in findings:
            self._offset += 1
            body = each.model_dump_json().encode()
            place = Position("t", 0, self._offset)
            self.ledger.take([Incoming(each, body)], [place], [], ALERTING, self.now_ms)
        return self.told()

    def did(self, *actions: Action) -> list[str]:
        self.ledger.act(actions, [], [Position("actions", 0, 1)], ALERTING, self.now_ms)
        return self.told()

    def later(self, ms: int) -> list[str]:
        self.now_ms += ms
        self.ledger.tick(ALERTING, self.now_ms)
        return self.told()

    def told(self) -> list[str]:
        """What the destination is told now; the pages are in `pages`."""
        self.pages: list[Page] = []
        while letter := self.ledger.next_letter("pager"):
            self.pages.append(msgspec.json.decode(letter.body, type=Page))
            self.ledger.sent(letter, self.now_ms)
        return [each.event for each in self.pages]

    def records(self) -> list[IncidentRecord]:
        self.ledger.tick(ALERTING, self.now_ms + 1)
        return [
            incident.decode(each.body)
            for each in self.ledger.leaving()
            if each.stream == "incidents"
        ]

    def outcomes(self) -> list[tuple[str, str, str | None]]:
        said = [
            action.decode(each.body) for each in self.ledger.leaving() if each.stream == "actions"
        ]
        return [(each.what, each.state, each.why) for each in said]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "alerts.sqlite3")
    yield made
    made.ledger.close()


def uses(count: int, **fields: Any) -> Finding:
    return finding("a", count, count=count, **fields)


def test_an_acknowledged_incident_is_told_again_only_when_it_gets_worse(desk: Desk) -> None:
    assert desk.found(uses(1)) == ["opened"]
    assert desk.did(act("acknowledge", incident=INCIDENT)) == ["acknowledged"]
    assert desk.pages[0].going_on.startswith("Acknowledged by alice.")
    assert desk.found(uses(2)) == []
    assert desk.later(HOUR) == []
    assert desk.records()[-1].state == "acknowledged"
    assert desk.found(uses(3, severity="critical")) == ["escalated"]
    last = desk.records()[-1]
    assert (last.state, last.acknowledged_by) == ("open", None)
    assert desk.found(uses(4)) == ["lowered"]
    assert desk.outcomes() == [("acknowledge", "taken", None)]


def test_more_systems_that_let_it_in_break_through_an_acknowledgement(desk: Desk) -> None:
    desk.found(uses(1, system="one", outcome="allowed"))
    desk.did(act("acknowledge", incident=INCIDENT))
    more = finding("b", root_id=ROOT, system="two", outcome="allowed")
    assert desk.found(more) == ["escalated"]


def test_the_same_action_again_changes_nothing(desk: Desk) -> None:
    desk.found(uses(1))
    acknowledged = act("acknowledge", incident=INCIDENT)
    assert desk.did(acknowledged, acknowledged) == ["acknowledged"]
    assert desk.did(acknowledged) == []
    assert len(desk.outcomes()) == 1


def test_what_is_resolved_is_told_to_be_over_and_anew_when_more_comes(desk: Desk) -> None:
    desk.found(uses(1))
    assert desk.did(act("resolve", incident=INCIDENT, reason="agent stopped")) == ["resolved"]
    assert "Resolved by alice: agent stopped." in desk.pages[0].going_on
    assert desk.records()[-1].state == "resolved"
    assert desk.found(finding("a", 9, explanation="better worded")) == []
    assert desk.found(uses(10)) == ["opened"]
    assert desk.pages[0].episode == 1
    assert desk.records()[-1].closed_by is None


def test_a_false_positive_stays_closed_until_it_ends_unless_it_gets_worse(desk: Desk) -> None:
    desk.found(uses(1))
    mistaken = act("false_positive", incident=INCIDENT, until=NOW_MS + HOUR, reason="a load test")
    assert desk.did(mistaken) == ["resolved"]
    assert desk.found(uses(2)) == []
    record = desk.records()[-1]
    assert (record.state, record.closed_by, record.uses) == ("false_positive", "alice", 2)
    assert desk.found(uses(3, severity="critical")) == ["opened"]


@pytest.mark.parametrize("goes_on, then", [(True, ["opened"]), (False, [])])
def test_when_a_false_positive_ends_it_is_told_if_it_goes_on(
    desk: Desk, goes_on: bool, then: list[str]
) -> None:
    desk.found(uses(1))
    desk.did(act("false_positive", incident=INCIDENT, until=NOW_MS + HOUR, reason="a load test"))
    desk.later(HOUR - 1_000 if goes_on else 60_000)
    desk.found(uses(2))
    assert desk.later(2_000 if goes_on else HOUR) == then
    assert desk.found(uses(3)) == ([] if goes_on else ["opened"])


@pytest.mark.parametrize(
    "named",
    [
        {"rule": "TR-01"}, {"rule": "presenter-differs"}, {"agent": "bot"}, {"root": ROOT},
        {"issuer": "https://as.example.com/"}, {"rule": "TR-01", "agent": "bot", "root": ROOT},
    ],
)  # fmt: skip
def test_a_silence_pages_nobody_counts_what_comes_and_says_so_when_it_ends(
    desk: Desk, named: dict[str, str]
) -> None:
    who = {"actor": "bot", "issuer": "https://as.example.com"}
    desk.did(act("silence", matching=named, until=NOW_MS + HOUR))
    assert desk.found(uses(1, **who), uses(5, **who)) == []
    record = desk.records()[-1]
    assert (record.state, record.silenced_uses) == ("silenced", 5)
    assert record.silenced_until == action.instant_of(NOW_MS + HOUR)
    desk.later(HOUR - 60_000)
    desk.found(uses(7, **who))
    assert desk.later(61_000) == ["opened"]
    assert "7 acts came in under a silence that has ended." in desk.pages[0].going_on
    assert desk.records()[-1].silence_id is None


@pytest.mark.parametrize(
    "named", [{"rule": "TR-05"}, {"agent": "other"}, {"rule": "TR-01", "agent": "other"}]
)
def test_what_a_silence_does_not_name_whole_is_told(desk: Desk, named: dict[str, str]) -> None:
    desk.did(act("silence", matching=named, until=NOW_MS + HOUR))
    assert desk.found(uses(1, actor="bot")) == ["opened"]


def test_what_a_silence_hid_is_not_told_when_it_went_quiet_before_its_end(desk: Desk) -> None:
    desk.did(act("silence", matching={"agent": "bot"}, until=NOW_MS + 2 * HOUR))
    desk.found(uses(1, actor="bot"))
    assert desk.later(2 * HOUR + 1) == []
    assert desk.found(uses(2, actor="bot")) == ["opened"]


def test_a_rise_breaks_through_a_silence(desk: Desk) -> None:
    desk.did(act("silence", matching={"root": ROOT}, until=NOW_MS + HOUR))
    assert desk.found(uses(1)) == []
    assert desk.found(uses(2, severity="critical")) == ["opened"]


def test_an_open_incident_under_a_silence_is_updated_when_it_is_ended_by_hand(desk: Desk) -> None:
    assert desk.found(uses(1)) == ["opened"]
    desk.did(act("silence", matching={"root": ROOT}, until=NOW_MS + HOUR))
    assert desk.found(uses(2)) == []
    assert desk.later(120_000) == []
    ended = act("unsilence", 2, silence=act("silence").silence)
    assert desk.did(ended) == ["updated"]
    assert "1 act came in under a silence" in desk.pages[0].going_on
    assert desk.ledger.silences() == []


def test_what_joins_a_silenced_incident_from_elsewhere_pages(desk: Desk) -> None:
    desk.did(act("silence", matching={"agent": "bot"}, until=NOW_MS + HOUR))
    assert desk.found(uses(1, actor="bot")) == []
    assert desk.found(finding("b", root_id=ROOT, actor="thief")) == ["opened"]


def test_a_silence_that_is_ended_while_another_covers_the_same_changes_nothing(desk: Desk) -> None:
    desk.did(
        act("silence", 1, matching={"agent": "bot"}, until=NOW_MS + HOUR),
        act("silence", 2, matching={"root": ROOT}, until=NOW_MS + 2 * HOUR),
    )
    assert desk.found(uses(1, actor="bot")) == []
    desk.later(HOUR - 30_000)
    assert desk.found(uses(2, actor="bot")) == []
    assert desk.later(31_000) == []
    assert desk.records()[-1].silence_id == act("silence", 2).silence


def test_members_and_severity_are_the_same_under_any_silence(desk: Desk) -> None:
    """A mute deletes no evidence."""
    desk.did(act("silence", matching={"root": ROOT}, until=NOW_MS + HOUR))
    desk.found(uses(1), finding("b", root_id=ROOT, severity="critical"))
    record = desk.records()[-1]
    assert set(record.members) == {finding("a").id, finding("b").id}
    assert (record.severity, record.findings) == ("critical", 2)


@pytest.mark.parametrize(
    "asked, why",
    [
        (act("acknowledge", incident="inc_" + 32 * "0"), "no such incident is known"),
        (act("assign", incident="inc_" + 32 * "0", assignee="bob"), "no such incident is known"),
        (act("unsilence", silence="sil_" + 32 * "0"), "no such silence holds"),
        (act("silence", matching={"rule": "x"}, until=NOW_MS), "ended before it was taken"),
        (act("false_positive", incident=INCIDENT, until=NOW_MS - 1, reason="x"), "had ended before"),
    ],
)  # fmt: skip
def test_an_action_that_cannot_be_taken_is_refused_with_the_reason(
    desk: Desk, asked: Action, why: str
) -> None:
    desk.found(uses(1))
    assert desk.did(asked) == []
    ((what, state, said),) = desk.outcomes()
    assert (what, state) == (asked.what, "refused")
    assert why in (said or "")


@pytest.mark.parametrize("what", ["acknowledge", "resolve"])
def test_of_what_is_over_nothing_is_acknowledged_or_resolved(desk: Desk, what: str) -> None:
    desk.found(uses(1), finding("a", 2, status="retracted"))
    assert desk.did(act(what, incident=INCIDENT)) == []
    assert desk.outcomes() == [(what, "refused", "the incident is over already")]


def test_who_it_is_assigned_to_stands_on_the_next_page(desk: Desk) -> None:
    desk.found(uses(1))
    assert desk.did(act("assign", incident=INCIDENT, assignee="bob\x1b[2J")) == []
    assert desk.records()[-1].assignee == r"bob\x1b[2J"
    desk.found(uses(2))
    assert desk.later(HOUR) == ["updated"]
    assert desk.pages[0].assignee == r"bob\x1b[2J"


def test_actions_and_silences_are_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite3"
    first = Desk(path)
    silence = act("silence", matching={"root": ROOT}, until=NOW_MS + HOUR)
    first.did(silence)
    first.ledger.close()
    again = Desk(path)
    assert again.ledger.positions("actions") == {0: 1}
    assert again.did(silence) == []
    assert again.found(uses(1)) == []
    assert len(again.outcomes()) == 1
    again.ledger.close()


def test_what_became_of_an_action_is_not_taken_for_one(desk: Desk) -> None:
    desk.found(uses(1))
    assert desk.did(act("acknowledge", incident=INCIDENT, state="taken")) == []
    assert desk.outcomes() == []


def test_a_record_that_is_no_action_is_a_dead_letter_by_its_place(
    desk: Desk, tmp_path: Path
) -> None:
    spoiled = Spoiled("delegation.actions", 2, 41, "not JSON of an action")
    for _ in range(2):
        desk.ledger.act([], [spoiled], [Position("delegation.actions", 2, 42)], ALERTING, NOW_MS)
    (letter,) = dead.listed(tmp_path)
    assert (letter.incident_id, letter.why) == ("delegation.actions[2] offset 41", spoiled.why)
