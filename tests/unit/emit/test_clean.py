"""No raw token passes, and no value that would cost a span or its neighbours their place."""

from __future__ import annotations

import re
import time

import pytest

from grantline.emit import clean
from tests.unit.emit.vectors import T0, T1, Noted

QUARANTINE = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")
JWE = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"


@pytest.mark.parametrize(
    "value",
    [
        T0,
        f"Bearer {T0}",
        f"https://x/cb#token={T0}&state=1",
        f"{T0},{T1}",
        f"a.b.{T0}",
        f".{T0}",
        f"x{T0}x",
        JWE,
        "eyJa.eyJb.eyJc",
        f'{{"t":"{T0}"}}',
    ],
)
def test_nothing_of_a_token_is_left_not_even_its_signature(value: str) -> None:
    notes = Noted()
    left = clean.text(value, notes)
    assert clean.REMOVED in left
    assert not QUARANTINE.search(left)
    assert T0[-40:] not in left
    assert "scrubbed" in notes.seen


@pytest.mark.parametrize("value", ["eyJ", "eyJabc", "eyJabc.def", "greyJay.feather", "a.b.c"])
def test_what_only_resembles_a_token_stays(value: str) -> None:
    notes = Noted()
    assert clean.text(value, notes) == value
    assert notes.seen == []


def test_the_text_around_a_token_stays() -> None:
    assert clean.text(f"see {T0} there", Noted()) == f"see {clean.REMOVED} there"


def test_a_token_is_looked_for_before_the_string_is_cut() -> None:
    cut = clean.text("x " * 500 + T0, Noted())
    assert "eyJ" not in cut


def test_a_hostile_string_is_scrubbed_in_linear_time() -> None:
    began = time.perf_counter()
    clean.text("eyJ" * 300_000, Noted())
    clean.text("eyJ." * 300_000, Noted())
    assert time.perf_counter() - began < 5


def test_an_opaque_token_of_the_call_is_removed_too() -> None:
    assert clean.text("key=fake-api-key-1!", Noted(), ["fake-api-key-1"]) == f"key={clean.REMOVED}!"


def test_strings_and_lists_are_bounded_and_counted() -> None:
    notes = Noted()
    assert len(clean.text("x" * 2000, notes)) == 1024
    assert len(clean.texts(["x"] * 65, notes)) == 64
    assert notes.seen == ["truncated", "truncated"]


def test_a_lone_surrogate_becomes_something_protobuf_takes() -> None:
    clean.text("a\ud800b", Noted()).encode("utf-8")


@pytest.mark.parametrize("value", [1, None, b"x", ["x"], {}])
def test_text_takes_strings_only(value: object) -> None:
    with pytest.raises(clean.Unfit):
        clean.text(value, Noted())


@pytest.mark.parametrize("value", [1, None, b"x", {"a": 1}, ["x", 1]])
def test_lists_take_strings_only(value: object) -> None:
    with pytest.raises(clean.Unfit):
        clean.texts(value, Noted())


@pytest.mark.parametrize("value", [True, "1", None, 2**63, float("inf"), float("nan")])
def test_numbers_fit_64_bits(value: object) -> None:
    with pytest.raises(clean.Unfit):
        clean.number(value)


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_flags_are_true_or_false(value: object) -> None:
    with pytest.raises(clean.Unfit):
        clean.flag(value)


def test_a_long_scope_string_is_split_before_it_is_bounded() -> None:
    notes = Noted()
    names = [f"scope-{number:04d}-{'x' * 30}" for number in range(60)]
    assert clean.scopes(" ".join(names), notes) == tuple(names)
    assert notes.seen == []


def test_scopes_are_counted_after_doubles_are_gone() -> None:
    notes = Noted()
    assert clean.scopes(["a"] * 100, notes) == ("a",)
    assert len(clean.scopes([f"s{number}" for number in range(100)], notes)) == 64
    assert notes.seen == ["truncated"]


def test_a_token_among_scopes_becomes_one_scope() -> None:
    assert clean.scopes(f"b {T0} a", Noted()) == (clean.REMOVED, "a", "b")


@pytest.mark.parametrize("value", [1, None, b"x", {"a": 1}, ["x", 1]])
def test_scopes_are_strings(value: object) -> None:
    with pytest.raises(clean.Unfit):
        clean.scopes(value, Noted())


def test_every_secret_of_a_call_is_looked_for_whatever_their_lengths() -> None:
    secrets = ["fake-key", "fake-longer-key-2"]
    assert clean.text("x fake-longer-key-2", Noted(), secrets) == f"x {clean.REMOVED}"
    assert clean.text("fake-key", Noted(), secrets) == clean.REMOVED


def test_nothing_is_left_of_a_secret_that_begins_with_another() -> None:
    assert clean.text("fake-key-and-more", Noted(), ["fake-key", "fake-key-and-more"]) == (
        clean.REMOVED
    )
