"""A lost ledger, made anew from the records that it had let leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from grantline.alerts.decide import Alerting
from grantline.model import action, incident
from grantline.model.finding import Finding
from grantline.notify.ledger import Incoming, Ledger
from grantline.ports import Position
from tests.acts import NOW_MS, act
from tests.findings import finding
from tests.pages import page
from tests.unit.notify.test_acts import ALERTING, HOUR, Desk


class Anew(Desk):
    """A new ledger, and what the topics tell of the one before."""

    def __init__(self, path: Path, before: Desk) -> None:
        super().__init__(path)
        self.ledger.close()
        path.unlink()
        self.ledger = Ledger(path)
        self.now_ms = before.now_ms
        before.ledger.tick(ALERTING, before.now_ms + 1)
        leaving = before.ledger.leaving()
        last = {}
        for each in leaving:
            if each.stream == "incidents":
                record = incident.decode(each.body)
                last[record.id] = record
        outcomes = [action.decode(each.body) for each in leaving if each.stream == "actions"]
        self.ledger.rebuild(list(last.values()), outcomes, self.now_ms)

    def read(self, *findings: Finding) -> list[str]:
        """The whole backlog, decided on at its end."""
        incoming = [
            Incoming(
                each,
                each.model_dump_json().encode(),
                0,
                self.ledger.knew(each.id, "t", 0, offset, NOW_MS),
            )
            for offset, each in enumerate(findings)
        ]
        place = Position("t", 0, len(findings))
        self.ledger.take(incoming, [place], [0], ALERTING, self.now_ms, whole=True)
        return self.told()


@pytest.fixture
def before(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "before.sqlite3")


def test_what_was_told_is_told_to_nobody_anew_and_what_was_not_is(
    before: Desk, tmp_path: Path
) -> None:
    findings = [finding("a"), finding("b", severity="critical"), finding("b", 1, severity="high")]
    assert before.found(*findings) == ["opened", "opened", "lowered"]
    anew = Anew(tmp_path / "anew.sqlite3", before)
    assert anew.read(*findings, finding("c")) == ["opened"]
    assert anew.pages[0].listed == [finding("c").id]
    assert anew.found(finding("a", 1, severity="critical")) == ["escalated"]
    assert anew.pages[0].revision > 2


def test_what_people_did_holds(before: Desk, tmp_path: Path) -> None:
    findings = [finding("a"), finding("b"), finding("c"), finding("d", actor="bot")]
    before.found(*findings[:3])
    acts = [
        act("acknowledge", 1, incident=page("a").id),
        act("resolve", 2, incident=page("b").id),
        act("false_positive", 3, incident=page("c").id, until=NOW_MS + HOUR, reason="a test"),
        act("silence", 4, matching={"agent": "bot"}, until=NOW_MS + HOUR),
        act("silence", 5, matching={"root": "root-a"}, until=NOW_MS + HOUR),
        act("unsilence", 6, silence=act("silence", 5).silence),
        act("assign", 7, incident=page("a").id, assignee="carol"),
    ]
    before.did(*acts)
    anew = Anew(tmp_path / "anew.sqlite3", before)
    assert anew.read(*findings) == []
    assert anew.did(*acts) == []
    assert anew.outcomes() == []
    states = {record.lead: record for record in anew.records()}
    assert [states[each.id].state for each in findings] == [
        "acknowledged", "resolved", "false_positive", "silenced",
    ]  # fmt: skip
    assert states[findings[0].id].assignee == "carol"
    assert anew.found(finding("a", 1, count=2)) == []
    assert anew.found(finding("b", 1, count=2)) == ["opened"]
    assert anew.pages[0].episode == 1


def test_a_silence_that_is_over_is_not_restored(before: Desk, tmp_path: Path) -> None:
    before.did(act("silence", matching={"agent": "bot"}, until=NOW_MS + HOUR))
    before.now_ms += HOUR + 1
    anew = Anew(tmp_path / "anew.sqlite3", before)
    assert anew.ledger.silences() == []


def test_what_no_destination_had_taken_is_told(before: Desk, tmp_path: Path) -> None:
    body = finding("a").model_dump_json().encode()
    before.ledger.take([Incoming(finding("a"), body)], [], [], ALERTING, NOW_MS)
    anew = Anew(tmp_path / "anew.sqlite3", before)
    assert anew.read(finding("a")) == ["opened"]


def test_a_ledger_that_was_killed_while_it_was_made_anew_goes_on(
    before: Desk, tmp_path: Path
) -> None:
    before.found(finding("a"))
    path = tmp_path / "anew.sqlite3"
    anew = Anew(path, before)
    assert anew.ledger.stage() == "read"
    body = finding("a").model_dump_json().encode()
    held = Incoming(finding("a"), body, 0)
    anew.ledger.take([held], [Position("t", 0, 1)], [], ALERTING, NOW_MS)
    anew.ledger.close()
    anew.ledger = Ledger(path)
    assert anew.ledger.stage() == "read"
    anew.ledger.forget(NOW_MS - HOUR)
    anew.ledger.take([], [], [0], ALERTING, NOW_MS, whole=True)
    assert anew.told() == []
    assert anew.ledger.stage() == "done"


def test_what_was_old_to_the_lost_ledger_is_old_to_the_new_one(tmp_path: Path) -> None:
    """Also where it was only worded better since."""
    before = Desk(tmp_path / "before.sqlite3")
    before.ledger.close()
    before.ledger = Ledger(tmp_path / "late.sqlite3", born_ms=NOW_MS - 10)
    old = finding("old")
    body = old.model_dump_json().encode()
    alerting = Alerting(destinations=("pager",))
    before.ledger.take([Incoming(old, body, None, True)], [], [], alerting, NOW_MS)
    before.found(finding("old", 1, explanation="better"), finding("new"))
    anew = Anew(tmp_path / "anew.sqlite3", before)
    assert anew.ledger.knew(old.id, "t", 0, 0, NOW_MS - 11)
    better = finding("old", 1, explanation="better")
    anew.ledger.take(
        [Incoming(old, body, 0, True), Incoming(better, better.model_dump_json().encode(), 0)],
        [], [0], ALERTING, NOW_MS, whole=True,
    )  # fmt: skip
    assert anew.told() == []
