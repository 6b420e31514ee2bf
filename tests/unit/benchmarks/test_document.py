"""The page of figures has a place for every part, and a run renews only what it measured."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.benchmarks import charts, document
from tests.benchmarks.__main__ import PARTS
from tests.benchmarks.report import Where
from tests.benchmarks.sheet import Part, Sheet

WHERE = Where("a broker", False, 7, (0.5, 1.5), datetime(2026, 11, 26, 12, 0, tzinfo=UTC))
PART = Part({}, [Sheet("Fast", ("what", "µs"), [("a | hop", "3"), ("all", "4")], ["A note."])])


def test_page_has_a_place_for_every_part() -> None:
    page = document.PAGE.read_text("utf-8")
    assert document.renew(page, WHERE, dict.fromkeys(PARTS, PART)).count("**Fast**") == len(PARTS)


def test_only_what_was_measured_is_renewed() -> None:
    page = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\nold\n<!-- /two -->\nc\n"
    renewed = document.renew(page, WHERE, {"one": PART})
    assert "| a / hop | 3 |" in renewed
    assert "A note." in renewed
    assert renewed.count("old") == 1
    assert document.renew(renewed, WHERE, {"one": PART}) == renewed


def test_a_part_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for three"):
        document.renew("nothing", WHERE, {"three": PART})


def test_chart_leaves_out_who_could_not_be_had(tmp_path: Path) -> None:
    contenders = {"ceiling": {"spans_per_second": 9}, "Quix Streams": {"missing": "no index"}}
    loads = [{"batch": batch, "contenders": contenders} for batch in (256, 10)]
    path = tmp_path / "chart.png"
    charts.draw({"loads": loads}, {"processes": {"worker": {"decode": 1.0}}}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
