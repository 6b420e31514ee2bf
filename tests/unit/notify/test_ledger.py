"""The ledger on a real file: nothing lost, nothing doubled, through any restart."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grantline.alerts.decide import Alerting
from grantline.model.finding import Finding
from grantline.model.incident import decode
from grantline.notify import dead
from grantline.notify.database import LedgerError
from grantline.notify.ledger import Incoming, Ledger
from grantline.notify.letters import Letter
from grantline.ports import Position
from tests.findings import finding
from tests.pages import page

ALERTING = Alerting(destinations=("a", "b"))


def take(ledger: Ledger, *findings: Finding, offset: int = 1, backlog: int | None = None) -> None:
    """Each by itself, as Kafka might bring them."""
    for each in findings:
        incoming = [Incoming(each, each.model_dump_json().encode(), backlog)]
        ledger.take(incoming, [Position("t", 0, offset)], [], ALERTING, 1_000)


def end_of_backlog(ledger: Ledger, *parts: int) -> set[str]:
    return ledger.take([], [], parts, ALERTING, 1_000)


def due(ledger: Ledger, destination: str = "a") -> Letter:
    letter = ledger.next_letter(destination)
    assert letter is not None
    return letter


def lead(ledger: Ledger, destination: str = "a") -> int:
    """Revision of the finding that the next letter is about."""
    return int(json.loads(due(ledger, destination).body)["finding"]["revision"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "alerts.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(path)
    yield opened
    opened.close()


def test_letters_and_positions_are_there_after_a_restart(path: Path) -> None:
    first = Ledger(path)
    take(first, finding(), offset=7)
    first.close()
    again = Ledger(path)
    assert again.positions("t") == {0: 7}
    assert json.loads(due(again).body)["finding"] == finding().model_dump(mode="json")
    again.close()


def test_only_a_ledger_that_is_made_now_is_new(path: Path) -> None:
    for new in (True, False):
        opened = Ledger(path)
        assert opened.new is new
        opened.close()


def test_a_batch_that_fails_half_way_leaves_nothing_behind(ledger: Ledger) -> None:
    pair = [
        Incoming(finding("one"), finding("one").model_dump_json().encode()),
        Incoming(finding("two"), b"{"),  # what its page is made of cannot be read
    ]
    with pytest.raises(ValueError, match="Finding"):
        ledger.take(pair, [Position("t", 0, 9)], [], ALERTING, 1)
    assert ledger.positions("t") == {}
    assert ledger.next_letter("a") is None
    take(ledger, finding("one"))
    assert due(ledger).incident_id == page("one").id


def test_destinations_are_independent(ledger: Ledger) -> None:
    take(ledger, finding())
    ledger.sent(due(ledger, "a"), 2)
    assert ledger.next_letter("a") is None
    assert due(ledger, "b").incident_id == page().id


def test_states_of_one_finding_go_in_order_even_when_the_first_waits(ledger: Ledger) -> None:
    take(ledger, finding(), finding(revision=1, severity="critical"), finding("other"))
    ledger.put_off(due(ledger), due=1e12)
    assert due(ledger).incident_id == page("other").id
    ledger.sent(due(ledger), 2)
    waiting = due(ledger)
    assert (waiting.revision, waiting.due, waiting.attempts) == (0, 1e12, 1)


def test_a_restart_tries_at_once_what_was_put_off(path: Path) -> None:
    first = Ledger(path)
    take(first, finding())
    first.put_off(due(first), due=1e12)
    first.close()
    again = Ledger(path)
    assert (due(again).due, due(again).attempts) == (0, 1)
    again.close()


def test_what_was_sent_is_not_posted_again_by_a_replay(ledger: Ledger) -> None:
    take(ledger, finding())
    ledger.sent(due(ledger), 2)
    take(ledger, finding(), offset=1)
    assert ledger.next_letter("a") is None


def test_a_retraction_is_moot_where_the_finding_was_refused(ledger: Ledger) -> None:
    take(ledger, finding())
    ledger.buried(due(ledger, "a"), "no", 2)
    ledger.sent(due(ledger, "b"), 2)
    take(ledger, finding(revision=1, status="retracted"))
    assert due(ledger, "a").moot
    assert not due(ledger, "b").moot


def test_of_a_backlog_the_newest_state_is_told_once_it_has_ended(ledger: Ledger) -> None:
    take(ledger, finding(revision=2, count=9), finding(), finding("gone"), backlog=0)
    take(ledger, finding("gone", 1, status="retracted"), finding("elsewhere"), backlog=0)
    assert ledger.next_letter("a") is None
    assert end_of_backlog(ledger, 0) == {"a", "b"}
    assert [due(ledger).incident_id, lead(ledger)] == [page().id, 2]
    ledger.sent(due(ledger), 2)
    assert due(ledger).incident_id == page("elsewhere").id
    ledger.sent(due(ledger), 2)
    assert ledger.next_letter("a") is None
    assert end_of_backlog(ledger, 0) == set()


def test_of_a_backlog_what_a_destination_knows_is_compared_with_the_newest(ledger: Ledger) -> None:
    take(ledger, finding(), finding("gone"))
    for _ in range(2):
        ledger.sent(due(ledger), 2)
    take(ledger, finding(revision=1, severity="critical"), finding(revision=2), backlog=0)
    take(ledger, finding("gone", 1, status="retracted"), backlog=0)
    end_of_backlog(ledger, 0)
    assert [due(ledger).incident_id, due(ledger).revision] == [page("gone").id, 1]
    assert ledger.queues()["a"].waiting == 1


def test_a_backlog_lasts_through_a_restart_and_ends_by_partition(path: Path) -> None:
    first = Ledger(path)
    take(first, finding(), offset=7, backlog=0)
    take(first, finding("other"), backlog=1)
    first.close()
    again = Ledger(path)
    assert again.held() == {0, 1}
    end_of_backlog(again, 0)
    assert due(again).incident_id == page().id
    assert again.held() == {1}
    again.close()


def test_what_comes_after_the_backlog_is_decided_with_it(ledger: Ledger) -> None:
    states = [finding(), finding(revision=1, severity="critical"), finding(revision=2)]
    bodies = [each.model_dump_json().encode() for each in states]
    incoming = [Incoming(states[0], bodies[0], 0), Incoming(states[1], bodies[1], 0),
                Incoming(states[2], bodies[2])]  # fmt: skip
    ledger.take(incoming, [], [0], ALERTING, 1)
    assert lead(ledger) == 2
    assert ledger.queues()["a"].waiting == 1


def test_only_the_last_state_of_a_dead_letter_is_revived(ledger: Ledger, path: Path) -> None:
    """Beside the process that has the ledger open."""
    take(ledger, finding(), finding("stands"))
    ledger.buried(due(ledger), "answered 413", 2_000)
    ledger.buried(due(ledger), "answered 422", 1_000)
    take(ledger, finding(revision=1, status="retracted"))
    ledger.dropped(due(ledger))
    assert ledger.queues()["a"] == (0, None, 2)
    first, second = dead.listed(path.parent)
    assert first[1:] == ("a", page("stands").id, "answered 422")
    assert second[1:] == ("a", page().id, "answered 413")
    assert first.since.isoformat() == "1970-01-01T00:00:01+00:00"
    assert dead.revive(path.parent) == (1, 1)
    assert due(ledger).incident_id == page("stands").id
    assert ledger.queues()["a"].dead == 0
    assert dead.listed(path.parent) == []


def test_dead_letters_are_not_looked_for_where_no_process_worked(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"no alert process has worked in .*GRANTLINE_DATA_DIR"):
        dead.listed(tmp_path / "elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_busy_for_long_is_said_to_be_so(ledger: Ledger, path: Path) -> None:
    take(ledger, finding())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match=r"cannot be used now .*locked.*try again"):
        dead.revive(path.parent)
    other.close()


def test_waiting_tells_how_many_and_since_when(ledger: Ledger) -> None:
    take(ledger, finding(), finding("two"))
    assert ledger.queues()["a"] == (2, 1_000, 0)


def test_what_is_old_is_forgotten_unless_it_still_waits(ledger: Ledger) -> None:
    take(ledger, finding(), finding("waits"))
    for name in ("a", "b"):
        ledger.sent(due(ledger, name), 2)
    ledger.forget(before_ms=1_000_000)
    take(ledger, finding(), finding("waits"))
    assert [due(ledger, "a").incident_id, ledger.queues()["a"].waiting] == [
        page("waits").id,
        2,
    ]


@pytest.mark.usefixtures("ledger")
def test_a_second_process_is_told_that_the_file_is_taken(path: Path) -> None:
    with pytest.raises(LedgerError, match=r"another process is using .* data directory"):
        Ledger(path)


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else entirely, and long enough to be looked at")
    with pytest.raises(LedgerError, match=r"is not a ledger.*move it away"):
        Ledger(path)
    assert path.read_bytes().startswith(b"something else")


def test_a_ledger_of_which_no_record_left_says_each_incident_with_the_next_ticks(
    path: Path,
) -> None:
    """Of version 3. What destinations had taken is in the records."""
    ledger = Ledger(path, born_ms=0)
    take(ledger, finding("told"), finding("waits"))
    letter = due(ledger)
    ledger.sent(letter, 1_000)
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX finding_by_silence")
        for table, column in (("incident", "said"), ("incident", "handling"), ("finding", "silence"), ("held", "before"),
                              ("told", "sent_state"), ("outbox", "after")):  # fmt: skip
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for table in ("leaving", "silence", "action", "spoiled", "rebuilt"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version=3")
        connection.commit()
    ledger = Ledger(path)
    ledger.tick(ALERTING, 2_000)
    said = {record.id: record.told for record in (decode(each.body) for each in ledger.leaving())}
    assert len(said) == 2
    assert {id_ for id_, told in said.items() if told} == {letter.incident_id}
    ledger.close()


def test_a_ledger_of_a_later_release_is_refused(path: Path) -> None:
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=5")
    connection.close()
    with pytest.raises(LedgerError, match="ledger version 5"):
        Ledger(path)


@pytest.mark.usefixtures("ledger")
def test_the_file_is_its_owners_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


VERSION_2 = """
CREATE TABLE position (topic TEXT NOT NULL, part INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE finding (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, touched_ms INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX finding_by_age ON finding (touched_ms);
CREATE TABLE held (finding_id TEXT PRIMARY KEY, part INTEGER NOT NULL, revision INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX held_by_part ON held (part);
CREATE TABLE told (finding_id TEXT NOT NULL, destination TEXT NOT NULL, status TEXT NOT NULL,
    severity TEXT NOT NULL, revision INTEGER NOT NULL, sent_status TEXT, sent_ms INTEGER,
    PRIMARY KEY (finding_id, destination)) WITHOUT ROWID;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, destination TEXT NOT NULL, finding_id TEXT NOT NULL,
    revision INTEGER NOT NULL, status TEXT NOT NULL, body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, since_ms INTEGER NOT NULL,
    refused TEXT, refused_ms INTEGER, UNIQUE (destination, finding_id, revision));
CREATE INDEX outbox_by_due ON outbox (destination, due, seq);
PRAGMA user_version = 2;
"""


def test_a_ledger_of_the_release_before_is_taken_over(path: Path) -> None:
    """Its topic is read again; what it had told is known, what waited in it is told."""
    path.parent.mkdir()
    before = sqlite3.connect(path)
    before.executescript(VERSION_2)
    before.execute("INSERT INTO position VALUES ('t', 0, 2)")
    for name in ("told", "waited"):
        before.execute("INSERT INTO finding VALUES (?, 0, 1)", (finding(name).id,))
    before.execute(
        "INSERT INTO outbox (destination, finding_id, revision, status, body, since_ms) "
        "VALUES ('a', ?, 0, 'open', '{}', 1)",
        (finding("waited").id,),
    )
    before.commit()
    before.close()
    ledger = Ledger(path)
    assert ledger.positions("t") == {}
    for offset, name in enumerate(("told", "waited", "new")):
        each = finding(name)
        old = ledger.knew(each.id, "t", 0, offset, stamped_ms=1)
        ledger.take([Incoming(each, each.model_dump_json().encode(), None, old)],
                    [Position("t", 0, offset + 1)], [], ALERTING, 1_000)  # fmt: skip
    posted = []
    while (letter := ledger.next_letter("a")) is not None:
        posted.append(letter.incident_id)
        ledger.sent(letter, 2)
    ledger.close()
    assert posted == [page("waited").id, page("new").id]


def test_what_is_held_a_moment_is_replaced_by_what_joins_and_withdrawn_if_taken_back(
    ledger: Ledger,
) -> None:
    def gather(*findings: Finding) -> None:
        for each in findings:
            incoming = [Incoming(each, each.model_dump_json().encode())]
            ledger.take(incoming, [], [], ALERTING, 1_000, gather_seconds=1e6)

    gather(finding("a", root_id="r"), finding("b", root_id="r"), finding("gone", root_id="s"))
    assert json.loads(due(ledger).body)["findings"] == 2
    gather(finding("gone", 1, root_id="s", status="retracted"))
    assert ledger.queues()["a"].waiting == 1
    gather(finding("gone", 2, root_id="s"))
    assert ledger.queues()["a"].waiting == 2
