"""The page "What can I feed it" is true: each command on it runs, and no format is missing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from grantline.cli import main
from grantline.sources import SOURCES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "schemas" / "examples" / "README.md").read_text("utf-8")
ROWS = [row for row in PAGE.splitlines() if row.startswith("| ") and "`grantline replay" in row]
COMMANDS = [re.findall(r"`(grantline replay[^`]*)`", row)[-1] for row in ROWS]


def _format(command: str) -> str:
    words = shlex.split(command)
    return words[words.index("--format") + 1] if "--format" in words else "otlp"


def test_every_format_has_one_command() -> None:
    assert sorted(map(_format, COMMANDS)) == sorted(["otlp", *SOURCES])


@pytest.mark.parametrize("command", COMMANDS, ids=_format)
def test_a_command_of_the_page_reads_its_sample(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)[1:]) == 0
    said = capsys.readouterr().err
    found = re.search(r"read 1 file: (\d+) hops?, .* passed over, (\d+) rejected", said)
    assert found is not None, said
    assert int(found[1]) > 0
    assert found[2] == "0"
    source = SOURCES.get(_format(command))
    assert ("never run on real records" in said) is (source is not None and not source.proven)


def test_a_format_is_marked_as_never_run_where_its_source_says_so() -> None:
    for row, command in zip(ROWS, COMMANDS, strict=True):
        name = _format(command)
        proven = name == "otlp" or SOURCES[name].proven
        assert ("never run on real records" in row) is not proven, name
