"""The `baggage` header as W3C has it: what goes out, what is read, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantline.emit import baggage
from grantline.emit.baggage import MAX_HEADER, merged, read, texts_of, told_by
from grantline.emit.delegation import Delegation
from grantline.emit.testing import capture
from tests.unit.emit.vectors import D0, D1


@pytest.mark.parametrize(
    "task, written",
    [
        ("book a trip", "book%20a%20trip"),
        ("build+test", "build%2Btest"),
        ("a,b;c=d", "a%2Cb%3Bc%3Dd"),
        ("50%", "50%25"),
        ("søk", "s%C3%B8k"),
        ('say "hi"\\', "say%20%22hi%22%5C"),
    ],
)
def test_a_value_is_percent_encoded_and_comes_back_as_it_was(task: str, written: str) -> None:
    text = merged("", baggage.members(Delegation(D1, task_id=task)))
    assert f"delegation.task.id={written}" in text
    assert read(text)["delegation.task.id"] == task


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_text_survives_the_wire(task: str) -> None:
    assert read(merged("a=b;p", {baggage.TASK: task})) == {baggage.TASK: task}


@pytest.mark.parametrize(
    "header, task",
    [
        ("delegation.task.id=build+test", "build+test"),
        ("delegation.task.id=a;ttl=5", "a"),
        ("delegation.task.id = a b ; ttl = 5 ; secure", "a b"),
        ("x=1,\t delegation.task.id\t=\tnight%20run\t, y=2", "night run"),
        ("delegation.task.id=a%3Bb;c", "a;b"),
        ("delegation.task.id=a=b", "a=b"),
        ("delegation.task.id=100%", "100%"),
        ("delegation.task.id=%zz%4", "%zz%4"),
        ("delegation.task.id=%ff", "\N{REPLACEMENT CHARACTER}"),
        ("delegation.task.id=old,delegation.task.id=new", "new"),
        (",,=,;,delegation.task.id=a,,", "a"),
        ("delegation.task.id=a,delegation.task.id;p=1,delegation.task.id", "a"),
        ("Delegation.Task.Id=a", None),
        ("delegation.task.id=", None),
    ],
)
def test_a_header_is_read_as_the_recommendation_has_it(header: str, task: str | None) -> None:
    told = told_by(read(header))
    assert (told.task_id if told else None) == task


def test_properties_after_an_id_cost_neither_it_nor_its_root() -> None:
    told = told_by(read(f"delegation.id={D1};ttl=5,delegation.root.id={D0} ;a;b=c"))
    assert told == Delegation(D1, D0)


def test_a_header_that_is_too_long_is_read_to_its_last_whole_member() -> None:
    filler = "x=" + "y" * (MAX_HEADER - 40)
    told = told_by(read(f"delegation.id={D1},{filler[:-60]},delegation.task.id=" + "t" * 200))
    assert told == Delegation(D1)


def test_where_others_fill_the_header_ours_stay_out_and_theirs_stay() -> None:
    others = ",".join(f"k{n}={'v' * 100}" for n in range(90))
    assert merged(others, {baggage.ID: D1}) == others
    assert read(merged("a=b", {baggage.ID: D1})) == {baggage.ID: D1}


@pytest.mark.parametrize(
    "carrier",
    [
        {"Baggage": [f"delegation.id={D1}", f"delegation.root.id={D0}"]},
        [("baggage", f"delegation.id={D1}"), ("BAGGAGE", f"delegation.root.id={D0}")],
        [("baggage", f"delegation.id={D1},delegation.root.id={D0}".encode())],
        ((b"x", b"y"), (b"baggage", f"delegation.id={D1},delegation.root.id={D0}".encode())),
        {"progressToken": 7, "baggage": f"delegation.id={D1},delegation.root.id={D0}"},
    ],
)
def test_every_carrier_is_read(carrier: Any) -> None:
    assert told_by(read(texts_of(carrier)["baggage"])) == Delegation(D1, D0)
    with capture() as seen, seen.emitter.receive(carrier):
        assert seen.emitter.current() == Delegation(D1, D0)


@pytest.mark.parametrize("carrier", [None, 7, "baggage", [1, ("a",)], {"baggage": None}, [(1, 2)]])
def test_what_is_no_carrier_tells_nothing(carrier: Any) -> None:
    assert "baggage" not in texts_of(carrier)


_MEMBERS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}={}{}".format,
            st.sampled_from([*baggage.KEYS, " delegation.id ", "delegation%2Eid", "tenant"]),
            st.text(max_size=80),
            st.sampled_from(["", ";ttl=5", " ; a=b"]),
        ),
    ),
    max_size=12,
)


@given(_MEMBERS)
def test_any_header_is_read_and_only_what_fits_is_told(members: list[str]) -> None:
    told = told_by(read(",".join(members)))
    if told is not None:
        assert told_by(read(merged("", baggage.members(told)))) == told
        assert "eyJ" not in (told.task_id or "") or "." not in (told.task_id or "")


@given(_MEMBERS)
def test_whatever_stands_in_a_header_ours_are_taken_out_and_theirs_are_not(
    members: list[str],
) -> None:
    text = merged(",".join(members), {})
    assert not read(text)
    assert merged(text, {}) == text
    others = [m for member in members for m in member.split(",") if "delegation" not in m]
    assert all(member in text for member in others if member.strip())
