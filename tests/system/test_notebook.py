"""The notebooks run from a clean checkout and come to the conclusions that their text draws."""

from __future__ import annotations

import html
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAME = "from_alert_to_human.ipynb"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
LARGEST_PICTURE = 100_000
LARGEST_NOTEBOOK = 200_000


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks as a stranger gets them: what is committed, and nothing else."""
    folder = tmp_path_factory.mktemp("checkout") / "notebooks"
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "notebooks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    for path in [ROOT / name for name in names if name] or NOTEBOOKS.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def renewed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python notebooks` makes: each notebook with its outputs, and the picture."""
    folder = tmp_path_factory.mktemp("renewed")
    # CI's own variables are no settings, and a process says so.
    environment = {name: said for name, said in os.environ.items() if "GRANTLINE" not in name}
    subprocess.run([sys.executable, checkout, folder], check=True, timeout=250, env=environment)
    return folder


@pytest.fixture(scope="module")
def executed(renewed: Path) -> Any:
    return read(renewed / NAME)


def outputs(notebook: Any, kind: str) -> list[str]:
    """Everything of one MIME type that the cells gave out; `stdout` is what they printed."""
    found = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    if kind == "stdout":
        return [output.text for output in found if output.output_type == "stream"]
    return [output.data[kind] for output in found if kind in output.get("data", {})]


def tables(notebook: Any) -> dict[tuple[str, ...], list[list[str]]]:
    """Rows of each table by its column names."""
    found = {}
    for table in outputs(notebook, "text/html"):
        head, body = table.split("</thead>")
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("<tr>")[1:]]
        columns = tuple(re.findall(r"<th [^>]*>(.*?)</th>", head))
        found[columns] = [[html.unescape(cell) for cell in row] for row in rows]
    return found


def column(notebook: Any, *names: str) -> list[tuple[str, ...]]:
    """These columns of the one table that has them all."""
    (columns,) = [columns for columns in tables(notebook) if set(names) <= set(columns)]
    places = [columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in tables(notebook)[columns]]


@pytest.mark.parametrize("name", NAMES)
def test_is_committed_with_the_outputs_that_it_gives(renewed: Path, name: str) -> None:
    """Pictures of matplotlib apart, whose bytes depend on fonts."""
    committed, made = read(NOTEBOOKS / name), read(renewed / name)
    for kind in ("stdout", "text/html", "image/svg+xml"):
        assert outputs(committed, kind) == outputs(made, kind), "renew it: python notebooks"
    assert [cell.source for cell in committed.cells] == [cell.source for cell in made.cells]
    assert (NOTEBOOKS / name).stat().st_size < LARGEST_NOTEBOOK


def test_starts_from_the_alert_of_the_pager(executed: Any) -> None:
    printed = "".join(outputs(executed, "stdout"))
    assert '"critical"' in printed
    assert "build-runner-7 used token" in printed


def test_walks_from_the_alert_to_the_human(executed: Any) -> None:
    assert column(executed, "giver", "taker") == [
        ("vendor-desk", "build-runner-7"),
        ("payment-clerk", "vendor-desk"),
        ("close-assistant", "payment-clerk"),
        ("ivana", "close-assistant"),
    ]


def test_draws_the_chain_and_the_timeline(executed: Any) -> None:
    (chain,) = outputs(executed, "image/svg+xml")
    (timeline,) = outputs(executed, "image/png")
    assert "build-runner-7" in chain
    assert len(timeline) > 20_000


def test_shows_where_the_scope_came_in_and_who_had_the_token(executed: Any) -> None:
    assert column(executed, "delegator", "actor", "escalated") == [
        ("payment-clerk", "vendor-desk", "yes")
    ]
    assert column(executed, "presenter", "seen by systems", "reported by itself") == [
        ("vendor-desk", "8", "8"),
        ("build-runner-7", "8", "0"),
    ]


def test_only_the_planted_chain_has_findings(executed: Any) -> None:
    assert sorted(column(executed, "human", "open findings")) == [
        ("ivana", "7"), ("lena", "0"), ("omar", "0"), ("tom", "0"),
    ]  # fmt: skip
    assert [name for (name,) in column(executed, "reference")] == [
        "SE-01", "CS-06", "TR-11", "TR-01", "TR-05", "TR-05", "TR-06",
    ]  # fmt: skip


def test_the_text_agrees_with_the_answers(executed: Any) -> None:
    prose = " ".join(cell.source for cell in executed.cells if cell.cell_type == "markdown")
    accepted = column(executed, "system", "presenter", "accepted")
    assert ("bank", "build-runner-7", "12") in accepted
    assert {number for system, _, number in accepted if system == "books"} == {"0"}
    assert column(executed, "actor", "allowed scopes", "expires at")[0] == (
        "build-runner-7", "payments.create, payments.read", "20:55:00",
    )  # fmt: skip
    assert "until 20:55" in prose
    ((named, actors),) = column(executed, "named by", "actors in its token")
    assert named == "archiver"
    assert "format-gateway" in actors
    payments = column(executed, "action", "violations")
    assert len(payments) == 6
    assert [said for _, said in payments].count("") == 2
    assert "six payments" in prose


def test_holds_no_token(executed: Any) -> None:
    told = [*outputs(executed, "stdout"), *outputs(executed, "text/html")]
    committed = [(NOTEBOOKS / name).read_text("utf-8") for name in NAMES]
    assert not re.search(r"eyJ[\w-]+\.", "".join([*told, *committed]))


def test_the_picture_of_the_readme_is_small_and_up_to_date(renewed: Path) -> None:
    drawn, committed = renewed / "chain.svg", NOTEBOOKS / "chain.svg"
    assert committed.stat().st_size < LARGEST_PICTURE
    assert drawn.read_text("utf-8") == committed.read_text("utf-8"), "renew it: python notebooks"


def test_the_same_day_is_told_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    incident = importlib.import_module("incident")
    for name in ("one", "two"):
        incident.write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
