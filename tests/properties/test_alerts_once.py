"""Whatever Kafka delivers again, and in whatever order, the same incidents stand in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from grantline.alerts.decide import Alerting
from grantline.alerts.filing import file
from grantline.alerts.group import Key, incident_id, key_of
from grantline.alerts.incident import summarise
from grantline.alerts.member import Member
from grantline.alerts.silence import Silence
from grantline.model.finding import Finding
from grantline.model.page import BEGINS, OVER
from grantline.notify.ledger import Incoming, Ledger
from grantline.ports import Position
from tests.findings import finding

ALERTING = Alerting(destinations=("pager",))
TOKENS = ["sha256:" + digit * 64 for digit in "ab"]

Standing = dict[str, tuple[frozenset[str], int, frozenset[str]]]
"""Incident -> (members, worst severity, those that another explains)."""


class DictShelf:
    """`alerts.filing.Shelf` in memory."""

    def __init__(self) -> None:
        self.all: dict[str, Member] = {}
        self.keys: dict[str, Key] = {}

    def member(self, finding_id: str) -> Member | None:
        return self.all.get(finding_id)

    def sharing(self, tokens: Iterable[str]) -> list[Member]:
        wanted = set(tokens)
        return [member for member in self.all.values() if wanted.intersection(member.tokens)]

    def silences(self) -> list[Silence]:
        return []

    def put(self, member: Member) -> None:
        self.all[member.finding_id] = member

    def found(self, id_: str, key: Key) -> None:
        self.keys[id_] = key


def standing(members: Iterable[Member]) -> Standing:
    by_incident: dict[str, list[Member]] = {}
    for member in members:
        by_incident.setdefault(member.incident_id, []).append(member)
    key = Key("", "", "")
    return {
        id_: (
            frozenset(member.finding_id for member in group),
            summarise(id_, key, group).severity,
            frozenset(member.finding_id for member in group if member.explained_by),
        )
        for id_, group in by_incident.items()
    }


def filed(messages: Iterable[Finding]) -> Standing:
    shelf = DictShelf()
    for message in messages:
        file(message, shelf)
    return standing(shelf.all.values())


@st.composite
def histories(draw: st.DrawFn) -> list[list[Finding]]:
    """Revisions of several findings, whose keys may change: growing, with gaps."""
    out = []
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True)):
        reference = draw(st.sampled_from(["TR-01", "TR-05", "TR-10", "CS-01", "CS-06"]))
        revision, history = -1, []
        for _ in range(draw(st.integers(1, 4))):
            revision += draw(st.integers(1, 3))
            history.append(
                finding(
                    name,
                    revision,
                    reference=reference,
                    status=draw(st.sampled_from(["open", "open", "retracted"])),
                    severity=draw(st.sampled_from(["low", "medium", "high", "critical"])),
                    provisional=draw(st.booleans()),
                    root_id=draw(st.sampled_from([None, "r1", "r2"])),
                    revoked_id=draw(st.sampled_from([None, "d1", "d2"])),
                    actor=draw(st.sampled_from([None, "bot"])),
                    token_fingerprints=draw(st.sampled_from([[], TOKENS[:1], TOKENS])),
                )
            )
        out.append(history)
    return out


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[list[Finding]], list[Finding]]:
    """Histories, and how their partitions may be read: interleaved, any piece again."""
    drawn = draw(histories())
    read: list[Finding] = []
    places = [0] * len(drawn)
    while any(place < len(each) for place, each in zip(places, drawn, strict=True)):
        left = [n for n, each in enumerate(drawn) if places[n] < len(each)]
        which = draw(st.sampled_from(left))
        back = draw(st.integers(0, places[which]))
        again = draw(st.booleans())
        read += drawn[which][back if again else places[which] : places[which] + 1]
        places[which] += 1
    return drawn, read


@given(deliveries())
def test_any_interleaving_and_duplication_ends_with_the_same_incidents(
    delivery: tuple[list[list[Finding]], list[Finding]],
) -> None:
    """The newest revision of each finding alone decides."""
    drawn, read = delivery
    newest = [history[-1] for history in drawn]
    assert filed(read) == filed(newest) == filed(reversed(newest))


@given(histories())
def test_every_finding_is_in_the_incident_of_its_own_key_and_no_other(
    drawn: list[list[Finding]],
) -> None:
    found = filed(message for history in drawn for message in history)
    for history in drawn:
        last = history[-1]
        holding = [id_ for id_, (members, _, _) in found.items() if last.id in members]
        assert holding == [incident_id(key_of(last))]


@settings(max_examples=25, deadline=None)
@given(deliveries(), st.data())
def test_the_ledger_ends_the_same_through_any_kill_and_tells_in_turns(
    delivery: tuple[list[list[Finding]], list[Finding]], data: st.DataObject
) -> None:
    """A begin is told only where nothing is, and an end only where something is."""
    drawn, read = delivery
    told: dict[str, list[tuple[str, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.sqlite3"
        ledger = Ledger(path, born_ms=0)

        def deliver() -> None:
            if letter := ledger.next_letter("pager"):
                if letter.moot:
                    ledger.dropped(letter)
                    return
                event = letter.body.partition(b'"event":"')[2].partition(b'"')[0].decode()
                told.setdefault(letter.incident_id, []).append((event, f"{letter.revision}"))
                ledger.sent(letter, 2)

        for offset, message in enumerate(read):
            body = message.model_dump_json().encode()
            ledger.take([Incoming(message, body)], [Position("t", 0, offset + 1)], [], ALERTING, 1)
            if data.draw(st.booleans()):
                ledger.close()
                ledger = Ledger(path)
            while data.draw(st.booleans()):
                deliver()
        while ledger.next_letter("pager"):
            deliver()
        assert ledger.positions("t") == {0: len(read)}
        assert standing(ledger.members()) == filed(history[-1] for history in drawn)
        ledger.close()
    for messages in told.values():
        revisions = [int(revision) for _, revision in messages]
        assert revisions == sorted(set(revisions))
        is_open = False
        for event, _ in messages:
            assert (event in BEGINS) is not is_open
            is_open = event not in OVER
