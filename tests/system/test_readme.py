"""What the README shows of asking works as it stands there, on the sample that is in the repository."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "schemas/examples/otlp/sample.jsonl"


def session() -> list[tuple[str, str]]:
    """The commands of section `Ask`, each with the output that is shown below it."""
    section = (
        (ROOT / "README.md").read_text("utf-8").partition("\n## Ask\n")[2].partition("\n## ")[0]
    )
    (block,) = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in parts]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a newcomer's terminal says to each of them, in a fresh clone."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "schemas").symlink_to(ROOT / "schemas")
    (clone / "bin").mkdir()
    command = clone / "bin/grantline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grantline.cli "$@"\n')
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRANTLINE")}
    environment = kept | {
        "PATH": f"{clone / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "pipeline"),
    }
    said = []
    for line, _ in session():
        done = subprocess.run(
            ["bash", "-c", line], cwd=clone, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)
        said.append(done.stdout)
    return said


def test_every_command_of_the_readme_answers(answers: list[str]) -> None:
    replayed, explained, asked, _ = answers
    found = [line.split()[1] for line in replayed.splitlines()[2:]]
    assert sorted(found) == ["CS-06", "SE-01", "TR-05", "TR-10"]
    assert "alice   chain dlg_" in explained
    assert "bob   chain dlg_" in explained
    assert asked.count("exporter") > 1


def test_what_the_readme_shows_is_what_they_answer(answers: list[str]) -> None:
    shown = [(output, answer) for (_, output), answer in zip(session(), answers, strict=True)]
    assert any(output for output, _ in shown)
    for output, answer in shown:
        assert output in ("", answer)


def without_versions(text: str) -> list[dict[str, Any]]:
    """Those of OpenTelemetry and of ours change; the rest of the sample does not."""
    text = re.sub(r'("telemetry.sdk.version","value":\{"stringValue":)"[^"]*"', r'\1""', text)
    text = re.sub(r'("grantline.emit","version":)"[^"]*"', r'\1""', text)
    return [json.loads(line) for line in text.splitlines()]


def test_the_sample_is_what_the_emitting_library_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every time, and no token is in it."""
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    made = tmp_path / "sample.jsonl"
    importlib.import_module("sample").write(made)
    assert without_versions(made.read_text("utf-8")) == without_versions(
        SAMPLE.read_text("utf-8")
    ), "renew it: python notebooks/sample.py"
    assert "eyJ" not in SAMPLE.read_text("utf-8")
