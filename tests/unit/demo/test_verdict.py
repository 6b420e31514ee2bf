"""The demo says so when anything but the planted findings came out, however little is wrong."""

from __future__ import annotations

import pytest

from grantline.demo.scenario import Planted
from grantline.demo.verdict import Stored, faults
from grantline.model.finding import Finding
from tests.findings import finding

TOKEN = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
PLANTED = [
    Planted("used-after-revocation", "TR-05", TOKEN),
    Planted("used-after-revocation", "TR-05", OTHER),
]


def _said(**changes: object) -> Finding:
    plain: dict[str, object] = {
        "id": "fnd_1", "rule": "used-after-revocation", "reference": "TR-05", "status": "open",
        "token_fingerprints": [TOKEN], "count": 1, "revision": 1, "provisional": False,
    }  # fmt: skip
    return finding().model_copy(update=plain | changes)


ONE = _said()
TWO = _said(id="fnd_2", token_fingerprints=[OTHER])


def _stored(said: list[Finding]) -> list[Stored]:
    return [(f.id, f.revision, f.status) for f in {f.id: f for f in said}.values()]


def test_exactly_what_was_planted_is_right() -> None:
    """In any order, amended on the way; what was provisional and explained was never told."""
    gone = _said(id="fnd_3", provisional=True)
    said = [
        TWO, gone, _said(provisional=True), ONE.model_copy(update={"revision": 2}),
        gone.model_copy(update={"status": "retracted", "revision": 2}),
    ]  # fmt: skip
    assert faults(PLANTED, said, _stored(said)) == []


@pytest.mark.parametrize(
    "said,fault",
    [
        ([ONE], "planted but not found: TR-05 (used-after-revocation), token …bbbb"),
        ([ONE, TWO, _said(id="fnd_3")], "found but not planted: TR-05"),
        ([ONE, TWO, _said(id="fnd_3", reference="TR-01")], "found but not planted: TR-01"),
        ([_said(count=2), TWO], "token …aaaa, violating spans: 2"),
        ([_said(rule="used-after-expiry"), TWO], "found but not planted: TR-05 (used-after-expiry)"),
        ([_said(status="retracted"), TWO], "planted but not found: TR-05"),
        ([_said(provisional=True), TWO], "TR-05 fnd_1: still provisional"),
        ([ONE, ONE, TWO], "fnd_1: a state was said twice"),
        ([_said(revision=2), ONE, TWO], "fnd_1: a state was said twice, or an older one after"),
        ([ONE, TWO, _said(id="fnd_3"), _said(id="fnd_3", status="retracted", revision=2)],
         "fnd_3: told for sure, then taken back"),
        ([_said(status="retracted"), _said(revision=2), TWO], "fnd_1: spoken of after it was retra"),
    ],
)  # fmt: skip
def test_whatever_else_came_out_is_a_fault(said: list[Finding], fault: str) -> None:
    assert any(fault in each for each in faults(PLANTED, said, _stored(said)))


def test_something_planted_twice_must_be_found_twice() -> None:
    """Two findings of one kind on one token are not one."""
    assert faults([PLANTED[0]] * 2, [ONE], _stored([ONE])) == [
        "planted but not found: TR-05 (used-after-revocation), token …aaaa, violating spans: 1"
    ]
    both = [ONE, _said(id="fnd_2")]
    assert faults([PLANTED[0]] * 2, both, _stored(both)) == []


@pytest.mark.parametrize(
    "stored",
    [
        [("fnd_1", 1, "open")],
        [("fnd_1", 1, "open"), ("fnd_2", 0, "open")],
        [("fnd_1", 1, "open"), ("fnd_2", 1, "retracted")],
        [("fnd_1", 1, "open"), ("fnd_2", 1, "open"), ("fnd_3", 1, "open")],
        [("fnd_1", 1, "open"), ("fnd_2", 1, "open"), ("fnd_2", 1, "open")],
    ],
)
def test_the_database_must_hold_what_was_said(stored: list[Stored]) -> None:
    assert any("the database" in each for each in faults(PLANTED, [ONE, TWO], stored))
