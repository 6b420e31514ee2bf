"""Compiled modules are picked in silence, and done without in silence; only CI insists."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grantline import compiled
from grantline.store import columns
from grantline.wire import otlp
from tests.otlp import both, span

ROOT = Path(__file__).parents[2]
ASKED = """
from grantline.lineage import partition
from grantline.store.columns import columns
from grantline.wire.otlp import decoder
print(decoder(), columns(), partition.partition_of is partition._partition_of)
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / 'pipeline'}{os.pathsep}{ROOT}"
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_variable_does_without_them() -> None:
    asked = run("-c", ASKED, GRANTLINE_PURE="1")
    assert (asked.stdout, asked.stderr) == ("pure pure True\n", "")


@pytest.mark.skipif(otlp.decoder() == "pure", reason="not built, or GRANTLINE_PURE is set")
@pytest.mark.parametrize("value", ["", "0", "false", "n", "F"])
def test_without_the_variable_they_are_picked(value: str) -> None:
    asked = run("-c", ASKED, GRANTLINE_PURE=value)
    assert (asked.stdout, asked.stderr) == (f"compiled {columns.columns()} False\n", "")


def test_what_was_not_built_or_cannot_be_loaded_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "PURE", False)
    (tmp_path / "built_for_another_python.py").write_text("raise ImportError('undefined symbol')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert compiled.compiled("built_for_another_python") is None
    assert compiled.compiled("grantline.wire._not_built") is None


def test_ci_insists_on_what_it_tests() -> None:
    asked = run("-m", "pytest", "-q", __file__, GRANTLINE_PURE="1", GRANTLINE_REQUIRE_COMPILED="1")
    assert asked.returncode == 1
    assert "the compiled decoder, " in asked.stdout + asked.stderr
    cargo = shutil.which(os.environ.get("CARGO", "cargo"))
    assert ("the native core, " in asked.stdout + asked.stderr) == (cargo is not None)
    assert "GRANTLINE_PURE is set" in asked.stdout + asked.stderr


def test_threads_that_decode_at_once_do_not_meet() -> None:
    records = [both([span(number=number) for number in range(1, n)])[0] for n in range(2, 60)]
    expected = [otlp.decode(record) for record in records]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(5):
                assert list(threads.map(otlp.decode, records)) == expected
    finally:
        sys.setswitchinterval(interval)
