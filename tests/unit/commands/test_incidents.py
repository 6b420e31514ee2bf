"""`grantline incidents` and `grantline incident`, on a file that the writer has left."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from grantline.cli import main
from grantline.model.action import action
from grantline.ports import Batch
from grantline.store.duckdb_store import DuckDBStore
from tests.incidents import record

ESC = "\x1b[31m"


@pytest.fixture
def path(tmp_path: Path) -> str:
    store = DuckDBStore(tmp_path / "lineage.duckdb")
    mine = record("mine", assignee=f"bob{ESC}", claim=f"billing-bot{ESC} did it")
    now = datetime(2026, 11, 23, 20, 17, tzinfo=UTC)
    asked = action(
        "acknowledge", token="0" * 32, who=f"al{ESC}ice", via="test", now=now, incident=mine.id
    )
    refused = replace(asked, id=f"act_{1:032x}", state="refused", why="no such incident is known")
    store.write(
        Batch(
            incidents=[record("over", 0), record("over", 1, state="resolved"), mine],
            actions=[asked, refused],
        )
    )
    store.close()
    return str(tmp_path / "lineage.duckdb")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    return out + err


def test_what_is_over_is_listed_only_where_all_is_asked(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, over = record("mine").id[:12], record("over").id[:12]
    assert over not in said(capsys, "incidents", "--at", path)
    everything = said(capsys, "incidents", "--all", "--at", path)
    assert mine in everything
    assert over in everything


def test_one_incident_is_shown_with_what_people_did_and_what_became_of_it(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "incident", record("mine").id[:12], "--at", path)
    assert "do first      Ask who runs billing-bot" in told
    assert "- recorded" in told
    assert "- refused, no such incident is known" in told
    assert f"grantline explain {record('mine').lead}" in told


@pytest.mark.parametrize("wanted", ["inc_0000", "inc_", "x' OR true --"])
def test_an_incident_that_is_not_there_is_said_not_to_be(
    path: str, capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    assert "no incident begins with" in said(capsys, "incident", wanted, "--at", path, status=1)
