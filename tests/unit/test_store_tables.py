"""Answers as text: a table that can be read at any width, JSON and CSV that programs can read."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from grantline.store import tables
from grantline.store.client import Answer

COLUMNS = ["reference", "finding", "what"]
ROWS = [
    ("TR-05", "fnd_" + "0" * 32, "build-runner-7 used a token 11 min after it was revoked"),
    ("SE-01", "fnd_" + "1" * 32, None),
]
TIME = datetime(2026, 3, 17, 9, 5, 0, 40_000, tzinfo=UTC).replace(tzinfo=None)


def lines(width: int | None) -> list[str]:
    return tables.table(COLUMNS, ROWS, width).splitlines()


def test_a_table_is_not_folded_where_nobody_looks_at_it() -> None:
    """However long a value is, a row is a line."""
    long = tables.table(["a", "b"], [("x" * 5_000, 1), ("y", 2)]).splitlines()
    assert len(long) == 4
    assert long[2] == "x" * 5_000 + "   1"
    assert lines(None) == [
        "reference   finding                                what",
        "─" * 106,
        f"TR-05       {ROWS[0][1]}   {ROWS[0][2]}",
        f"SE-01       {ROWS[1][1]}",
    ]


def test_a_table_that_does_not_fit_is_folded_between_words() -> None:
    """Each column keeps enough to be read."""
    folded = lines(80)
    assert max(map(cell_len, folded)) <= 80
    assert folded[2].startswith("TR-05       fnd_0000")
    assert "build-runner-7 used a token" in folded[2]
    assert len(folded) == 6


def test_a_table_that_cannot_be_folded_is_written_one_value_a_line() -> None:
    """Many columns on a narrow screen, and values that are longer still."""
    names = [f"column_{n}" for n in range(12)]
    written = tables.table(names, [("v" * 70,) * 12, ("w",) * 12], 60).splitlines()
    assert written[0].startswith("── 1 ─")
    assert written[1] == "column_0    " + "v" * 48
    assert written[2] == " " * 12 + "v" * 22
    assert written[25].startswith("── 2 ─")
    assert max(map(cell_len, written)) <= 60


@pytest.mark.parametrize("width", [None, 1, 10, 40, 80, 200])
def test_no_width_loses_a_character(width: int | None) -> None:
    """Wide and combining characters among them."""
    text = "ab漢字🙂éx" * 9
    shown = tables.table(["name", "other", "third"], [(text, "b" * 30, "c" * 30)], width)
    assert shown.count("漢") == 9
    assert shown.count("🙂") == 9
    assert shown.replace("name", "").replace("other", "").count("b") == 30 + 9


def test_an_answer_without_rows_says_so() -> None:
    assert tables.table(["id"], []).splitlines() == ["id", "──", "(no rows)"]
    assert tables.table(["id"], [], 80) == tables.table(["id"], [])


ANSWER = Answer(
    ["human", "actors", "depth", "at", "worst", "cut", "lag"],
    [('alice, "al"', ["planner", "sub"], 1, TIME, None, False, timedelta(seconds=1.5))],
)


def test_rows_as_json_are_one_object_a_line() -> None:
    assert json.loads(tables.as_json(ANSWER)) == {
        "human": 'alice, "al"', "actors": ["planner", "sub"], "depth": 1,
        "at": "2026-03-17T09:05:00.040000Z", "worst": None, "cut": False, "lag": "0:00:01.500000",
    }  # fmt: skip


def test_rows_as_csv_end_as_lines_of_text_do() -> None:
    """No carriage return, which `cut`, `sort` and `grep $` take for a part of the last value."""
    two = Answer(ANSWER.columns, ANSWER.rows * 2)
    text = tables.as_csv(two)
    assert "\r" not in text
    assert not text.endswith("\n")
    assert list(csv.reader(io.StringIO(text))) == [
        ANSWER.columns,
        *[['alice, "al"', '["planner", "sub"]', "1", "2026-03-17T09:05:00.040000Z", "", "false",
           "0:00:01.500000"]] * 2,
    ]  # fmt: skip
